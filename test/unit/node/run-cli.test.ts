import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { bytesOfArray } from '../../../src/kernel/nd-array.ts';
import { writeNpy } from '../../../src/kernel/npy.ts';
import { type CliOptions, runInProcess as runCommand } from '../../support/cli-world.ts';
import { FAKE_PEER_ID, makeFakeNode } from '../../support/fake-node.ts';
import { schemaOf, schemaProblems } from '../../support/json-schema.ts';

let folder: string;
let a: string;
let b: string;
let network: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-cli-'));
  [a, b] = [join(folder, 'a.npy'), join(folder, 'b.npy')];
  const data = bytesOfArray({ data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] });
  for (const file of [a, b]) await writeFile(file, writeNpy({ dtype: '<f4', shape: [2, 2], data }));
  network = join(folder, 'network.json');
  await writeFile(network, JSON.stringify({ v: 1, name: 't', id: 't', bootstrap: [bootstrap] }));
});
after(() => rm(folder, { recursive: true, force: true }));

/** With the network of the test, so that no machine's own settings matter. */
const runInProcess = (argv: readonly string[], options: CliOptions = {}) =>
  runCommand(argv, { ...options, env: { KADRE_NETWORK: network } });

const fits = (schema: string, value: unknown) =>
  assert.deepEqual(schemaProblems(schemaOf(schema), value), []);

const bootstrap = `/ip4/127.0.0.1/tcp/1/p2p/${FAKE_PEER_ID}`;
/** gemm on the two files, on the network of the test. */
const gemm = () => ['run', 'gemm.f32@1', '--in', `a=${a}`, '--in', `b=${b}`, '--json'];

test('run writes outputs and certificate, and verify accepts exactly those', async () => {
  const [c, certificate] = [join(folder, 'c.npy'), join(folder, 'c.kadre')];
  const files = ['--out', `c=${c}`, '--cert', certificate, '--shards', '2'];
  const ran = await runInProcess([...gemm(), ...files], { node: makeFakeNode() });
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  fits('run', ran.json());
  assert.deepEqual((ran.json().outputs as { c: { file: string } }).c.file, c);
  const { bytes } = ran.json().certificate as { bytes: number };
  assert.equal((await stat(certificate)).size, bytes);

  const arrays = ['--in', `a=${a}`, '--out', `c=${c}`, '--json'];
  const verified = await runInProcess(['verify', certificate, ...arrays]);
  assert.equal(verified.status, 0, verified.stdout);
  fits('verify', verified.json());
  assert.deepEqual(verified.json().checked, { inputs: ['a'], outputs: ['c'] });

  const good = await readFile(c);
  good[good.length - 1]! ^= 1;
  await writeFile(c, good);
  const changed = await runInProcess(['verify', certificate, ...arrays]);
  assert.deepEqual([changed.status, changed.json().reason], [6, 'OUTPUT_MISMATCH']);
  fits('verify', changed.json());

  await writeFile(c, good.subarray(0, -1));
  const strict = await runInProcess(['verify', certificate, ...arrays]);
  assert.deepEqual([strict.status, strict.json().reason], [6, 'MALFORMED_FILE']);
  const missing = await runInProcess(['verify', certificate, '--out', 'c=/nonexistent', '--json']);
  assert.equal(missing.status, 2);

  await writeFile(certificate, (await readFile(certificate)).subarray(0, -1));
  const truncated = await runInProcess(['verify', certificate, '--json']);
  assert.deepEqual([truncated.status, truncated.json().valid], [6, false]);
  assert.equal((await runInProcess(['verify', certificate])).status, 6);
});

test('without --out and --cert nothing is written and the fields say so', async () => {
  const listing = await readdir(folder);
  const ran = await runInProcess(gemm(), { node: makeFakeNode() });
  assert.equal(ran.status, 0);
  fits('run', ran.json());
  const report = ran.json() as { outputs: { c: { file: null } }; certificate: { file: null } };
  assert.deepEqual([report.outputs.c.file, report.certificate.file], [null, null]);
  assert.deepEqual(await readdir(folder), listing);
});

test('with the cadre off the report has no certificate', async () => {
  const ran = await runInProcess([...gemm(), '--cadre', '0'], { node: makeFakeNode() });
  fits('run', ran.json());
  assert.equal(ran.json().certificate, null);
  assert.equal(ran.json().receipts, 'none');
});

