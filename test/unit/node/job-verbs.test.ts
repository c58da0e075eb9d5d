import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { runInProcess } from '../../support/cli-world.ts';
import { type FakeNode, makeFakeNode } from '../../support/fake-node.ts';
import { schemaOf, schemaProblems } from '../../support/json-schema.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-jobs-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const fits = (schema: string, value: unknown) =>
  assert.deepEqual(schemaProblems(schemaOf(schema), value), [], schema);

/** Through a node that the fake stands for. */
const API = ['--api', 'http://127.0.0.1:1'];
const run = (node: FakeNode, ...argv: string[]) => runInProcess([...argv, ...API], { node });
const json = async (node: FakeNode, ...argv: string[]) => {
  const ran = await run(node, ...argv, '--json');
  return { ...ran, object: JSON.parse(ran.stdout.split('\n')[0]!) as Record<string, unknown> };
};

async function submitted(node: FakeNode): Promise<string> {
  const { status, object, stdout } = await json(node, 'submit', 'noop@1', '--shards', '3');
  assert.equal(status, 0, stdout);
  fits('submit', object);
  return String(object.jobId);
}

test('submit hands the job over; list, describe and events show it', async () => {
  const node = makeFakeNode({ stalls: true });
  const id = await submitted(node);
  assert.equal(node.submissions[0]!.options.detached, true);
  assert.deepEqual(node.cancelled, []);
  const listed = await json(node, 'list');
  fits('list', listed.object);
  assert.deepEqual(
    (listed.object.jobs as { jobId: string }[]).map(({ jobId }) => jobId),
    [id],
  );
  const described = await json(node, 'describe', id.slice(0, 8));
  fits('describe', described.object);
  assert.deepEqual([described.object.state, described.object.detached], ['running', true]);
  const events = await run(node, 'events', id, '--json');
  const lines = events.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ type }) => type),
    ['planned', 'detachable', 'progress'],
  );
  for (const line of lines) fits('events', line);
  for (const verb of [['list'], ['describe', id], ['events', id], ['why', id]]) {
    assert.equal((await run(node, ...verb)).status, 0, verb.join(' '));
  }
});

test('run --detach is submit', async () => {
  const node = makeFakeNode();
  const { status, object } = await json(node, 'run', 'noop@1', '--detach');
  assert.equal(status, 0);
  fits('submit', object);
});

test('what workers must be goes with the job, whichever verb submits it', async () => {
  const node = makeFakeNode({ stalls: true });
  const requires = 'cuda>=8.0,mem>=16GiB';
  for (const verb of [['submit'], ['run', '--detach']]) {
    const { status, object } = await json(node, ...verb, 'noop@1', '--require', requires);
    assert.equal(status, 0);
    assert.equal(node.submissions.at(-1)!.options.requires, requires);
    const described = await json(node, 'describe', String(object.jobId));
    fits('describe', described.object);
    assert.equal(described.object.requires, requires);
    const words = await run(node, 'describe', String(object.jobId));
    assert.match(words.stdout, /on cuda>=8\.0,mem>=16GiB only/);
  }
  fits('list', (await json(node, 'list')).object);
  const { status, object } = await json(node, 'submit', 'noop@1', '--require', 'rocm');
  assert.deepEqual([status, (object.error as { code: string }).code], [2, 'BAD_POLICY']);
  assert.equal(node.submissions.length, 2, 'nothing was sent');
});

test('why tells who has a shard, of one shard or of those that are open', async () => {
  const node = makeFakeNode({ stalls: true });
  const id = await submitted(node);
  for (const argv of [
    ['why', id],
    ['why', id, '--shard', '2'],
    ['why', id, '--first', '1'],
  ]) {
    const { status, object } = await json(node, ...argv);
    assert.equal(status, 0);
    fits('why', object);
  }
  assert.equal((await json(node, 'why', id, '--shard', '3')).status, 2);
  assert.equal((await json(node, 'why', id, '--shard', '1', '--first', '1')).status, 2);
});

