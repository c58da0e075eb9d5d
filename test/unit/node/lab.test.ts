import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { assignBehaviours, parseLabOrder } from '../../../node/lab/lab-order.ts';
import { watchParent } from '../../../node/lab/parent-watch.ts';
import { KadreError } from '../../../src/base/errors.ts';
import { runInProcess } from '../../support/cli-world.ts';
import { connectionEnd } from '../../support/connection-end.ts';
import { FAKE_PEER_ID, makeFakeNode } from '../../support/fake-node.ts';
import { schemaOf, schemaProblems } from '../../support/json-schema.ts';

const labNodeEntry = fileURLToPath(new URL('../../support/fake-lab-node.ts', import.meta.url));
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-lab-test-'));
  process.env.XDG_RUNTIME_DIR = folder;
});
after(() => rm(folder, { recursive: true, force: true }));

interface LabReady {
  readonly networkFile: string;
  readonly nodes: readonly { pid: number; behaviour: string | null; api: string }[];
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('lab up starts separate processes, and an interrupt stops and removes them all', async () => {
  const stop = new AbortController();
  const ready = Promise.withResolvers<LabReady>();
  const flags = ['--nodes', '3', '--behaviour', 'slow', '--seed', '7', '--json'];
  const ended = runInProcess(['lab', 'up', ...flags], {
    labNodeEntry,
    interrupt: stop.signal,
    onStdout: (text) => ready.resolve(JSON.parse(text)),
  });
  const lab = await ready.promise;
  assert.deepEqual(schemaProblems(schemaOf('lab-up'), lab), []);
  assert.deepEqual(
    lab.nodes.map((node) => node.behaviour),
    [null, null, 'slow'],
  );
  assert.equal(new Set(lab.nodes.map((node) => node.pid)).size, 3);
  assert.ok(lab.nodes.every((node) => isRunning(node.pid)));
  stop.abort(new KadreError({ code: 'INTERRUPTED' }, 'SIGINT'));
  assert.equal((await ended).status, 0);
  assert.ok(
    lab.nodes.every((node) => !isRunning(node.pid)),
    'a hanging node is killed too',
  );
  await assert.rejects(access(lab.networkFile));
});

test('lab run prints one object: what the job gave, and the lab', async () => {
  const command = ['lab', 'run', '--nodes', '2', '--seed', '9', '--json', '--', 'run', 'noop@1'];
  const node = makeFakeNode();
  const ran = await runInProcess(command, { labNodeEntry, node });
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  assert.deepEqual(schemaProblems(schemaOf('lab-run'), ran.json()), []);
  assert.match(String(ran.connects[0]?.network), /network\.json$/);
  const lab = ran.json().lab as { nodes: { pid: number; peerId: string }[]; seed: number };
  assert.equal(lab.seed, 9);
  assert.ok(lab.nodes.every(({ pid, peerId }) => !isRunning(pid) && peerId === FAKE_PEER_ID));
});

test('lab run passes on the exit status of the inner command', async () => {
  const refusal = new KadreError({ code: 'NO_AGREEMENT' }, 'no');
  const node = makeFakeNode({ refusal });
  const inner = ['lab', 'run', '--nodes', '1', '--', 'run', 'noop@1', '--json'];
  const ran = await runInProcess(inner, { labNodeEntry, node });
  assert.equal(ran.status, 4);
  assert.deepEqual(schemaProblems(schemaOf('error'), ran.json()), []);
  assert.equal((ran.json().lab as { nodes: unknown[] }).nodes.length, 1);
});

test('a node that cannot start fails the lab with its own error', async () => {
  const crash = ['lab', 'up', '--nodes', '2', '--behaviour', 'crash', '--json'];
  const failed = await runInProcess(crash, { labNodeEntry });
  assert.equal((failed.json().error as { code: string }).code, 'PORT_TAKEN');
  assert.equal(failed.status, 7);
  const silent = ['lab', 'up', '--nodes', '2', '--behaviour', 'silent', '--json'];
  const died = await runInProcess(silent, { labNodeEntry });
  assert.match((died.json().error as { message: string }).message, /something terrible/);
});

test('nodes end when their lab is killed without warning', async () => {
  const world = new URL('../../support/cli-world.ts', import.meta.url).href;
  const script = `
    import { runInProcess } from ${JSON.stringify(world)};
    await runInProcess(['lab', 'up', '--nodes', '2', '--behaviour', 'slow', '--json'], {
      labNodeEntry: ${JSON.stringify(labNodeEntry)},
      onStdout: (text) => process.stdout.write(text),
    });`;
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  const { nodes, networkFile } = JSON.parse(line) as LabReady;
  const connections = nodes.map((node) => connectionEnd(node.api));
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  await Promise.all(connections);
  await rm(join(networkFile, '..'), { recursive: true, force: true });
});

test('the watch acts on the end of the pipe once, and not after it was cancelled', async () => {
  let stops = 0;
  const stop = async () => {
    stops += 1;
  };
  const pipe = new PassThrough();
  watchParent(pipe, stop, () => undefined);
  pipe.end();
  await once(pipe, 'close');
  assert.equal(stops, 1);
  const other = new PassThrough();
  watchParent(other, stop, () => undefined).cancel();
  other.end();
  await once(other, 'close');
  assert.equal(stops, 1);
});

test('behaviours go to the last nodes, in order, and the first stays honest', () => {
  assert.deepEqual(assignBehaviours(3, undefined, undefined), [null, null, null]);
  assert.deepEqual(assignBehaviours(4, undefined, 'slow,crash'), [null, null, 'slow', 'crash']);
  assert.deepEqual(assignBehaviours(4, 3, 'slow,crash'), [null, 'slow', 'crash', 'slow']);
  assert.deepEqual(assignBehaviours(2, 1, undefined), [null, 'wrong-result']);
  assert.throws(() => assignBehaviours(2, 2, undefined), { code: 'USAGE' });
  assert.throws(() => assignBehaviours(2, 1, 'nice'), { code: 'USAGE' });
});

test('a malformed order is refused', () => {
  for (const text of [undefined, '', 'null', '{}', '{"v":1,"behaviour":"nice","settings":{}}']) {
    assert.throws(() => parseLabOrder(text), { code: 'USAGE' }, String(text));
  }
});