test('an array whose data lies at an odd offset is read as any other', async () => {
  const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), } \n";
  const data = (await readFile(a)).subarray(-16);
  for (const padding of ['', ' ', '  ', '   ']) {
    const header = Buffer.from(padding + text);
    const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
    const odd = join(folder, 'odd.npy');
    await writeFile(odd, Buffer.concat([start, header, data]));
    const node = makeFakeNode();
    const argv = ['run', 'gemm.f32@1', '--in', `a=${odd}`, '--in', `b=${b}`, '--json'];
    const ran = await runInProcess(argv, { node });
    assert.equal(ran.status, 0, ran.stdout);
    const read = node.submissions[0]!.work.inputs!.a!;
    assert.ok('data' in read);
    assert.deepEqual(read.data, Float32Array.of(1, 2, 3, 4));
  }
});

test('people get lines, not JSON', async () => {
  const ran = await runInProcess(gemm().slice(0, -1), { node: makeFakeNode() });
  assert.equal(ran.status, 0);
  assert.match(ran.stdout, /gemm\.f32@1: 1 shards, 3 replicas, 2 must agree, cadre of 4, quorum 3/);
  assert.match(ran.stdout, /certificate verified/);
  assert.match(ran.stdout, new RegExp(`dispute: ${FAKE_PEER_ID} wrong-result on shard 0`));
});

test('every flag of a policy reaches the swarm', async () => {
  const node = makeFakeNode();
  const flags = '--replicas 2 --quorum 1 --cadre 1 --deadline 1.5 --wait-peers 3 --shards 4';
  await runInProcess([...gemm(), ...flags.split(' ')], { node });
  const { signal: _, ...options } = node.submissions[0]!.options;
  assert.deepEqual(options, {
    replicas: 2,
    quorum: 1,
    cadre: 1,
    deadlineMs: 1500,
    waitPeersMs: 3000,
  });
  assert.equal(node.submissions[0]!.work.shards, 4);
});

test('a failed job keeps its code, its exit status and the old files', async () => {
  const out = join(folder, 'old.npy');
  await writeFile(out, 'precious');
  const exits: [ConstructorParameters<typeof KadreError>[0]['code'], number][] = [
    ['NOT_ENOUGH_PEERS', 3],
    ['NO_AGREEMENT', 4],
    ['DEADLINE_PASSED', 5],
    ['CERTIFICATE_INVALID', 6],
  ];
  for (const [code, exit] of exits) {
    const node = makeFakeNode({ refusal: new KadreError({ code, peer: FAKE_PEER_ID }, 'no') });
    const ran = await runInProcess([...gemm(), '--out', `c=${out}`], { node });
    assert.equal(ran.status, exit);
    fits('error', ran.json());
    assert.equal((ran.json().error as { code: string }).code, code);
    assert.equal(await readFile(out, 'utf8'), 'precious');
  }
});

test('an interrupt cancels the job: 130', async () => {
  const node = makeFakeNode({ stalls: true });
  const interrupt = new AbortController();
  const submitted = pollSubmission(node);
  const running = runInProcess(gemm(), { node, interrupt: interrupt.signal });
  await submitted;
  interrupt.abort(new KadreError({ code: 'INTERRUPTED' }, 'SIGINT'));
  const ran = await running;
  assert.equal(ran.status, 130);
  assert.equal(node.cancelled.length, 1);
  fits('error', ran.json());
});

test('patience that runs out leaves the job alone: 5', async () => {
  const node = makeFakeNode({ stalls: true });
  const ran = await runInProcess([...gemm(), '--timeout', '0.2'], { node });
  assert.equal(ran.status, 5, ran.stdout);
  assert.equal((ran.json().error as { code: string }).code, 'TIMEOUT');
  assert.deepEqual(node.cancelled, []);
  const refusal = new KadreError({ code: 'TIMEOUT' }, 'before anything was submitted');
  const early = await runInProcess(gemm(), { node: makeFakeNode({ refusal }) });
  assert.match(early.stdout, /nothing was submitted yet/);
});

/** Resolves once a job was submitted to the fake. */
async function pollSubmission(node: ReturnType<typeof makeFakeNode>): Promise<void> {
  while (node.submissions.length === 0) await new Promise((resolve) => setImmediate(resolve));
}

/** Each command line with the code that it must be refused with, before anyone is dialled. */
async function refusedLocally(bad: readonly (readonly [string[], string])[]): Promise<void> {
  const node = makeFakeNode();
  for (const [argv, code] of bad) {
    const flagged = argv.includes('--json') ? argv : ['--json', ...argv];
    const ran = await runInProcess(flagged, { node });
    assert.deepEqual(ran.connects, [], argv.join(' '));
    assert.equal(ran.status, 2, `${argv.join(' ')}: ${ran.stdout}${ran.stderr}`);
    fits('error', ran.json());
    assert.equal((ran.json().error as { code: string }).code, code, argv.join(' '));
  }
  assert.equal(node.submissions.length, 0);
}

