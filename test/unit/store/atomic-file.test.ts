import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeFilesAtomic } from '../../../src/store/atomic-file.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-atomic-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('files appear whole, with their mode, and through a link', async () => {
  const [file, link] = [join(folder, 'a'), join(folder, 'link')];
  await writeFilesAtomic([{ file, parts: ['one', Uint8Array.of(50)], mode: 0o600 }]);
  assert.equal(await readFile(file, 'utf8'), 'one2');
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  await symlink(file, link);
  await writeFilesAtomic([{ file: link, parts: ['through'] }]);
  assert.equal(await readFile(file, 'utf8'), 'through');
  await rm(link);
});

test('when one of a group fails, no file of it changes and nothing is left behind', async () => {
  const kept = join(folder, 'kept');
  await writeFile(kept, 'before');
  const listing = await readdir(folder);
  const missing = join(folder, 'missing', 'file');
  await assert.rejects(
    writeFilesAtomic([
      { file: kept, parts: ['after'] },
      { file: missing, parts: ['x'] },
    ]),
    { code: 'USAGE' },
  );
  assert.equal(await readFile(kept, 'utf8'), 'before');
  assert.deepEqual(await readdir(folder), listing);
  await assert.rejects(writeFilesAtomic([{ file: folder, parts: ['x'] }]), { code: 'USAGE' });
});

test('a pipe or device is written to, never replaced; a full one is DISK_FAILED', async (t) => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const [read] = await Promise.all([
    readFile(pipe, 'utf8'),
    // Opening for writing waits for the reader.
    writeFilesAtomic([{ file: pipe, parts: ['through', ' it'] }]),
  ]);
  assert.equal(read, 'through it');
  // Only now, because code that failed so far would replace the device.
  assert.ok((await stat(pipe)).isFIFO());
  if (!(await stat('/dev/full').catch(() => undefined))?.isCharacterDevice()) {
    return t.diagnostic('no /dev/full here');
  }
  await assert.rejects(writeFilesAtomic([{ file: '/dev/full', parts: ['x'.repeat(100_000)] }]), {
    code: 'DISK_FAILED',
  });
});
