/** The write-ahead log: what was acknowledged comes back, torn bytes do not, damage is told. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { utf8 } from '../../../src/base/bytes.ts';
import type { KadreError } from '../../../src/base/errors.ts';
import { crc32c } from '../../../src/store/crc32c.ts';
import { openWal } from '../../../src/store/log-folder.ts';
import { GroupCommitWal, type LogFile, openLog, type WalFile } from '../../../src/store/wal.ts';
import { encodeFileHeader, FILE_HEADER_BYTES } from '../../../src/store/wal-frames.ts';

const directory = await mkdtemp(join(tmpdir(), 'kadre-wal-'));
after(() => rm(directory, { recursive: true, force: true }));

const START = { salt: 1, sequence: 0 };

const texts = (records: readonly Uint8Array[]) => records.map((r) => new TextDecoder().decode(r));

/** A file in memory whose syncs finish when told to. */
class HeldFile implements WalFile {
  written: Uint8Array[] = [];
  syncs: { resolve: () => void; reject: (cause: Error) => void }[] = [];
  onSync: () => void = () => {};

  async write(bytes: Uint8Array): Promise<void> {
    this.written.push(bytes);
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.syncs.push({ resolve, reject });
      this.onSync();
    });
  }

  async close(): Promise<void> {}

  /** Waits until the next sync has begun. */
  begun(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.onSync = () => {
        if (this.syncs.length >= count) resolve();
      };
      this.onSync();
    });
  }
}

test('CRC-32C gives the check value of its definition', () => {
  assert.equal(crc32c(utf8('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

test('acknowledged records come back in order after reopening', async () => {
  const path = join(directory, 'reopen');
  const first = await openWal(path);
  assert.deepEqual(first.records, []);
  await Promise.all([first.wal.append([utf8('a'), utf8('b')]), first.wal.append([utf8('')])]);
  await first.wal.append([utf8('c')]);
  await first.wal.close();
  const second = await openWal(path);
  assert.deepEqual(texts(second.records), ['a', 'b', '', 'c']);
  await second.wal.append([utf8('d')]);
  await second.wal.close();
  const third = await openWal(path);
  assert.deepEqual(texts(third.records), ['a', 'b', '', 'c', 'd']);
  await third.wal.close();
});

test('appends that arrive during a sync share the next one', async () => {
  const file = new HeldFile();
  const wal = new GroupCommitWal(file, START);
  const done: string[] = [];
  const append = (name: string) => wal.append([utf8(name)]).then(() => done.push(name));
  const all = [append('a'), append('b')];
  await file.begun(1);
  all.push(append('c'), append('d'), append('e'));
  assert.deepEqual(done, [], 'nothing is acknowledged before its sync');
  file.syncs[0]!.resolve();
  await file.begun(2);
  assert.deepEqual(done, ['a', 'b']);
  file.syncs[1]!.resolve();
  await Promise.all(all);
  assert.deepEqual(done, ['a', 'b', 'c', 'd', 'e']);
  assert.equal(file.syncs.length, 2);
});

test('a failed sync is final: no later append succeeds', async () => {
  const file = new HeldFile();
  const told: string[] = [];
  const wal = new GroupCommitWal(file, START, { onSyncFailed: ({ code }) => told.push(code) });
  const first = wal.append([utf8('a')]);
  await file.begun(1);
  const second = wal.append([utf8('b')]);
  file.syncs[0]!.reject(new Error('EIO'));
  await assert.rejects(first, { code: 'SYNC_FAILED' });
  await assert.rejects(second, { code: 'SYNC_FAILED' });
  await assert.rejects(wal.append([utf8('c')]), { code: 'SYNC_FAILED' });
  assert.equal(file.written.length, 1, 'nothing follows the doubtful frame');
  assert.deepEqual(told, ['SYNC_FAILED'], 'the process hears of it, once');
});

test('a full disk ends the log and not the process', async () => {
  const file = new HeldFile();
  file.write = () => Promise.reject(Object.assign(new Error('no room'), { code: 'ENOSPC' }));
  const told: string[] = [];
  const wal = new GroupCommitWal(file, START, { onSyncFailed: ({ code }) => told.push(code) });
  await assert.rejects(wal.append([utf8('a')]), { code: 'DISK_FAILED' });
  await assert.rejects(wal.append([utf8('b')]), { code: 'DISK_FAILED' });
  assert.deepEqual(told, []);
});

test('a log whose new name cannot be made durable is not opened', async () => {
  const told: string[] = [];
  const file: LogFile = {
    name: 'log',
    drawSalt: () => START.salt,
    read: async () => new Uint8Array(0),
    write: async () => {},
    truncate: async () => {},
    datasync: async () => {},
    syncWhole: () => Promise.reject(new Error('EIO')),
    close: async () => {},
  };
  const options = { onSyncFailed: ({ code }: KadreError) => told.push(code) };
  await assert.rejects(openLog(file, options), { code: 'SYNC_FAILED' });
  assert.deepEqual(told, ['SYNC_FAILED']);
});

test('a torn tail of any length is cut, and the log goes on', async () => {
  const path = join(directory, 'torn');
  const { wal } = await openWal(path);
  await wal.append([utf8('one')]);
  const { size: goodBytes } = await stat(path);
  await wal.append([utf8('two'), utf8('three')]);
  await wal.close();
  const whole = await readFile(path);
  for (let length = goodBytes; length < whole.length; length++) {
    await writeFile(path, whole);
    await truncate(path, length);
    const opened = await openWal(path);
    assert.deepEqual(texts(opened.records), ['one'], `${length} bytes`);
    assert.equal(opened.tornBytes, length - goodBytes);
    await opened.wal.append([utf8('again')]);
    await opened.wal.close();
    const again = await openWal(path);
    assert.deepEqual(texts(again.records), ['one', 'again']);
    await again.wal.close();
  }
});

test('a log cut inside its header starts afresh', async () => {
  const path = join(directory, 'header');
  const header = encodeFileHeader(1);
  for (let length = 0; length < FILE_HEADER_BYTES; length++) {
    await writeFile(path, header.subarray(0, length));
    const { wal, records } = await openWal(path);
    assert.deepEqual(records, []);
    await wal.append([utf8('a')]);
    await wal.close();
    const again = await openWal(path);
    assert.deepEqual(texts(again.records), ['a']);
    await again.wal.close();
  }
});

test('damage is told with the file name', async () => {
  const path = join(directory, 'damaged');
  const { wal } = await openWal(path);
  for (const text of ['a', 'b', 'c']) await wal.append([utf8(text)]);
  await wal.close();
  const bytes = await readFile(path);
  bytes[bytes.length - 2]! ^= 1;
  await writeFile(path, bytes);
  const told = { code: 'DATA_DIR_DAMAGED', message: /damaged: bad frame at byte \d+/ };
  await assert.rejects(openWal(path), told);
  await writeFile(path, 'something else entirely');
  await assert.rejects(openWal(path), { code: 'DATA_DIR_DAMAGED' });
  await assert.rejects(openWal(join(directory, 'missing', 'log')), { code: 'DISK_FAILED' });
});

test('every log has a salt of its own', async () => {
  const salts = new Set<string>();
  for (let i = 0; i < 4; i++) {
    const path = join(directory, `salt-${i}`);
    await (await openWal(path)).wal.close();
    salts.add((await readFile(path)).toString('hex'));
  }
  assert.equal(salts.size, 4);
});
