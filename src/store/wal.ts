/**
 * A write-ahead log on disk: appends resolve only once the disk has it, and everything that
 * was asked for meanwhile shares the next one. A failed write or sync is fatal: the kernel may have
 * dropped the pages, so a retry that succeeds would lie (PostgreSQL's fsync lesson). Format:
 * docs/protocol/wal.md; design consensus.md section 1.9.
 */
import { constants, write } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { concatBytes } from '../base/bytes.ts';
import { asKadreError, assert, KadreError } from '../base/errors.ts';
import type { Wal } from '../base/ports.ts';
import { syncDirectory } from './sync-directory.ts';
import { encodeFrame, FRAME_BODY_BYTES_MAX, scanWal, WAL_HEADER } from './wal-frames.ts';

export interface OpenedWal {
  readonly wal: Wal;
  /** Everything that was ever acknowledged, in order. */
  readonly records: readonly Uint8Array[];
  /** Bytes of a torn tail that were cut off; their appends never resolved. */
  readonly tornBytes: number;
}

/** What the log needs of an open file; narrow, so that tests can make it fail. */
export interface WalFile {
  write(bytes: Uint8Array): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * With O_DSYNC a write returns once its data is durable, as write and fdatasync together would, for
 * half the system calls. Where the system lacks the flag the two calls are made.
 */
const WRITES_ARE_SYNCED = constants.O_DSYNC !== undefined;
const OPEN_FLAGS =
  constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | (constants.O_DSYNC ?? 0);

export interface OpenWalOptions {
  /**
   * `lazy`: a power cut may lose a new log whole, name and all, but never a part of it. Right only
   * where nothing outside the log survives that could contradict it. Default `synced`.
   */
  readonly entry?: 'synced' | 'lazy';
}

/**
 * Opens or creates the log at `path`; the caller holds the directory's lock. Throws
 * DATA_DIR_DAMAGED when a bad frame is followed by good ones, DISK_FAILED when the disk refuses.
 */
export async function openWal(path: string, options: OpenWalOptions = {}): Promise<OpenedWal> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, OPEN_FLAGS, 0o600);
    const content = await readWhole(file);
    const scan = scanWal(content);
    if (scan.kind === 'damaged') {
      throw new KadreError({ code: 'DATA_DIR_DAMAGED', data: { path } }, `${path}: ${scan.why}`);
    }
    const { records, nextSequence, goodBytes } = scan;
    if (goodBytes < content.length) await file.truncate(goodBytes);
    const isLazy = options.entry === 'lazy' && content.length === 0;
    if (goodBytes === 0 && !isLazy) await writeAll(file, WAL_HEADER);
    if (!isLazy && (goodBytes === 0 || goodBytes < content.length)) {
      await file.sync();
      await syncDirectory(dirname(path));
    }
    // A lazy log's header travels with its first frame, in one write.
    const header = isLazy ? WAL_HEADER : undefined;
    const wal = new GroupCommitWal(fileOf(file, header), nextSequence);
    return { wal, records, tornBytes: content.length - goodBytes };
  } catch (cause) {
    await file?.close();
    throw asKadreError(cause, 'DISK_FAILED', `cannot open ${path}`);
  }
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

/** `header` goes in front of the first write. */
function fileOf(file: FileHandle, header: Uint8Array | undefined): WalFile {
  let prefix = header;
  return {
    write: async (bytes) => {
      const whole = prefix === undefined ? bytes : concatBytes([prefix, bytes]);
      prefix = undefined;
      await writeAll(file, whole);
    },
    datasync: WRITES_ARE_SYNCED ? async () => undefined : () => file.datasync(),
    close: () => file.close(),
  };
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

function groupBytes(records: readonly Uint8Array[]): number {
  return records.reduce((sum, record) => sum + record.length + 4, 0);
}

interface Waiting {
  readonly records: readonly Uint8Array[];
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/** Appends that arrive while a sync runs form the next group: one frame, one fdatasync. */
export class GroupCommitWal implements Wal {
  readonly #file: WalFile;
  #sequence: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: KadreError | undefined;
  #isClosed = false;

  constructor(file: WalFile, nextSequence: number) {
    this.#file = file;
    this.#sequence = nextSequence;
  }

  append(records: readonly Uint8Array[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosed) {
      return Promise.reject(new KadreError({ code: 'STOPPED' }, 'the log is closed'));
    }
    // A frame that a later scan would refuse must never be written.
    assert(groupBytes(records) <= FRAME_BODY_BYTES_MAX, 'one append fits one frame');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    await this.#file.close();
  }

  async #drain(): Promise<void> {
    // One turn of the microtask queue: what the same step asked for shares the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        if (this.#failure !== undefined) throw this.#failure;
        const records = group.flatMap((entry) => entry.records);
        await this.#file.write(encodeFrame(this.#sequence, records));
        await this.#file.datasync();
        this.#sequence += 1;
        for (const entry of group) entry.resolve();
      } catch (cause) {
        // For ever: a later append must not follow a frame that may or may not be there.
        this.#failure ??= asKadreError(cause, 'DISK_FAILED', 'the log could not be written');
        for (const entry of group) entry.reject(this.#failure);
      }
    }
    this.#writing = undefined;
  }

  /** As many appends as fit one frame; at least one. */
  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      bytes += groupBytes(entry.records);
      if (count > 0 && bytes > FRAME_BODY_BYTES_MAX) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}
