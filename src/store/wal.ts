/**
 * A write-ahead log over any file: appends resolve only once the file has them, and all that was
 * asked for meanwhile shares the next write. A failed write or sync is fatal: the kernel may have
 * dropped the pages, so a retry that succeeds would lie (PostgreSQL's fsync lesson). Files on disk
 * are `log-folder.ts`, a simulated disk's are `src/sim`. Format: docs/protocol/wal.md; design
 * consensus.md section 1.9.
 */
import { concatBytes } from '../base/bytes.ts';
import { asKadreError, assert, KadreError } from '../base/errors.ts';
import type { Wal } from '../base/ports.ts';
import {
  encodeFileHeader,
  encodeFrame,
  FRAME_BODY_BYTES_MAX,
  type WalPosition,
} from './wal-frames.ts';
import { scanWal } from './wal-scan.ts';

export interface OpenedWal {
  readonly wal: Wal;
  /** Everything that was ever acknowledged, in order. */
  readonly records: readonly Uint8Array[];
  /** Bytes of a torn tail that were cut off; their appends never resolved. */
  readonly tornBytes: number;
}

/** What a running log needs of its file; narrow, so that tests can make it fail. */
export interface WalFile {
  write(bytes: Uint8Array): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** What opening a log needs beside that. */
export interface LogFile extends WalFile {
  /** For messages. */
  readonly name: string;
  /** A u32 that nobody can foresee who has a say in what the log will hold. */
  drawSalt(): number;
  read(): Promise<Uint8Array>;
  truncate(bytes: number): Promise<void>;
  /** Makes content, length and name durable, before the log is used. */
  syncWhole(): Promise<void>;
}

export interface OpenWalOptions {
  /**
   * `lazy`: a power cut may lose a new log whole, name and all, but never a part of it. Right only
   * where nothing outside the log survives that could contradict it. Default `synced`.
   */
  readonly entry?: 'synced' | 'lazy';
  /** Nothing that this disk acknowledges can be relied on any more: the process has to end. */
  readonly onSyncFailed?: ((error: KadreError) => void) | undefined;
}

/** A full disk refuses before it takes anything. */
const NO_ROOM = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** What a write or sync failed with; told apart, because only a full disk is still a sound one. */
function failureOf(cause: unknown, { onSyncFailed }: OpenWalOptions): KadreError {
  const isFull = NO_ROOM.has((cause as { code?: unknown } | undefined)?.code);
  const code = isFull ? 'DISK_FAILED' : 'SYNC_FAILED';
  const error = asKadreError(cause, code, 'the log could not be written');
  if (!isFull) onSyncFailed?.(error);
  return error;
}

/**
 * Reads what a file holds and goes on after it. Closes the file when it throws: DATA_DIR_DAMAGED
 * when something acknowledged was lost or changed, DISK_FAILED or SYNC_FAILED when the disk
 * refuses.
 */
export async function openLog(file: LogFile, options: OpenWalOptions = {}): Promise<OpenedWal> {
  try {
    const content = await file.read();
    const scan = scanWal(content);
    if (scan.kind === 'damaged') {
      const init = { code: 'DATA_DIR_DAMAGED', data: { path: file.name } } as const;
      throw new KadreError(init, `${file.name}: ${scan.why}`);
    }
    const { records, nextSequence, goodBytes } = scan;
    const start = { goodBytes, bytes: content.length, salt: scan.salt ?? file.drawSalt() };
    const isLazy = options.entry === 'lazy' && content.length === 0;
    if (!isLazy) await beginAt(file, start, options);
    // A lazy log's header travels with its first frame, in one write.
    const logFile = isLazy ? prefixed(file, encodeFileHeader(start.salt)) : file;
    const position = { salt: start.salt, sequence: nextSequence };
    const wal = new GroupCommitWal(logFile, position, options);
    return { wal, records, tornBytes: content.length - goodBytes };
  } catch (cause) {
    await file.close();
    throw asKadreError(cause, 'DISK_FAILED', `cannot open ${file.name}`);
  }
}

interface Start {
  readonly salt: number;
  readonly goodBytes: number;
  /** What the file holds, a torn tail included. */
  readonly bytes: number;
}

/** Cuts off a torn tail; header, length and name are durable before anything is appended. */
async function beginAt(
  file: LogFile,
  { salt, goodBytes, bytes }: Start,
  options: OpenWalOptions,
): Promise<void> {
  if (goodBytes === bytes && goodBytes > 0) return;
  try {
    if (goodBytes < bytes) await file.truncate(goodBytes);
    if (goodBytes === 0) await file.write(encodeFileHeader(salt));
    await file.syncWhole();
  } catch (cause) {
    throw failureOf(cause, options);
  }
}

/** The file with these bytes in front of its first write. */
function prefixed(file: WalFile, header: Uint8Array): WalFile {
  let prefix: Uint8Array | undefined = header;
  return {
    write: (bytes) => {
      const whole = prefix === undefined ? bytes : concatBytes([prefix, bytes]);
      prefix = undefined;
      return file.write(whole);
    },
    datasync: () => file.datasync(),
    close: () => file.close(),
  };
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
  readonly #options: OpenWalOptions;
  #position: WalPosition;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: KadreError | undefined;
  #isClosed = false;

  constructor(file: WalFile, position: WalPosition, options: OpenWalOptions = {}) {
    this.#file = file;
    this.#options = options;
    this.#position = position;
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
        await this.#file.write(encodeFrame(this.#position, records));
        await this.#file.datasync();
        this.#position = { ...this.#position, sequence: this.#position.sequence + 1 };
        for (const entry of group) entry.resolve();
      } catch (cause) {
        // For ever: a later append must not follow a frame that may or may not be there.
        this.#failure ??= failureOf(cause, this.#options);
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