test('a file that is wrong is exit 2, and nobody is dialled', async () => {
  const npy = await readFile(a);
  const f8 = Buffer.from(npy);
  f8.write('<f8', npy.indexOf('<f4'));
  const files: Record<string, Uint8Array> = {
    'truncated.npy': npy.subarray(0, -1),
    'trailing.npy': Buffer.concat([npy, Buffer.alloc(1)]),
    'magic.npy': Buffer.concat([Buffer.alloc(6), npy.subarray(6)]),
    'dtype.npy': f8,
    'empty.npy': Buffer.alloc(0),
    'flat.npy': writeNpy({ dtype: '<f4', shape: [4], data: npy.subarray(-16) }),
    'wide.npy': writeNpy({ dtype: '<f4', shape: [1, 4], data: npy.subarray(-16) }),
    'int.npy': writeNpy({ dtype: '<i4', shape: [2, 2], data: npy.subarray(-16) }),
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content);
  }
  await mkdir(join(folder, 'folder.npy'), { recursive: true });
  const withB = (name: string) => [
    'run',
    'gemm.f32@1',
    '--in',
    `a=${a}`,
    '--in',
    `b=${join(folder, name)}`,
  ];
  await refusedLocally([
    [withB('truncated.npy'), 'MALFORMED_FILE'],
    [withB('trailing.npy'), 'MALFORMED_FILE'],
    [withB('magic.npy'), 'MALFORMED_FILE'],
    [withB('dtype.npy'), 'MALFORMED_FILE'],
    [withB('empty.npy'), 'MALFORMED_FILE'],
    [withB('missing.npy'), 'MALFORMED_FILE'],
    [withB('folder.npy'), 'MALFORMED_FILE'],
    [withB('flat.npy'), 'BAD_INPUT'],
    [withB('wide.npy'), 'BAD_INPUT'],
    [withB('int.npy'), 'BAD_INPUT'],
  ]);
});

test('a job that is wrong is exit 2, and nobody is dialled', async () => {
  await refusedLocally([
    [gemm().slice(0, 4), 'BAD_INPUT'],
    [[...gemm(), '--in', `x=${a}`], 'BAD_INPUT'],
    [[...gemm(), '--in', `a=${a}`], 'USAGE'],
    [[...gemm(), '--shards', '0'], 'BAD_SHARD_COUNT'],
    [[...gemm(), '--shards', '-1'], 'BAD_SHARD_COUNT'],
    [[...gemm(), '--shards', '1000000000'], 'BAD_SHARD_COUNT'],
    [[...gemm(), '--shards', 'many'], 'USAGE'],
    [[...gemm(), '--quorum', '4'], 'BAD_POLICY'],
    [[...gemm(), '--replicas', '0'], 'BAD_POLICY'],
    [[...gemm(), '--cadre', '101'], 'BAD_POLICY'],
    [[...gemm(), '--param', 'alpha=1'], 'BAD_PARAMETER'],
    [['run', 'noop@1', '--param', 'items=1.5'], 'BAD_PARAMETER'],
    [['run', 'noop@1', '--param', 'items=0'], 'BAD_PARAMETER'],
    [['run', 'noop@1', '--param', 'items=1', '--param', 'items=1'], 'BAD_PARAMETER'],
    [['run', 'gemm.f32@2'], 'UNKNOWN_KERNEL'],
    [['run'], 'USAGE'],
    [[...gemm(), '--out', 'd=x.npy'], 'USAGE'],
    [[...gemm(), '--out', `c=${folder}`], 'USAGE'],
    [[...gemm(), '--out', 'c=/nonexistent/c.npy'], 'USAGE'],
    [[...gemm(), '--out', `c=${join(folder, 'x')}`, '--cert', join(folder, 'x')], 'USAGE'],
    [[...gemm(), '--cadre', '0', '--cert', 'x.kadre'], 'USAGE'],
    [[...gemm(), '--api', 'http://127.0.0.1:1', '--bootstrap', bootstrap], 'USAGE'],
    [[...gemm(), '--api', 'nonsense'], 'USAGE'],
    [[...gemm(), '--bootstrap', '/ip4/127.0.0.1/tcp/1'], 'USAGE'],
    [[...gemm(), '--network', join(folder, 'none.json')], 'BAD_CONFIG'],
    [[...gemm(), '--network', a], 'BAD_CONFIG'],
    [[...gemm(), '--frob'], 'USAGE'],
    [['frob'], 'USAGE'],
    [[], 'USAGE'],
  ]);
});

