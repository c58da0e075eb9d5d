import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { lockDirectory } from '../../../src/store/lock.ts';
import { type CliRun, runInProcess } from '../../support/cli-world.ts';
import { FAKE_PEER_ID, makeFakeNode } from '../../support/fake-node.ts';
import { schemaOf, schemaProblems } from '../../support/json-schema.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-up-'));
  // Keeps port records out of the user's own runtime folder.
  process.env.XDG_RUNTIME_DIR = join(folder, 'runtime');
});
after(() => rm(folder, { recursive: true, force: true }));

interface Upped {
  readonly ready: Record<string, string>;
  readonly node: ReturnType<typeof makeFakeNode>;
  interrupt(): Promise<CliRun>;
  readonly ended: Promise<CliRun>;
}

/** `up` on a fake node, as far as its ready line. */
async function up(data: string, flags: readonly string[] = []): Promise<Upped> {
  const node = makeFakeNode();
  const stop = new AbortController();
  const ready = Promise.withResolvers<Record<string, string>>();
  const ended = runInProcess(['up', '--data', data, '--json', ...flags], {
    node,
    interrupt: stop.signal,
    onStdout: (text) => ready.resolve(JSON.parse(text)),
  });
  return {
    ready: await ready.promise,
    node,
    ended,
    interrupt: () => {
      stop.abort(new KadreError({ code: 'INTERRUPTED' }, 'SIGTERM'));
      return ended;
    },
  };
}

test('up says when it is ready, is found by its data directory, and leaves nothing', async () => {
  const data = join(folder, 'one');
  const { ready, node, interrupt } = await up(data);
  assert.deepEqual(schemaProblems(schemaOf('up'), ready), []);
  assert.equal((await stat(join(data, 'api-token'))).mode & 0o777, 0o600);
  for (const verb of ['status', 'peers', 'caps']) {
    const asked = await runInProcess([verb, '--data', data, '--json']);
    assert.equal(asked.status, 0, asked.stdout);
    assert.deepEqual(schemaProblems(schemaOf(verb), asked.json()), []);
    assert.equal((await runInProcess([verb, '--data', data])).status, 0);
  }
  const ran = await runInProcess(['run', 'noop@1', '--data', data, '--json'], { node });
  assert.equal(ran.status, 0, ran.stdout);
  assert.equal(ran.connects[0]?.api, ready.api, 'the node in --data is used');
  assert.equal((await interrupt()).status, 0);
  assert.equal(node.stops, 1);
  assert.deepEqual((await readdir(data)).sort(), ['identity', 'lock']);
});

test('--api alone finds the token of this user; a wrong token is refused', async () => {
  const { ready, interrupt } = await up(join(folder, 'two'));
  const api = ready.api!;
  assert.equal((await runInProcess(['status', '--api', api])).status, 0);
  const wrong = { KADRE_API_TOKEN: 'wrong' };
  const denied = await runInProcess(['status', '--api', api, '--json'], { env: wrong });
  assert.deepEqual(
    [denied.status, (denied.json().error as { code: string }).code],
    [7, 'API_DENIED'],
  );
  const file = ['--token-file', ready.tokenFile!];
  assert.equal((await runInProcess(['status', '--api', api, ...file], { env: wrong })).status, 0);
  const none = ['--token-file', '/nonexistent'];
  assert.equal((await runInProcess(['status', '--api', api, ...none])).status, 2);
  await interrupt();
});

test('the peer id stays the same over restarts, and id show prints it', async () => {
  const data = join(folder, 'three');
  await (await up(data)).interrupt();
  const first = await runInProcess(['id', 'show', '--data', data, '--json']);
  assert.deepEqual(schemaProblems(schemaOf('id-show'), first.json()), []);
  await (await up(data)).interrupt();
  const second = await runInProcess(['id', 'show', '--data', data, '--json']);
  assert.equal(second.json().peerId, first.json().peerId);
  const none = await runInProcess(['id', 'show', '--data', join(folder, 'none'), '--json']);
  assert.equal(none.status, 7);
});

test('a node whose disk fails to keep its logs stops with exit 7 and says why', async () => {
  const data = join(folder, 'failing');
  const { node, ended } = await up(data);
  node.fail(new KadreError({ code: 'SYNC_FAILED' }, 'the log could not be written'));
  const run = await ended;
  assert.equal(run.status, 7);
  assert.match(run.stdout, /"code":"SYNC_FAILED"/);
  assert.equal(node.stops, 1);
  assert.deepEqual((await readdir(data)).sort(), ['identity', 'lock']);
});

test('down drains the node as a signal does', async () => {
  const data = join(folder, 'four');
  const { node, ended } = await up(data);
  const asked = await runInProcess(['down', '--data', data, '--json']);
  assert.deepEqual(schemaProblems(schemaOf('down'), asked.json()), []);
  assert.equal((await ended).status, 0);
  assert.equal(node.stops, 1);
});

test('a locked data directory is exit 7, and so is a taken API port', async () => {
  const data = join(folder, 'five');
  const node = makeFakeNode();
  const lock = await lockDirectory(data);
  const locked = await runInProcess(['up', '--data', data, '--json'], { node });
  assert.deepEqual(
    [locked.status, (locked.json().error as { code: string }).code],
    [7, 'DATA_DIR_LOCKED'],
  );
  lock.release();
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const flags = ['--data', data, '--json', '--api', `127.0.0.1:${port}`];
  const refused = await runInProcess(['up', ...flags], { node });
  assert.deepEqual(
    [refused.status, (refused.json().error as { code: string }).code],
    [7, 'PORT_TAKEN'],
  );
  assert.equal(node.stops, 1, 'what was started is stopped again');
  taken.close();
  // And the lock was given back.
  await (await up(data)).interrupt();
});

test('a data directory that is a file is exit 7', async () => {
  const file = join(folder, 'five', 'identity');
  const ran = await runInProcess(['up', '--data', file, '--json'], { node: makeFakeNode() });
  assert.equal(ran.status, 7);
});

test('a network named explicitly outranks a node on another network', async () => {
  const data = join(folder, 'six');
  const { node, interrupt } = await up(data);
  const bootstrap = `/ip4/127.0.0.1/tcp/1/p2p/${FAKE_PEER_ID}`;
  const network = join(folder, 'network.json');
  await writeFile(
    network,
    JSON.stringify({ v: 1, name: 'o', id: 'other', bootstrap: [bootstrap] }),
  );
  const flags = ['--data', data, '--network', network, '--json'];
  const ran = await runInProcess(['run', 'noop@1', ...flags], { node });
  assert.equal(ran.status, 0);
  assert.deepEqual([ran.connects[0]?.api, ran.connects[0]?.network], [undefined, network]);
  const joined = await runInProcess(['run', 'noop@1', '--data', data, '--bootstrap', bootstrap], {
    node,
  });
  assert.deepEqual(joined.connects[0]?.bootstrap, [bootstrap]);
  await interrupt();
});
