/**
 * The file operations of the blob store: whole files appear under their names complete or not at
 * all, and a read gives exactly the bytes asked for or nothing.
 */
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from './sync-directory.ts';

export interface BlobFilesInit {
  /** Where files are written before they get their names; on the same file system. */
  readonly asideFolder: string;
  readonly durability: 'synced' | 'lazy';
}

export class BlobFiles {
  readonly #init: BlobFilesInit;
  #nextTemporary = 0;

  constructor(init: BlobFilesInit) {
    this.#init = init;
  }

  /** Complete under its final name, or absent. */
  async write(content: Uint8Array, path: string): Promise<void> {
    const aside = join(this.#init.asideFolder, String(this.#nextTemporary));
    this.#nextTemporary += 1;
    const isSynced = this.#init.durability === 'synced';
    try {
      const file = await open(aside, 'wx');
      try {
        await file.writeFile(content);
        if (isSynced) await file.datasync();
      } finally {
        await file.close();
      }
      await rename(aside, path);
    } catch (cause) {
      await rm(aside, { force: true }).catch(() => undefined);
      throw cause;
    }
    if (isSynced) await syncDirectory(join(path, '..'));
  }

  /** Exactly these bytes; undefined when the file is gone or too short. */
  async read(path: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    try {
      const file = await open(path, 'r');
      try {
        const content = new Uint8Array(length);
        for (let at = 0; at < length; ) {
          const { bytesRead } = await file.read(content, at, length - at, offset + at);
          if (bytesRead === 0) return undefined;
          at += bytesRead;
        }
        return content;
      } finally {
        await file.close();
      }
    } catch {
      return undefined;
    }
  }
}
