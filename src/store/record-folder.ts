/**
 * A folder of small records, one file each: the record's bytes and their CRC-32C. A file appears
 * whole or not at all, is durable when written, and one that is damaged is reported and left alone
 * (docs/protocol/wal.md, "Record files").
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { u32 } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import { writeFilesAtomic } from './atomic-file.ts';
import { crc32c } from './crc32c.ts';
import { syncDirectory } from './sync-directory.ts';

const CHECKSUM_BYTES = 4;

export interface RecordFolderInit {
  readonly directory: string;
  /** File names are this after the record's name: `.job`. */
  readonly extension: string;
  /** What a record's name looks like; files of other names are not ours. */
  readonly name: RegExp;
}

export class RecordFolder {
  readonly #init: RecordFolderInit;
  #made: Promise<unknown> | undefined;

  constructor(init: RecordFolderInit) {
    this.#init = init;
  }

  /** Every whole record, by name. Errors: DISK_FAILED when the folder itself cannot be read. */
  async readAll(
    onDamaged: (error: KadreError) => void,
  ): Promise<{ readonly name: string; readonly body: Uint8Array }[]> {
    const { extension, name: pattern } = this.#init;
    const found: { name: string; body: Uint8Array }[] = [];
    for (const file of (await this.#files()).sort()) {
      const name = file.slice(0, -extension.length);
      if (!file.endsWith(extension) || !pattern.test(name)) continue;
      try {
        found.push({ name, body: await this.#read(file) });
      } catch (cause) {
        onDamaged(asKadreError(cause, 'DATA_DIR_DAMAGED', file));
      }
    }
    return found;
  }

  /** Durable when it resolves; replaces what had the name. Errors: DISK_FAILED. */
  async write(name: string, body: Uint8Array): Promise<void> {
    await this.#make();
    const file = this.#pathOf(name);
    await writeFilesAtomic([{ file, parts: [body, u32(crc32c(body))], mode: 0o600 }]);
    try {
      await syncDirectory(this.#init.directory);
    } catch (cause) {
      throw asKadreError(cause, 'DISK_FAILED', `cannot sync ${this.#init.directory}`);
    }
  }

  async remove(name: string): Promise<void> {
    await rm(this.#pathOf(name), { force: true });
  }

  async #files(): Promise<string[]> {
    try {
      await this.#make();
      return await readdir(this.#init.directory);
    } catch (cause) {
      throw asKadreError(cause, 'DISK_FAILED', `cannot read ${this.#init.directory}`);
    }
  }

  async #read(file: string): Promise<Uint8Array> {
    const content = new Uint8Array(await readFile(join(this.#init.directory, file)));
    const body = content.subarray(0, Math.max(0, content.length - CHECKSUM_BYTES));
    const checksum = content.subarray(body.length);
    const isWhole =
      checksum.length === CHECKSUM_BYTES &&
      new DataView(checksum.buffer, checksum.byteOffset).getUint32(0) === crc32c(body);
    if (isWhole) return body;
    throw new KadreError({ code: 'DATA_DIR_DAMAGED', data: { file } }, `${file} is damaged`);
  }

  #make(): Promise<unknown> {
    this.#made ??= mkdir(this.#init.directory, { recursive: true, mode: 0o700 });
    return this.#made;
  }

  #pathOf(name: string): string {
    return join(this.#init.directory, `${name}${this.#init.extension}`);
  }
}
