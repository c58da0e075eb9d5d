/**
 * One shipped node from `up` to its end: alone, joining later, doing a job for its own user, told
 * to stop in three ways, and refused what it cannot have.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import { codeOf, eventually, type JsonObject, Workplace, within } from '../support/workplace.ts';

const place = new Workplace();
const LOOPBACK = ['--network', 'local', '--listen', '/ip4/127.0.0.1/tcp/0'];

interface Peers {
  readonly peers: readonly { readonly peerId: string; readonly connected: boolean }[];
}

/** An address that is taken for as long as the test wants. */
async function takePort(): Promise<{ port: number; free: () => void }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, free: () => server.close() };
}

/** What an operator and Prometheus see of it. */
async function watched(data: string, ready: JsonObject): Promise<void> {
  const { stdout } = await place.run([
    ...['top', '--count', '2', '--interval', '0.1', '--data', data, '--json'],
  ]);
  const looks = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { cpu: number | null; status: JsonObject });
  assert.equal(looks.length, 2);
  assert.deepEqual([looks[0]!.cpu === null, looks[1]!.cpu !== null], [true, true]);
  for (const look of looks) {
    assert.deepEqual(schemaProblems(schemaOf('top'), look), []);
    assert.deepEqual(schemaProblems(schemaOf('status'), look.status), []);
  }
  const url = `${ready.api}/v1/metrics`;
  assert.equal((await fetch(url)).status, 401);
  const token = (await readFile(String(ready.tokenFile), 'utf8')).trim();
  const scraped = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  assert.match(scraped.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  assert.match(await scraped.text(), new RegExp(`^kadre_info\\{peer="${ready.peerId}"`, 'm'));
}

