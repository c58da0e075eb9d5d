/**
 * Strangers behind home routers: two nodes and a client, each in a network namespace behind a NAT
 * of its own, find each other through a public relay and certify a job, over links with latency
 * and loss. And a house: two nodes on one local network that know nothing but the network's name.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Internet, whyNoInternet } from '../support/netns/internet.ts';
import { SiteNodes } from '../support/netns/site-nodes.ts';
import { loadArray, multiply, saveMatrix, wholeMatrix } from '../support/npy-files.ts';
import { Workplace } from '../support/workplace.ts';

const why = whyNoInternet();
const options = { timeout: 120_000, ...(why !== undefined && { skip: `no namespaces: ${why}` }) };
const LISTEN = ['--listen', '/ip4/0.0.0.0/tcp/4001'];

const place = new Workplace();
const internet = new Internet({
  latencyMs: 10,
  lossPerMille: 5,
  sites: [
    { name: 'relay', address: '45.9.0.1' },
    { name: 'alice', address: '192.168.1.2', behind: '45.9.1.1' },
    { name: 'bob', address: '192.168.2.2', behind: '45.9.2.1', symmetric: true },
    { name: 'carol', address: '10.0.3.2', behind: '45.9.3.1' },
    { name: 'house', address: '192.168.4.2', behind: '45.9.4.1' },
  ],
});
const nodes = new SiteNodes(internet, place.folder);

before(async () => {
  if (why !== undefined) return;
  await internet.start();
  await writeFile(place.path('net.json'), JSON.stringify({ v: 1, name: 'nat', id: 'nat' }));
});

after(async () => {
  if (why !== undefined) return;
  nodes.stop();
  await internet.stop();
});

test('two nodes behind NATs and a client behind a third certify a job', options, async () => {
  const relay = await nodes.up('relay', [...LISTEN, '--no-mdns', '--roles', 'relay']);
  const bootstrap = relay.addrs.find((address) => address.startsWith('/ip4/45.9.0.1/'));
  assert.ok(bootstrap !== undefined, `a public address among ${relay.addrs}`);
  for (const site of ['alice', 'bob']) {
    await nodes.up(site, [...LISTEN, '--no-mdns', '--bootstrap', bootstrap]);
    await nodes.logged(site, 'reachability', 'behind-nat');
    await nodes.logged(site, 'addresses', '/p2p-circuit');
  }
  const [a, b] = [wholeMatrix(40, 30, 5), wholeMatrix(30, 20, 7)];
  await saveMatrix(place.path('a.npy'), a);
  await saveMatrix(place.path('b.npy'), b);
  const { status, stdout, stderr } = await nodes.run('carol', [
    ...['run', 'gemm.f32@1', '--json', '--network', 'net.json', '--bootstrap', bootstrap],
    ...['--in', 'a=a.npy', '--in', 'b=b.npy', '--out', 'c=c.npy', '--cert', 'c.kadre'],
    ...['--shards', '4', '--replicas', '2', '--quorum', '2', '--cadre', '2', '--wait-peers', '30'],
    ...['--timeout', '60'],
  ]);
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.deepEqual((await loadArray(place.path('c.npy'))).data, multiply(a, b).data);
  assert.equal(Object.keys(JSON.parse(stdout).workers).length, 2);
});

test('two nodes of one local network find each other by mDNS', options, async () => {
  const first = await nodes.up('house', ['--listen', '/ip4/0.0.0.0/tcp/4001'], 'first');
  const second = await nodes.up('house', ['--listen', '/ip4/0.0.0.0/tcp/4002'], 'second');
  // Whichever asks first dials the other.
  await Promise.any([
    nodes.logged('second', 'met-on-lan', first.peerId),
    nodes.logged('first', 'met-on-lan', second.peerId),
  ]);
});