test('cancel ends it, says so, and says when it was too late', async () => {
  const node = makeFakeNode({ stalls: true });
  const id = await submitted(node);
  const { object } = await json(node, 'cancel', id);
  fits('cancel', object);
  assert.deepEqual([object.state, node.cancelled], ['cancelled', [id]]);
  const done = makeFakeNode();
  const late = await json(done, 'cancel', await submitted(done));
  assert.equal(late.object.state, 'done');
});

test('get writes verified outputs and certificate, which verify accepts', async () => {
  const node = makeFakeNode();
  const id = await submitted(node);
  const [out, certificate] = [join(folder, 'out.npy'), join(folder, 'c.kadre')];
  const got = await json(node, 'get', id, '--out', `out=${out}`, '--cert', certificate);
  assert.equal(got.status, 0, got.stdout);
  fits('get', got.object);
  const verified = await runInProcess(['verify', certificate, '--out', `out=${out}`, '--json']);
  assert.equal(verified.status, 0, verified.stdout);
  const nothing = await json(node, 'get', id);
  assert.equal((nothing.object.certificate as { file: null }).file, null);
  const unknown = await json(node, 'get', id, '--out', `oot=${out}`);
  assert.deepEqual(
    [unknown.status, (unknown.object.error as { advice: string }).advice],
    [2, 'did you mean out?'],
  );
});

test('retry submits the same work again and says so', async () => {
  const node = makeFakeNode();
  const id = await submitted(node);
  const { object } = await json(node, 'retry', id.slice(0, 9));
  fits('retry', object);
  assert.equal(object.retryOf, id);
  assert.notEqual(object.jobId, id);
  assert.deepEqual(node.submissions[1]!.work, node.submissions[0]!.work);
});

test('an unknown job is exit 4, a prefix of two jobs exit 2', async () => {
  const node = makeFakeNode();
  const unknown = await json(node, 'describe', '00'.repeat(32));
  assert.deepEqual(
    [unknown.status, (unknown.object.error as { code: string }).code],
    [4, 'JOB_UNKNOWN'],
  );
  fits('error', unknown.object);
});

test('an interrupt leaves the job to the others with --detach-on-interrupt', async () => {
  for (const [flags, isCancelled] of [
    [['--detach-on-interrupt'], false],
    [[], true],
  ] as const) {
    const node = makeFakeNode({ stalls: true });
    const interrupt = new AbortController();
    const argv = ['run', 'noop@1', ...flags, ...API, '--json'];
    const running = runInProcess(argv, { node, interrupt: interrupt.signal });
    while (node.submissions.length === 0) await new Promise((resolve) => setImmediate(resolve));
    interrupt.abort(new KadreError({ code: 'INTERRUPTED' }, 'SIGINT'));
    const { status, stdout } = await running;
    assert.equal(status, 130, stdout);
    assert.equal(node.cancelled.length, isCancelled ? 1 : 0);
    assert.equal(/kadre get/.test(stdout), !isCancelled);
  }
});

test('id rotate gives a new identity and keeps the old key', async () => {
  const data = join(folder, 'data');
  await mkdir(data);
  const rotate = async () => {
    const ran = await runInProcess(['id', 'rotate', '--data', data, '--json']);
    assert.equal(ran.status, 0, ran.stdout);
    fits('id-rotate', ran.json());
    return ran.json() as { peerId: string; previous: string | null; keptAs: string | null };
  };
  const first = await rotate();
  assert.deepEqual([first.previous, first.keptAs], [null, null]);
  const before = await readFile(join(data, 'identity'), 'utf8');
  const second = await rotate();
  assert.notEqual(second.peerId, first.peerId);
  assert.equal(second.previous, first.peerId);
  assert.equal(await readFile(second.keptAs!, 'utf8'), before);
  assert.equal((await stat(join(data, 'identity'))).mode & 0o077, 0);
  assert.equal((await readdir(data)).filter((name) => name.endsWith('.tmp')).length, 0);
  await writeFile(join(data, 'identity'), 'garbage', { mode: 0o600 });
  const damaged = await runInProcess(['id', 'rotate', '--data', data, '--json']);
  assert.equal(damaged.status, 7, 'a key that cannot be read is not replaced');
});
