/** One process per data directory, also when the owner was killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockDirectory } from '../../../src/store/lock.ts';

const root = await mkdtemp(join(tmpdir(), 'kadre-lock-'));
after(() => rm(root, { recursive: true, force: true }));

/** A process that locks the directory, says so, and lives until it is killed. */
async function otherProcess(path: string): Promise<ChildProcess> {
  const module = new URL('../../../src/store/lock.ts', import.meta.url).href;
  const code = `
    import { lockDirectory } from ${JSON.stringify(module)};
    await lockDirectory(${JSON.stringify(path)});
    process.stdout.write('locked');
    setInterval(() => {}, 1000);
  `;
  const args = ['--input-type=module', '-e', code];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return child;
}

test('a second lock on the directory is refused until the first is released', async () => {
  const path = join(root, 'same-process');
  const lock = await lockDirectory(path);
  await assert.rejects(lockDirectory(path), { code: 'DATA_DIR_LOCKED' });
  await symlink(path, join(root, 'alias'));
  await assert.rejects(lockDirectory(join(root, 'alias')), { code: 'DATA_DIR_LOCKED' });
  lock.release();
  lock.release();
  (await lockDirectory(path)).release();
});

test('another process is kept out, and a killed one leaves no lock', async () => {
  const path = join(root, 'other-process');
  const child = await otherProcess(path);
  await assert.rejects(lockDirectory(path), { code: 'DATA_DIR_LOCKED' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  (await lockDirectory(path)).release();
});

test('a path that cannot be a directory is a disk error', async () => {
  const path = join(root, 'file');
  await writeFile(path, '');
  await assert.rejects(lockDirectory(path), { code: 'DISK_FAILED' });
});
