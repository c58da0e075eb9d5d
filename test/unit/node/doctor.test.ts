import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checkNodeVersion } from '../../../node/doctor/machine.ts';
import { checkDataDir, checkNetworkFile, checkPorts } from '../../../node/doctor/place.ts';
import { openIdentity } from '../../../src/crypto/node/keystore.ts';
import { lockDirectory } from '../../../src/store/lock.ts';
import { runInProcess } from '../../support/cli-world.ts';
import { schemaOf, schemaProblems } from '../../support/json-schema.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-doctor-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const statusOf = (checks: readonly { name: string; status: string }[], name: string) =>
  checks.find((check) => check.name === name)?.status;

test('a healthy machine: every part is named, exit 0, and the JSON fits its schema', async () => {
  const argv = ['doctor', '--data', join(folder, 'none'), '--network', 'local'];
  const ran = await runInProcess([...argv, '--json']);
  assert.equal(ran.status, 0, ran.stdout);
  assert.deepEqual(schemaProblems(schemaOf('doctor'), ran.json()), []);
  const { checks } = ran.json() as { checks: { name: string; status: string }[] };
  const names = ['Node.js', 'clock', 'floating point', 'memory', 'data directory', 'disk'];
  for (const name of names) assert.equal(statusOf(checks, name), 'ok', name);
  assert.equal(statusOf(checks, 'self-test cpu/js'), 'ok');
  assert.equal(statusOf(checks, 'network'), 'warning', 'nobody to join through');
});

test('what is wrong is a problem with something to type, and exit 7', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  const ran = await runInProcess(['doctor', '--data', file, '--json']);
  assert.equal(ran.status, 7, ran.stdout);
  const { checks } = ran.json() as { checks: { status: string; advice?: string }[] };
  const wrong = checks.filter(({ status }) => status === 'problem');
  assert.ok(wrong.length > 0 && wrong.every(({ advice }) => advice !== undefined));
});

test('a data directory: damaged or open identity, a lock without a node', async () => {
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  const identity = join(data, 'identity');
  await openIdentity(identity);
  assert.equal(statusOf(await checkDataDir(data), 'identity'), 'ok');
  await chmod(identity, 0o644);
  assert.equal(statusOf(await checkDataDir(data), 'identity'), 'problem');
  assert.equal(statusOf(await checkDataDir(data), 'lock'), 'ok');
  const lock = await lockDirectory(data);
  assert.equal(statusOf(await checkDataDir(data), 'lock'), 'problem');
  lock.release();
});

test('a port that is taken, and an old Node', async () => {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const { port } = server.address() as { port: number };
  const checks = await checkPorts([`/ip4/127.0.0.1/tcp/${port}`], `127.0.0.1:${port}`);
  assert.deepEqual(
    checks.map(({ status }) => status),
    ['problem', 'problem'],
  );
  await new Promise((resolve) => server.close(resolve));
  const free = await checkPorts([`/ip4/127.0.0.1/tcp/${port}`], '127.0.0.1:0');
  assert.deepEqual(
    free.map(({ status }) => status),
    ['ok', 'ok'],
  );
  for (const bad of [
    'junk',
    '/ip4/127.0.0.1/tcp/99999',
    '/ip4/999.1.1.1/tcp/1',
    '/ip4/::1/tcp/1',
  ]) {
    const [wrong] = await checkPorts([bad], '127.0.0.1:0');
    assert.equal(wrong?.status, 'problem', bad);
    assert.match(wrong.detail, /is no TCP multiaddr$/);
  }
  assert.equal(checkNodeVersion('22.17.1').status, 'problem');
  assert.equal(checkNodeVersion('22.18.0').status, 'ok');
  assert.equal((await checkNetworkFile('/nonexistent.json', [])).status, 'problem');
});
