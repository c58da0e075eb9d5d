/**
 * A disk without room: refused before anything is sent where it can be known, exit 7 everywhere,
 * and no half-written file. Needs the right to mount a small file system.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { codeOf, Workplace } from '../support/workplace.ts';

const KIB = 1024;
const disk = mkdtempSync(join(tmpdir(), 'kadre-small-disk-'));

function mountSmallDisk(): string | undefined {
  const options = ['-t', 'tmpfs', '-o', 'size=256k', 'kadre-test', disk];
  const { status, stderr } = spawnSync('mount', options, { encoding: 'utf8' });
  return status === 0 ? undefined : `no small disk can be mounted here: ${stderr?.trim()}`;
}

const skip = mountSmallDisk() ?? false;
const place = new Workplace();
after(async () => {
  if (skip === false) spawnSync('umount', ['-l', disk]);
  await rm(disk, { recursive: true, force: true });
});
before(async () => {
  if (skip === false) await writeFile(`${disk}/ballast`, Buffer.alloc(200 * KIB));
});

test('outputs that cannot fit are refused before anybody is asked', { skip }, async () => {
  const words = ['run', 'noop@1', '--param', `items=${512 * KIB}`, '--network', 'local'];
  const { status, object } = await place.json([...words, '--out', `out=${disk}/out.npy`]);
  assert.deepEqual([status, codeOf(object)], [7, 'DISK_FAILED']);
  assert.deepEqual(await readdir(disk), ['ballast']);
});

test('a node whose disk is full says so, and leaves nothing half-written', { skip }, async () => {
  await writeFile(`${disk}/more`, Buffer.alloc(56 * KIB - 1)).catch(() => undefined);
  const words = ['up', '--network', 'local', '--listen', '/ip4/127.0.0.1/tcp/0', '--data', disk];
  const { status, object } = await place.json(words);
  assert.deepEqual([status, codeOf(object)], [7, 'DISK_FAILED']);
  assert.deepEqual((await readdir(disk)).sort(), ['ballast', 'lock', 'more']);
});