test('other verbs refuse what is wrong in the same way', async () => {
  await refusedLocally([
    [['verify', '/nonexistent.kadre'], 'CERTIFICATE_UNREADABLE'],
    [['verify', folder], 'CERTIFICATE_UNREADABLE'],
    [['up', '--roles', 'king'], 'USAGE'],
    [['up', '--share', '0'], 'USAGE'],
    [['up', '--api', '0.0.0.0:80'], 'USAGE'],
    [['up', '--bootstrap', 'x'], 'USAGE'],
    [['lab', 'run', '--', 'up'], 'USAGE'],
    [['lab', 'run'], 'USAGE'],
    [['lab', 'run', '--', 'run', 'noop@1', '--network', 'x'], 'USAGE'],
    [['lab', 'run', '--', 'run', 'noop@1', '--shards', '0'], 'BAD_SHARD_COUNT'],
    [['lab', 'up', '--behaviour', 'wrong-resutl'], 'USAGE'],
    [['lab', 'up', '--nodes', '2', '--byzantine', '2'], 'USAGE'],
    [['kernels', 'inspect', 'gem.f32@1'], 'UNKNOWN_KERNEL'],
    [['config', 'explain', 'shrae'], 'USAGE'],
    [['network', 'create'], 'USAGE'],
    [['network', 'create', '--name', 'x', '--bits', '3'], 'USAGE'],
    [['network', 'create', '--name', 'x', '--bootstrap', 'nowhere'], 'USAGE'],
    [['network', 'invite', 'nobody'], 'USAGE'],
    [['network', 'invite', `12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN`], 'USAGE'],
    [['describe', 'abcdef0'], 'USAGE'],
    [['get', 'x'.repeat(64)], 'USAGE'],
    [['cancel'], 'USAGE'],
    [['why', 'ab'.repeat(4), '--shard', '-1'], 'USAGE'],
    [['events', 'ab'.repeat(4), '--folow'], 'USAGE'],
    [['submit', 'noop@1', '--out', 'out=x.npy'], 'USAGE'],
    [['run', 'noop@1', '--detach', '--out', 'out=x.npy'], 'USAGE'],
    [['run', 'noop@1', '--detach', '--cadre', '0'], 'BAD_POLICY'],
    [['submit', 'noop@1', '--cadre', '0'], 'BAD_POLICY'],
    [['submit', 'gemm.f32@1'], 'BAD_INPUT'],
  ]);
});

test('verbs without a node answer by themselves, each with its schema', async () => {
  const data = join(folder, 'fresh');
  const verbs: [string[], string][] = [
    [['kernels', 'list'], 'kernels-list'],
    [['kernels', 'inspect', 'noop@1'], 'kernels-inspect'],
    [['kernels', 'selftest'], 'kernels-selftest'],
    [['config', 'show', '--data', data], 'config-show'],
    [['config', 'explain', 'share', '--data', data], 'config-explain'],
    [['network', 'show', 'public'], 'network-show'],
    [['network', 'show', 'local'], 'network-show'],
    [['network', 'create', '--name', 'A b', '--out', join(folder, 'n.json')], 'network-create'],
  ];
  for (const [argv, schema] of verbs) {
    const ran = await runInProcess([...argv, '--json']);
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
    fits(schema, ran.json());
    const human = await runInProcess(argv);
    assert.equal(human.status, 0, human.stdout + human.stderr);
  }
});

test('verbs that need a node say so when there is none', async () => {
  const ofJob = ['why', 'cancel', 'retry'].map((verb) => [verb, 'ab'.repeat(4)]);
  for (const argv of [['status'], ['peers'], ['caps'], ['down'], ['list'], ...ofJob]) {
    const ran = await runInProcess([...argv, '--json']);
    assert.equal(ran.status, 7);
    fits('error', ran.json());
  }
});

test('the public network says honestly that it has no nodes yet', async () => {
  const ran = await runCommand(['run', 'noop@1', '--json']);
  assert.equal(ran.status, 3);
  assert.deepEqual(ran.connects, []);
  assert.match(ran.stdout, /no public swarm exists yet/);
});

test('help and version cost nothing and need no positionals', async () => {
  assert.equal((await runInProcess(['--version'])).stdout, '0.0.0-test\n');
  assert.match((await runInProcess(['run', '-h'])).stdout, /--wait-peers SECONDS/);
  assert.match((await runInProcess(['--help'])).stdout, /lab run/);
  const group = await runInProcess(['id', '--help']);
  assert.match(group.stdout, /kadre id show .*\n.*kadre id rotate /);
});
