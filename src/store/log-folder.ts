/**
 * A folder of write-ahead logs: the port that the plan store works on, and the folder on disk. With
 * O_DSYNC a write returns once its data is durable, as write and fdatasync together would, for half
 * the system calls; where the system lacks the flag the two calls are made.
 */
import { constants, write } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asKadreError, type KadreError } from '../base/errors.ts';
import type { Wal } from '../base/ports.ts';
import { systemRandom } from '../crypto/node/system-ports.ts';
import { syncDirectory } from './sync-directory.ts';
import { type LogFile, type OpenedWal, type OpenWalOptions, openLog } from './wal.ts';

export interface LogFolder {
  /** Names of the files that are there, in ascending order; makes the folder. */
  list(): Promise<string[]>;
  /** Opens or creates. Errors: DATA_DIR_DAMAGED, DISK_FAILED, SYNC_FAILED. */
  open(name: string, options?: OpenWalOptions): Promise<OpenedWal>;
  /**
   * A log with these records takes the place of one of that name, at once and for good: a power cut
   * leaves the old one whole or the new one whole. The old one must be closed. Errors as of `open`.
   */
  replace(name: string, records: readonly Uint8Array[]): Promise<OpenedWal>;
  remove(name: string): Promise<void>;
}

/** What a replacement is called until it is whole. */
export const NEXT_SUFFIX = '.next';

export interface DiskLogFolderInit {
  readonly directory: string;
  /** A log of this folder lost something that it had been given; the process has to end. */
  readonly onSyncFailed?: (error: KadreError) => void;
}

export class DiskLogFolder implements LogFolder {
  readonly #init: DiskLogFolderInit;

  /** The caller holds the directory's lock. */
  constructor(init: DiskLogFolderInit) {
    this.#init = init;
  }

  async list(): Promise<string[]> {
    const { directory } = this.#init;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return (await readdir(directory)).sort();
  }

  open(name: string, options: OpenWalOptions = {}): Promise<OpenedWal> {
    const { directory, onSyncFailed } = this.#init;
    return openWal(join(directory, name), { ...options, onSyncFailed });
  }

  async replace(name: string, records: readonly Uint8Array[]): Promise<OpenedWal> {
    const { directory } = this.#init;
    await this.remove(name + NEXT_SUFFIX);
    const next = await this.open(name + NEXT_SUFFIX);
    try {
      await appendEach(next.wal, records);
      await rename(join(directory, name + NEXT_SUFFIX), join(directory, name));
      await syncDirectory(directory);
    } catch (cause) {
      await next.wal.close();
      throw asKadreError(cause, 'DISK_FAILED', `cannot replace ${name}`);
    }
    return { ...next, records };
  }

  remove(name: string): Promise<void> {
    return rm(join(this.#init.directory, name), { force: true });
  }
}

/** Each in a frame of its own, because together they may fit none. */
export async function appendEach(wal: Wal, records: readonly Uint8Array[]): Promise<void> {
  for (const record of records) await wal.append([record]);
}

const WRITES_ARE_SYNCED = constants.O_DSYNC !== undefined;
const OPEN_FLAGS =
  constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | (constants.O_DSYNC ?? 0);

/** Opens or creates the log at `path`. Errors: DATA_DIR_DAMAGED, DISK_FAILED, SYNC_FAILED. */
export async function openWal(path: string, options: OpenWalOptions = {}): Promise<OpenedWal> {
  let file: FileHandle;
  try {
    file = await open(path, OPEN_FLAGS, 0o600);
  } catch (cause) {
    throw asKadreError(cause, 'DISK_FAILED', `cannot open ${path}`);
  }
  return openLog(diskLogFile(file, path), options);
}

function diskLogFile(file: FileHandle, path: string): LogFile {
  return {
    name: path,
    drawSalt: () => systemRandom.integer(2 ** 32),
    read: () => readWhole(file),
    truncate: (bytes) => file.truncate(bytes),
    write: (bytes) => writeAll(file, bytes),
    datasync: WRITES_ARE_SYNCED ? async () => undefined : () => file.datasync(),
    syncWhole: async () => {
      await file.sync();
      await syncDirectory(dirname(path));
    },
    close: () => file.close(),
  };
}

async function readWhole(file: FileHandle): Promise<Uint8Array> {
  const { size } = await file.stat();
  const content = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(content, at, size - at, at);
    if (bytesRead === 0) return content.subarray(0, at);
    at += bytesRead;
  }
  return content;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += await writeSome(file.fd, bytes.subarray(at));
}

/** The callback interface: a file handle's own `write` costs twice the processor time. */
function writeSome(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}
