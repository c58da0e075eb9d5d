/**
 * Blobs that are on disk whole: `files/<2 hex>/<64 hex>` with its leaf hashes beside it, or an
 * entry of `packs/<n>.pack` (docs/protocol/blob.md, "On disk"). Knows where each is and since when;
 * what may stay is decided by the blob store.
 */
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fromHex, toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { Logger } from '../base/ports.ts';
import { LEAF_BYTES } from '../blob/tree.ts';
import type { BlobFiles } from './blob-files.ts';
import {
  encodePack,
  PACK_HEADER_BYTES,
  type PackItem,
  packTableBytes,
  parsePackTable,
} from './blob-pack.ts';
import type { Holding } from './eviction.ts';

export interface Place {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  /** Wall time of the last put, or of the last sweep that kept it; the file's mtime at start. */
  usedMs: number;
  /** Wall time of the last read since the start. */
  readMs: number;
}

/** A file's own time follows `usedMs` this coarsely: it only has to outlive a restart. */
export const TOUCH_MS = 3_600_000;

const FILE_NAME = /^[0-9a-f]{64}$/;
const PACK_NAME = /^[0-9]{1,15}\.pack$/;

type Building<T> = { -readonly [K in keyof T]: T[K] };

export class DiskFiles {
  readonly #files: BlobFiles;
  readonly #logger: Logger;
  readonly #directory: string;
  readonly #places = new Map<string, Place>();
  #heldBytes = 0;
  #nextPack = 0;

  constructor(
    components: { readonly files: BlobFiles; readonly logger: Logger },
    directory: string,
  ) {
    this.#files = components.files;
    this.#logger = components.logger;
    this.#directory = directory;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get(key: string): Place | undefined {
    return this.#places.get(key);
  }

  async scan(): Promise<void> {
    for (const folder of ['files', 'packs'])
      await mkdir(join(this.#directory, folder), { recursive: true });
    await this.#scanFiles();
    await this.#scanPacks();
  }

  async writeFile(root: Digest, content: Uint8Array, init: { leaves: Uint8Array; nowMs: number }) {
    const key = toHex(root);
    const path = join(this.#directory, 'files', key.slice(0, 2), key);
    await mkdir(join(path, '..'), { recursive: true });
    // The leaf hashes first: the content's name says that both are complete.
    if (content.length > LEAF_BYTES) await this.#files.write(init.leaves, `${path}.leaves`);
    await this.#files.write(content, path);
    this.#add(key, { path, offset: 0, bytes: content.length, usedMs: init.nowMs, readMs: 0 });
  }

  async writePack(items: readonly PackItem[], nowMs: number): Promise<void> {
    const { bytes, entries } = encodePack(items);
    const path = join(this.#directory, 'packs', `${this.#nextPack}.pack`);
    this.#nextPack += 1;
    await this.#files.write(bytes, path);
    for (const { root, offset, bytes: length } of entries) {
      this.#add(toHex(root), { path, offset, bytes: length, usedMs: nowMs, readMs: 0 });
    }
  }

  /** True when it is here; its time begins anew. */
  async touch(key: string, nowMs: number): Promise<boolean> {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    const isStale = nowMs - place.usedMs >= TOUCH_MS;
    place.usedMs = nowMs;
    if (isStale) await utimes(place.path, nowMs / 1000, nowMs / 1000).catch(() => undefined);
    return true;
  }

  /** No longer held; its bytes stay on disk. */
  forget(key: string): void {
    this.#heldBytes -= this.#places.get(key)?.bytes ?? 0;
    this.#places.delete(key);
  }

  /** Forgets everything in a file; gives the keys. */
  forgetFile(path: string): string[] {
    const keys = [...this.#places].filter(([, place]) => place.path === path).map(([key]) => key);
    for (const key of keys) this.forget(key);
    return keys;
  }

  /** Of a file that was forgotten. */
  async remove(path: string): Promise<void> {
    await rm(path, { force: true });
    await rm(`${path}.leaves`, { force: true });
  }

  /** Each file once, by its path: a pack is as young, and as pinned, as anything in it. */
  holdings(keptMs: number, isPinned: (key: string) => boolean): Iterable<Holding<string>> {
    const files = new Map<string, Building<Holding<string>>>();
    for (const [key, { path, bytes, usedMs, readMs }] of this.#places) {
      const fresh = { key: path, bytes: 0, keptUntilMs: 0, usedMs: 0, isPinned: false };
      const file = files.get(path) ?? fresh;
      file.bytes += bytes;
      file.keptUntilMs = Math.max(file.keptUntilMs, usedMs + keptMs);
      file.usedMs = Math.max(file.usedMs, usedMs, readMs);
      file.isPinned ||= isPinned(key);
      files.set(path, file);
    }
    return files.values();
  }

  #add(key: string, place: Place): void {
    if (this.#places.has(key)) return;
    this.#places.set(key, place);
    this.#heldBytes += place.bytes;
  }

  async #scanFiles(): Promise<void> {
    const files = join(this.#directory, 'files');
    for (const folder of await readdir(files)) {
      for (const name of await readdir(join(files, folder))) {
        if (!FILE_NAME.test(name) || fromHex(name) === undefined) continue;
        const path = join(files, folder, name);
        const { size, mtimeMs } = await stat(path);
        this.#add(name, { path, offset: 0, bytes: size, usedMs: mtimeMs, readMs: 0 });
      }
    }
  }

  async #scanPacks(): Promise<void> {
    const packs = join(this.#directory, 'packs');
    for (const name of await readdir(packs)) {
      if (!PACK_NAME.test(name)) continue;
      this.#nextPack = Math.max(this.#nextPack, Number.parseInt(name, 10) + 1);
      const path = join(packs, name);
      const header = await this.#files.read(path, 0, PACK_HEADER_BYTES);
      const tableBytes = header === undefined ? undefined : packTableBytes(header);
      const table =
        tableBytes === undefined
          ? undefined
          : await this.#files.read(path, PACK_HEADER_BYTES, tableBytes);
      const { size, mtimeMs } = await stat(path);
      const entries = table && parsePackTable(table, size);
      if (entries === undefined) this.#logger.log('warn', 'blob-pack-damaged', { path });
      for (const { root, offset, bytes } of entries ?? []) {
        this.#add(toHex(root), { path, offset, bytes, usedMs: mtimeMs, readMs: 0 });
      }
    }
  }
}