test('a node alone is ready, says so once, and keeps what it writes to itself', async () => {
  const data = place.path('alone');
  const { process: node, ready } = await place.up([...LOOPBACK, '--data', data]);
  assert.deepEqual(schemaProblems(schemaOf('up'), ready), []);
  assert.equal(ready.dataDir, data);
  assert.match(String(ready.api), /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.match(String((ready.addrs as string[])[0]), new RegExp(`/p2p/${ready.peerId}$`));
  for (const name of ['identity', 'api-token']) {
    assert.equal((await stat(place.path('alone', name))).mode & 0o777, 0o600, name);
  }
  await watched(data, ready);
  const second = await place.json(['up', ...LOOPBACK, '--data', data]);
  assert.deepEqual([second.status, codeOf(second.object)], [7, 'DATA_DIR_LOCKED']);
  node.child.kill('SIGTERM');
  const { status, stderr } = await within(node.finished, 'the drain');
  assert.equal(status, 0);
  assert.doesNotMatch(stderr, /not drained/);
  for (const name of ['api-token', 'node.json']) {
    await assert.rejects(access(place.path('alone', name)), name);
  }
});

test('a certified job goes through a node for its own user, and `down` ends the node', async () => {
  const data = place.path('single');
  const { process: node, ready } = await place.up([...LOOPBACK, '--data', data]);
  const alone = ['--replicas', '1', '--cadre', '1', '--shards', '8'];
  const target = ['--api', String(ready.api)];
  const files = ['--out', 'out=single.npy', '--cert', 'single.kadre'];
  const ran = await place.json(['run', 'noop@1', ...target, ...alone, ...files]);
  assert.equal(ran.status, 0, JSON.stringify(ran.object));
  const verified = await place.json(['verify', 'single.kadre', '--out', 'out=single.npy']);
  assert.deepEqual([verified.status, verified.object.single], [0, true]);
  // The node of --data is found without naming it; nobody is asked to write.
  const quiet = await place.json(['run', 'noop@1', '--data', data, ...alone]);
  assert.deepEqual(quiet.object.certificate, {
    ...(quiet.object.certificate as JsonObject),
    file: null,
  });
  const full = await place.json(['run', 'noop@1', ...target, ...alone, '--out', 'out=/dev/full']);
  assert.deepEqual([full.status, codeOf(full.object)], [7, 'DISK_FAILED']);
  await writeFile(place.path('token'), 'another-token\n');
  const denied = await place.json(['status', ...target, '--token-file', 'token']);
  assert.deepEqual([denied.status, codeOf(denied.object)], [7, 'API_DENIED']);
  const noToken = await place.json(['status', ...target, '--token-file', 'single.kadre']);
  assert.deepEqual([noToken.status, codeOf(noToken.object)], [2, 'USAGE']);
  const down = await place.json(['down', '--data', data]);
  assert.deepEqual(schemaProblems(schemaOf('down'), down.object), []);
  assert.equal((await within(node.finished, 'the end after `down`')).status, 0);
  const gone = await place.json(['status', ...target]);
  assert.deepEqual([gone.status, codeOf(gone.object)], [7, 'NODE_UNREACHABLE']);
});

test('a node starts although no bootstrap answers, and joins when one appears', async () => {
  const later = await place.up([...LOOPBACK, '--data', place.path('later')]);
  const address = String((later.ready.addrs as string[])[0]);
  later.process.child.kill('SIGTERM');
  await within(later.process.finished, 'the first end');

  const words = [...LOOPBACK, '--data', place.path('early'), '--bootstrap', address];
  const early = await place.up(words);
  const peers = async () => {
    const { object } = await place.json(['peers', '--data', place.path('early')]);
    return (object as unknown as Peers).peers;
  };
  assert.deepEqual(await peers(), []);
  const listen = address.replace(/\/p2p\/.*$/, '');
  const again = await place.up([
    ...['--network', 'local', '--listen', listen],
    ...['--data', place.path('later')],
  ]);
  assert.equal(again.ready.peerId, later.ready.peerId, 'the identity is kept');
  await eventually(
    async () => (await peers()).find(({ peerId }) => peerId === again.ready.peerId),
    'the early node joins',
  );
  const { object: report } = await place.json(['doctor', '--data', place.path('early')]);
  assert.deepEqual(schemaProblems(schemaOf('doctor'), report), []);
  const checks = report.checks as { name: string; status: string; detail: string }[];
  const reach = checks.find(({ name }) => name === 'reachability');
  assert.match(`${reach?.status}: ${reach?.detail}`, /^ok: 1 of 1 peers reached it at \/ip4/);
  early.process.child.kill('SIGINT');
  assert.equal((await within(early.process.finished, 'the end on SIGINT')).status, 0);
});

test('a port that is taken is exit 7, and the data directory stays usable', async () => {
  const { port, free } = await takePort();
  const data = ['--data', place.path('ports')];
  const busy = [
    ['up', ...LOOPBACK, ...data, '--api', `127.0.0.1:${port}`],
    ['up', '--network', 'local', '--listen', `/ip4/127.0.0.1/tcp/${port}`, ...data],
  ];
  for (const words of busy) {
    const { status, object } = await place.json(words);
    assert.deepEqual([words, status, codeOf(object)], [words, 7, 'PORT_TAKEN']);
  }
  free();
  const { process: node } = await place.up([...LOOPBACK, ...data]);
  node.child.kill('SIGTERM');
  assert.equal((await within(node.finished, 'the drain')).status, 0);
});

test('a damaged identity is exit 7 and is not replaced', async () => {
  const data = await place.makeFolder('damaged');
  await writeFile(place.path('damaged', 'identity'), 'garbage', { mode: 0o600 });
  const { status, object } = await place.json(['up', ...LOOPBACK, '--data', data]);
  assert.deepEqual([status, codeOf(object)], [7, 'DATA_DIR_DAMAGED']);
  assert.equal(await readFile(place.path('damaged', 'identity'), 'utf8'), 'garbage');
  assert.deepEqual(await readdir(data), ['identity', 'lock'], 'nothing else appears');
});

test('kernels list and selftest fit their schemas and hold on every backend', async () => {
  const list = await place.json(['kernels', 'list']);
  assert.deepEqual([list.status, schemaProblems(schemaOf('kernels-list'), list.object)], [0, []]);
  const { status, object } = await place.json(['kernels', 'selftest']);
  assert.deepEqual([status, object.ok], [0, true]);
  assert.deepEqual(schemaProblems(schemaOf('kernels-selftest'), object), []);
});

test('a drained node ends what it began, takes nothing new, and only then stops', async () => {
  const data = place.path('drained');
  const { process: node, ready } = await place.up([...LOOPBACK, '--data', data]);
  const target = ['--api', String(ready.api)];
  const alone = ['--replicas', '1', '--cadre', '1'];
  const points = [
    '--param',
    'width=2048',
    '--param',
    'height=2048',
    '--param',
    'maxIterations=4000',
  ];
  const work = [
    'run',
    'mandelbrot@1',
    ...points,
    '--shards',
    '64',
    ...alone,
    '--cert',
    'last.kadre',
  ];
  const running = place.start([...work, ...target, '--json']);
  await eventually(async () => {
    const { object } = await place.json(['status', ...target]);
    return (object.jobs as { running: number }).running > 0 ? object : undefined;
  }, 'a running job');
  const drain = place.start(['down', '--drain', '--data', data, '--json']);
  await eventually(async () => {
    const { object } = await place.json(['status', ...target]);
    return object.resting === 'draining' ? object : undefined;
  }, 'a node at rest');
  const late = await place.json(['run', 'noop@1', ...alone, ...target]);
  assert.deepEqual([late.status, codeOf(late.object)], [4, 'STOPPED']);
  const [job, down, end] = await Promise.all([
    within(running.finished, 'the job'),
    within(drain.finished, 'the drain'),
    within(node.finished, 'the node'),
  ]);
  assert.deepEqual([job.status, down.status, end.status], [0, 0, 0], job.stdout + down.stderr);
  assert.deepEqual(schemaProblems(schemaOf('down'), JSON.parse(down.stdout)), []);
  const verified = await place.json(['verify', 'last.kadre']);
  assert.equal(verified.object.valid, true);
});

test('sharing has its limits: cores, memory and hours, said in status and advert', async () => {
  const data = ['--data', place.path('limited')];
  const hour = new Date().getHours();
  const hours = `${(hour + 2) % 24}-${(hour + 3) % 24}`;
  await place.up([...LOOPBACK, ...data, '--memory', '0.5', '--hours', hours]);
  const { object: status } = await place.json(['status', ...data]);
  assert.equal(status.resting, `outside its hours, ${hours}`);
  const { object: caps } = await place.json(['caps', ...data]);
  const { devices } = caps.advert as { devices: { kind: string; memory: number }[] };
  assert.equal(devices.find(({ kind }) => kind === 'cpu')?.memory, 2 ** 29);
  const wrong = await place.json(['up', ...LOOPBACK, ...data, '--hours', '25-3']);
  assert.deepEqual([wrong.status, codeOf(wrong.object)], [2, 'USAGE']);
});
