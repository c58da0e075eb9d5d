/**
 * Strangers behind home routers: two nodes and a client, each in a network namespace behind a NAT
 * of its own, find each other through a public relay and certify a job, over links with latency
 * and loss.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Internet, whyNoInternet } from '../support/netns/internet.ts';
import { loadArray, multiply, saveMatrix, wholeMatrix } from '../support/npy-files.ts';
import { Workplace } from '../support/workplace.ts';

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url));
const why = whyNoInternet();
const options = { timeout: 120_000, ...(why !== undefined && { skip: `no namespaces: ${why}` }) };

const place = new Workplace();
const internet = new Internet({
  latencyMs: 10,
  lossPerMille: 5,
  sites: [
    { name: 'relay', address: '45.9.0.1' },
    { name: 'alice', address: '192.168.1.2', behind: '45.9.1.1' },
    { name: 'bob', address: '192.168.2.2', behind: '45.9.2.1', symmetric: true },
    { name: 'carol', address: '10.0.3.2', behind: '45.9.3.1' },
  ],
});
const children: ChildProcess[] = [];
const logs = new Map<string, Interface>();

function kadreOn(site: string, argv: readonly string[]): ChildProcess {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, ...argv];
  const [program, rest] = internet.on(site, node);
  const child = spawn(program, rest, { cwd: place.folder, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

/** Resolves with the first line of a node's log from now on that says all of this. */
async function logged(site: string, ...words: readonly string[]): Promise<string> {
  const lines = on(logs.get(site)!, 'line', { signal: AbortSignal.timeout(30_000) });
  for await (const [line] of lines) if (words.every((word) => line.includes(word))) return line;
  throw new Error(`${site} ended before it said ${words}`);
}

async function nodeOn(site: string, argv: readonly string[]): Promise<Record<string, string[]>> {
  const common = ['--json', '--network', 'net.json', '--data', `data-${site}`];
  const listen = ['--listen', '/ip4/0.0.0.0/tcp/4001', '--no-mdns', '--no-upnp'];
  const child = kadreOn(site, ['up', '--log', 'info', ...common, ...listen, ...argv]);
  const lines = createInterface({ input: child.stdout! });
  const [line] = await once(lines, 'line', { signal: AbortSignal.timeout(30_000) });
  logs.set(site, createInterface({ input: child.stderr! }));
  return JSON.parse(line);
}

before(async () => {
  if (why !== undefined) return;
  await internet.start();
  await writeFile(place.path('net.json'), JSON.stringify({ v: 1, name: 'nat', id: 'nat' }));
});

after(async () => {
  if (why !== undefined) return;
  for (const child of children) child.kill('SIGKILL');
  await internet.stop();
});

test('two nodes behind NATs and a client behind a third certify a job', options, async () => {
  const relay = await nodeOn('relay', ['--roles', 'relay']);
  const bootstrap = relay.addrs!.find((address) => address.startsWith('/ip4/45.9.0.1/'));
  assert.ok(bootstrap !== undefined, `a public address among ${relay.addrs}`);
  for (const site of ['alice', 'bob']) {
    await nodeOn(site, ['--bootstrap', bootstrap]);
    await logged(site, 'reachability', 'behind-nat');
    await logged(site, 'addresses', '/p2p-circuit');
  }
  const [a, b] = [wholeMatrix(40, 30, 5), wholeMatrix(30, 20, 7)];
  await saveMatrix(place.path('a.npy'), a);
  await saveMatrix(place.path('b.npy'), b);
  const run = kadreOn('carol', [
    ...['run', 'gemm.f32@1', '--json', '--network', 'net.json', '--bootstrap', bootstrap],
    ...['--in', 'a=a.npy', '--in', 'b=b.npy', '--out', 'c=c.npy', '--cert', 'c.kadre'],
    ...['--shards', '4', '--replicas', '2', '--quorum', '2', '--cadre', '2', '--wait-peers', '30'],
    ...['--timeout', '60'],
  ]);
  let [stdout, stderr] = ['', ''];
  run.stdout!.on('data', (text) => {
    stdout += text;
  });
  run.stderr!.on('data', (text) => {
    stderr += text;
  });
  const [status] = await once(run, 'close', { signal: AbortSignal.timeout(90_000) });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.deepEqual((await loadArray(place.path('c.npy'))).data, multiply(a, b).data);
  const report = JSON.parse(stdout);
  assert.equal(Object.keys(report.workers).length, 2);
});
