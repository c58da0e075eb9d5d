/**
 * One machine's disk, as far as write-ahead logs see it. A crash loses what was not synced: of the
 * last writes any prefix may have reached the platter, zeros may stand where the rest should be, a
 * young file whose name was never synced may be gone as a whole. What was synced stays, unless the
 * disk is told to be a bad one: to fail a sync, or to flip a bit of what it holds.
 */
import { concatBytes, utf8 } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { Clock } from '../base/ports.ts';
import { crc32c } from '../store/crc32c.ts';
import { appendEach, type LogFolder, NEXT_SUFFIX } from '../store/log-folder.ts';
import { type LogFile, openLog } from '../store/wal.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface DiskModel {
  readonly syncMsMin: number;
  readonly syncMsMax: number;
  /** That a young file whose name was never synced is gone after a crash. Default one half. */
  readonly nameLoss?: number;
}

/** A file system writes names back on its own after a while. */
const NAME_WRITE_BACK_MS = 5_000;
const NAME_LOSS = 0.5;
const ZEROS_CHANCE = 0.25;

export class SimDisk {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #model: DiskModel;
  readonly #files = new Map<string, SimFile>();
  #failsNextSync = false;

  constructor(
    components: { readonly clock: Clock; readonly random: SeededRandom },
    model: DiskModel,
  ) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#model = model;
  }

  /** The folder as a running process sees it; a dead one's writes go nowhere. */
  folder(isRunning: () => boolean): LogFolder {
    return {
      list: async () => [...this.#files.keys()].sort(),
      open: (name, options) => openLog(this.#handle(name, isRunning), options),
      replace: async (name, records) => {
        if (isRunning()) this.#files.delete(name + NEXT_SUFFIX);
        const next = await openLog(this.#handle(name + NEXT_SUFFIX, isRunning));
        await appendEach(next.wal, records);
        // A dead process renames nothing; the directory's own sync is part of this instant.
        const file = this.#files.get(name + NEXT_SUFFIX);
        if (isRunning() && file !== undefined) {
          this.#files.delete(name + NEXT_SUFFIX);
          this.#files.set(name, file);
        }
        return { ...next, records };
      },
      remove: async (name) => {
        if (isRunning()) this.#files.delete(name);
      },
    };
  }

  /** True when these bytes would survive a crash now, in any file. */
  holds(bytes: Uint8Array): boolean {
    return [...this.#files.values()].some((file) => file.holds(bytes));
  }

  /** What of a file a crash now would leave for certain. */
  synced(name: string): Uint8Array {
    return this.#files.get(name)?.synced ?? new Uint8Array(0);
  }

  /** Puts back what a file held earlier, as a restored snapshot does. */
  restore(name: string, content: Uint8Array): void {
    this.#files.set(name, new SimFile(this.#clock.monotonicMs(), content));
  }

  /** The next sync reports an error, and what it was asked for may be lost. */
  failNextSync(): void {
    this.#failsNextSync = true;
  }

  /** One bit of what a file holds is another now; false when it holds nothing. */
  flipBit(name: string): boolean {
    return this.#files.get(name)?.flipBit(this.#random) ?? false;
  }

  crash(): void {
    for (const [name, file] of this.#files) {
      const isYoung = this.#clock.monotonicMs() - file.createdMs < NAME_WRITE_BACK_MS;
      if (!file.nameIsSynced && isYoung && this.#random.chance(this.#model.nameLoss ?? NAME_LOSS)) {
        this.#files.delete(name);
      } else {
        file.crash(this.#random);
      }
    }
  }

  #handle(name: string, isRunning: () => boolean): LogFile {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = new SimFile(this.#clock.monotonicMs());
      this.#files.set(name, file);
    }
    const { syncMsMin, syncMsMax } = this.#model;
    return file.open(name, {
      isRunning,
      delay: () =>
        new Promise((resolve) => {
          this.#clock.setTimer(this.#random.between(syncMsMin, syncMsMax), resolve);
        }),
      fails: () => {
        const fails = this.#failsNextSync;
        this.#failsNextSync = false;
        return fails;
      },
    });
  }
}

interface Handle {
  readonly isRunning: () => boolean;
  readonly delay: () => Promise<void>;
  /** Asked once per sync. */
  readonly fails: () => boolean;
}

class SimFile {
  readonly createdMs: number;
  nameIsSynced = false;
  #content: Uint8Array;
  #syncedBytes: number;

  /** `content` is on the disk already. */
  constructor(createdMs: number, content: Uint8Array = new Uint8Array(0)) {
    this.createdMs = createdMs;
    this.#content = content.slice();
    this.#syncedBytes = content.length;
    this.nameIsSynced = content.length > 0;
  }

  get synced(): Uint8Array {
    return this.#content.subarray(0, this.#syncedBytes);
  }

  open(name: string, { isRunning, delay, fails }: Handle): LogFile {
    /** What a dead process asked for never comes back to it. */
    const alive = async <T>(act: () => T): Promise<T> =>
      isRunning() ? act() : new Promise<T>(() => {});
    const sync = async (bytes: number) => {
      await delay();
      return alive(() => {
        if (fails()) throw new KadreError({ code: 'DISK_FAILED' }, `${name}: the sync failed`);
        this.#syncedBytes = Math.max(this.#syncedBytes, bytes);
      });
    };
    return {
      name,
      drawSalt: () => crc32c(utf8(`${name} ${this.createdMs}`)),
      read: async () => this.#content.slice(),
      truncate: (bytes) =>
        alive(() => {
          this.#content = this.#content.subarray(0, bytes);
          this.#syncedBytes = Math.min(this.#syncedBytes, bytes);
        }),
      write: (bytes) =>
        alive(() => {
          this.#content = concatBytes([this.#content, bytes]);
        }),
      datasync: () => sync(this.#content.length),
      syncWhole: async () => {
        await sync(this.#content.length);
        this.nameIsSynced = true;
      },
      close: async () => {},
    };
  }

  flipBit(random: SeededRandom): boolean {
    if (this.#content.length === 0) return false;
    this.#content = this.#content.slice();
    this.#content[random.integer(this.#content.length)]! ^= 1 << random.integer(8);
    return true;
  }

  holds(bytes: Uint8Array): boolean {
    return viewOf(this.synced).includes(viewOf(bytes));
  }

  crash(random: SeededRandom): void {
    const unsynced = this.#content.length - this.#syncedBytes;
    const kept = this.#syncedBytes + random.integer(unsynced + 1);
    const torn = new Uint8Array(random.chance(ZEROS_CHANCE) ? this.#content.length : kept);
    torn.set(this.#content.subarray(0, kept));
    this.#content = torn;
    this.#syncedBytes = torn.length;
  }
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
