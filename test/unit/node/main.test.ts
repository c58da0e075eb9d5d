import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeNpy } from '../../../src/kernel/npy.ts';
import { kadre, startKadre } from '../../support/kadre-process.ts';

let folder: string;
const env = (): NodeJS.ProcessEnv => ({
  KADRE_DATA: join(folder, 'data'),
  XDG_RUNTIME_DIR: folder,
});
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-main-'));
  const file = writeNpy({ dtype: '<f8', shape: [1, 1], data: new Uint8Array(8) });
  await writeFile(join(folder, 'a.npy'), file);
  await writeFile(join(folder, 'half.npy'), file.subarray(0, 40));
  await writeFile(join(folder, 'garbage.kadre'), 'not a certificate');
});
after(() => rm(folder, { recursive: true, force: true }));

test('the process exits with the status of what happened', async () => {
  const input = (name: string) => ['run', 'gemm.f32@1', '--in', `a=${join(folder, name)}`];
  const lines: [string[], number][] = [
    [['--version'], 0],
    [['kernels', 'list', '--json'], 0],
    [['frob'], 2],
    [['run', 'noop@1', '--shards', '0'], 2],
    [['run', 'noop@1', '--shards', '1000000000'], 2],
    [['run', 'nop@1'], 2],
    [['up', '--listen', 'anywhere'], 2],
    [['up', '--listen', '/ip4/127.0.0.1/tcp/99999'], 2],
    [['up', '--listen', '/ip4/127.0.0.1/udp/1'], 2],
    [input('missing.npy'), 2],
    [input('half.npy'), 2],
    [input('a.npy'), 2],
    [['verify', join(folder, 'missing.kadre')], 2],
    [['verify', join(folder, 'garbage.kadre')], 6],
    [['run', 'noop@1'], 3],
    [['status'], 7],
  ];
  const results = await Promise.all(lines.map(([argv]) => kadre(argv, { env: env() })));
  for (const [i, { status, stderr }] of results.entries()) {
    assert.equal(status, lines[i]![1], `${lines[i]![0].join(' ')}: ${stderr}`);
  }
});

test('paths start at INIT_CWD, and stdout carries nothing but JSON', async () => {
  const caller = { ...env(), INIT_CWD: folder };
  const argv = ['verify', 'garbage.kadre', '--json'];
  const { status, stdout, stderr } = await kadre(argv, { env: caller, cwd: tmpdir() });
  assert.equal(status, 6);
  assert.equal(JSON.parse(stdout).valid, false);
  assert.equal(stderr, '');
});

test('a real node starts alone, drains on SIGTERM and leaves its directory reusable', async () => {
  const argv = ['up', '--listen', '/ip4/127.0.0.1/tcp/0', '--json'];
  const node = startKadre(argv, { env: env() });
  const ready = await node.firstLine;
  assert.equal(ready.event, 'ready');
  const second = await kadre(argv, { env: env() });
  assert.equal(second.status, 7);
  assert.equal(JSON.parse(second.stdout).error.code, 'DATA_DIR_LOCKED');
  node.child.kill('SIGTERM');
  assert.equal((await node.finished).status, 0);
});
