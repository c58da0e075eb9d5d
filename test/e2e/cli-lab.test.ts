/** The command line against a real swarm of processes: both ways in, verification, and the end. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { arrayOfBytes } from '../../src/kernel/nd-array.ts';
import { parseNpy, writeNpy } from '../../src/kernel/npy.ts';
import { connectionEnd } from '../support/connection-end.ts';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import { type KadreProcess, kadre, startKadre } from '../support/kadre-process.ts';

interface Ready {
  readonly networkFile: string;
  readonly nodes: readonly { pid: number; api: string; peerId: string; dataDir: string }[];
}

let folder: string;
let lab: KadreProcess;
let ready: Ready;
let env: NodeJS.ProcessEnv;
const file = (name: string) => join(folder, name);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-e2e-'));
  env = { XDG_RUNTIME_DIR: folder, KADRE_DATA: file('data') };
  // a is [[1, 2], [3, 4]], b swaps columns.
  const array = (values: number[]) =>
    writeNpy({
      dtype: '<f4',
      shape: [2, 2],
      data: new Uint8Array(Float32Array.from(values).buffer),
    });
  await writeFile(file('a.npy'), array([1, 2, 3, 4]));
  await writeFile(file('b.npy'), array([0, 1, 1, 0]));
  lab = startKadre(['lab', 'up', '--nodes', '5', '--json'], { env });
  ready = (await lab.firstLine) as unknown as Ready;
});
after(async () => {
  lab.child.kill('SIGINT');
  await lab.finished;
  await rm(folder, { recursive: true, force: true });
});

const gemm = ['run', 'gemm.f32@1', '--shards', '2', '--wait-peers', '60', '--json'];
const inputs = () => ['--in', `a=${file('a.npy')}`, '--in', `b=${file('b.npy')}`];

async function runAndVerify(where: readonly string[], name: string): Promise<void> {
  const [c, certificate] = [file(`${name}.npy`), file(`${name}.kadre`)];
  const files = [...inputs(), '--out', `c=${c}`, '--cert', certificate];
  const ran = await kadre([...gemm, ...files, ...where], { env });
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  assert.deepEqual(schemaProblems(schemaOf('run'), JSON.parse(ran.stdout)), []);
  const parsed = parseNpy(await readFile(c));
  assert.ok(parsed.ok);
  assert.deepEqual(arrayOfBytes(parsed.value, parsed.value.data).data, Float32Array.of(2, 1, 4, 3));
  const checked = ['--out', `c=${c}`, '--json'];
  const verified = await kadre(['verify', certificate, ...inputs(), ...checked], { env });
  assert.equal(verified.status, 0, verified.stdout);
  const flipped = await readFile(c);
  flipped[flipped.length - 2]! ^= 0x10;
  await writeFile(c, flipped);
  assert.equal((await kadre(['verify', certificate, ...checked], { env })).status, 6);
}

test('a client of its own joins by the network file', async () => {
  await runAndVerify(['--network', ready.networkFile], 'client');
});

test('a job goes through the API of a node, whose token is found by itself', async () => {
  await runAndVerify(['--api', ready.nodes[0]!.api], 'api');
});

test('status, peers and caps of a node fit their schemas', async () => {
  for (const verb of ['status', 'peers', 'caps']) {
    const asked = await kadre([verb, '--data', ready.nodes[1]!.dataDir, '--json'], { env });
    assert.equal(asked.status, 0, asked.stdout);
    assert.deepEqual(schemaProblems(schemaOf(verb), JSON.parse(asked.stdout)), [], verb);
  }
});

test('unreachable bootstraps are exit 3, within the time given', async () => {
  const peer = ready.nodes[0]!.peerId;
  const where = ['--bootstrap', `/ip4/127.0.0.1/tcp/1/p2p/${peer}`, '--wait-peers', '0.2'];
  const ran = await kadre(['run', 'noop@1', '--json', ...where], { env });
  assert.equal(ran.status, 3, ran.stdout);
  assert.equal(JSON.parse(ran.stdout).error.code, 'NOT_ENOUGH_PEERS');
});

test('nodes end with a lab that is killed without warning', async () => {
  const other = startKadre(['lab', 'up', '--nodes', '2', '--json'], { env });
  const { nodes, networkFile } = (await other.firstLine) as unknown as Ready;
  const ends = nodes.map((node) => connectionEnd(node.api));
  other.child.kill('SIGKILL');
  await Promise.all(ends);
  // A node still writes down its peers after its API has closed.
  await rm(dirname(networkFile), { recursive: true, force: true, maxRetries: 10 });
});
