/**
 * Blobs in a directory. A blob above one leaf is a file named by its root, with its leaf hashes
 * beside it; small ones share pack files. A file gets its name only when complete (write aside,
 * sync, rename), and every read is checked against the blob's tree, so neither a torn write nor a
 * flipped bit on disk is ever served: a blob that fails is forgotten (docs/protocol/blob.md,
 * "On disk"). Names are hex digits made here; nothing a peer sends becomes a path.
 */
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, fromHex, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import type { BlobRef, BlobStore, Clock, Logger } from '../base/ports.ts';
import { blobLeaves, blobRootOf, LEAF_BYTES } from '../blob/tree.ts';
import { systemClock } from '../crypto/node/system-ports.ts';
import {
  encodePack,
  PACK_ENTRIES_MAX,
  PACK_HEADER_BYTES,
  type PackItem,
  packTableBytes,
  parsePackTable,
} from './blob-pack.ts';
import { isInside } from './memory-blob-store.ts';
import { syncDirectory } from './sync-directory.ts';

export interface DiskBlobStoreComponents {
  readonly logger: Logger;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'wallMs'>;
}

export interface DiskBlobStoreInit {
  /** Used by this store alone; made when missing. */
  readonly directory: string;
  /** Content held at most; a put beyond it throws DISK_FAILED. Default 1 TiB. */
  readonly bytesMax?: number;
  /**
   * `synced`: a resolved put survives a power cut. `lazy`: it survives a crash of the process;
   * after a power cut a blob may be missing, never wrong. Default `synced`.
   */
  readonly durability?: 'synced' | 'lazy';
}

interface Place {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  /** Wall time of the last put, or of the last sweep that kept it; the file's mtime at start. */
  usedMs: number;
}

/** A file's own time follows `usedMs` this coarsely: it only has to outlive a restart. */
const TOUCH_MS = 3_600_000;

const BYTES_MAX = 2 ** 40;
const PACK_BYTES_MAX = 64 * 2 ** 20;
const LEAF_LISTS_CACHED_BYTES_MAX = 32 * 2 ** 20;
const HASHED_AT_ONCE_BYTES = 16 * LEAF_BYTES;
const FILE_NAME = /^[0-9a-f]{64}$/;
const PACK_NAME = /^[0-9]{1,15}\.pack$/;

export class DiskBlobStore implements BlobStore {
  readonly #logger: Logger;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #init: Required<DiskBlobStoreInit>;
  readonly #places = new Map<string, Place>();
  /** Verified leaf lists, least recently used first. */
  readonly #leafLists = new Map<string, Uint8Array>();
  readonly #writing = new Map<string, Promise<void>>();
  /** A put must not meet the removal of the same blob halfway. */
  #expiring: Promise<unknown> = Promise.resolve();
  #leafListBytes = 0;
  #bytes = 0;
  #nextPack = 0;
  #nextTemporary = 0;

  private constructor(components: DiskBlobStoreComponents, init: Required<DiskBlobStoreInit>) {
    this.#logger = components.logger;
    this.#clock = components.clock ?? systemClock;
    this.#init = init;
  }

  /** Opens the store and finds what it holds. DISK_FAILED when the directory cannot be used. */
  static async open(
    components: DiskBlobStoreComponents,
    init: DiskBlobStoreInit,
  ): Promise<DiskBlobStore> {
    const full = { bytesMax: BYTES_MAX, durability: 'synced', ...init } as const;
    const store = new DiskBlobStore(components, full);
    try {
      // Left over from a crash: never named, never readable.
      await rm(store.#folder('aside'), { recursive: true, force: true });
      for (const folder of ['aside', 'files', 'packs']) {
        await mkdir(store.#folder(folder), { recursive: true });
      }
      await store.#scanFiles();
      await store.#scanPacks();
    } catch (cause) {
      throw diskFailed(cause);
    }
    return store;
  }

  async put(content: Uint8Array): Promise<BlobRef> {
    await this.#expiring;
    const leaves = blobLeaves(content);
    const root = blobRootOf(leaves, content.length);
    await this.#once(toHex(root), content.length, () => this.#writeFile(root, content, leaves));
    return { root, bytes: content.length };
  }

  async putMany(contents: readonly Uint8Array[]): Promise<BlobRef[]> {
    await this.#expiring;
    const refs: BlobRef[] = [];
    let items: PackItem[] = [];
    let itemsBytes = 0;
    const fresh = new Set<string>();
    for (const content of contents) {
      if (content.length > LEAF_BYTES) {
        refs.push(await this.put(content));
        continue;
      }
      const root = blobRootOf(blobLeaves(content), content.length);
      refs.push({ root, bytes: content.length });
      const key = toHex(root);
      if (fresh.has(key) || (await this.#isHeld(key))) continue;
      fresh.add(key);
      items.push({ root, content });
      itemsBytes += content.length;
      if (items.length < PACK_ENTRIES_MAX && itemsBytes < PACK_BYTES_MAX) continue;
      await this.#writePack(items, itemsBytes);
      items = [];
      itemsBytes = 0;
    }
    if (items.length > 0) await this.#writePack(items, itemsBytes);
    return refs;
  }

  async size(root: Digest): Promise<number | undefined> {
    return this.#places.get(toHex(root))?.bytes;
  }

  async read(root: Digest, offset: number, length: number): Promise<Uint8Array | undefined> {
    const key = toHex(root);
    const place = this.#places.get(key);
    if (place === undefined || !isInside(place.bytes, offset, length)) return undefined;
    // Whole leaves are read, because only whole leaves can be checked.
    const first = Math.floor(offset / LEAF_BYTES);
    const end = Math.max(first + 1, Math.ceil((offset + length) / LEAF_BYTES));
    const start = Math.min(first * LEAF_BYTES, place.bytes);
    const stop = Math.min(end * LEAF_BYTES, place.bytes);
    const content = await this.#readAt(place.path, place.offset + start, stop - start);
    const hashes = await this.#leafList(
      key,
      place,
      stop - start === place.bytes ? content : undefined,
    );
    const expected = hashes?.subarray(first * DIGEST_BYTES, end * DIGEST_BYTES);
    if (content === undefined || expected === undefined) return this.#forget(key, place);
    if (start < stop && !equalBytes(blobLeaves(content), expected)) return this.#forget(key, place);
    return content.subarray(offset - start, offset - start + length);
  }

  async leaves(root: Digest): Promise<Uint8Array | undefined> {
    const key = toHex(root);
    const place = this.#places.get(key);
    if (place === undefined) return undefined;
    const hashes = await this.#leafList(key, place, undefined);
    return hashes === undefined ? this.#forget(key, place) : hashes.slice();
  }

  async expire(beforeMs: number, keep: Iterable<Digest>): Promise<number> {
    const kept = [...keep].map(toHex);
    const expired = this.#expiring.catch(() => undefined).then(() => this.#expire(beforeMs, kept));
    this.#expiring = expired.catch(() => undefined);
    return expired;
  }

  /** A file goes when everything in it is old: most are one blob, a pack is a worker's chunk. */
  async #expire(beforeMs: number, kept: readonly string[]): Promise<number> {
    for (const key of kept) await this.#isHeld(key);
    const young = new Set<string>();
    for (const { path, usedMs } of this.#places.values()) if (usedMs >= beforeMs) young.add(path);
    const old = new Set<string>();
    const bytesBefore = this.#bytes;
    for (const [key, place] of this.#places) {
      if (young.has(place.path)) continue;
      old.add(place.path);
      this.#let(key, place);
    }
    for (const path of old) {
      await rm(path, { force: true });
      await rm(`${path}.leaves`, { force: true });
    }
    return bytesBefore - this.#bytes;
  }

  /** True when it is here; its time begins anew. */
  async #isHeld(key: string): Promise<boolean> {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    const nowMs = this.#clock.wallMs();
    const isStale = nowMs - place.usedMs >= TOUCH_MS;
    place.usedMs = nowMs;
    if (isStale) await utimes(place.path, nowMs / 1000, nowMs / 1000).catch(() => undefined);
    return true;
  }

  #folder(name: string): string {
    return join(this.#init.directory, name);
  }

  #pathOf(key: string): string {
    return join(this.#folder('files'), key.slice(0, 2), key);
  }

  /** Runs the write once for a root, however many ask at the same time. */
  async #once(key: string, bytes: number, write: () => Promise<Place>): Promise<void> {
    if (await this.#isHeld(key)) return;
    const present = this.#writing.get(key);
    if (present !== undefined) return present;
    this.#assertRoom(bytes);
    const writing = write()
      .then((place) => this.#add(key, place))
      .catch((cause) => {
        throw diskFailed(cause);
      })
      .finally(() => this.#writing.delete(key));
    this.#writing.set(key, writing);
    return writing;
  }

  async #writeFile(root: Digest, content: Uint8Array, leaves: Uint8Array): Promise<Place> {
    const key = toHex(root);
    const path = this.#pathOf(key);
    await mkdir(join(path, '..'), { recursive: true });
    // The leaf hashes first: the content's name says that both are complete.
    if (content.length > LEAF_BYTES) await this.#writeAside(leaves, `${path}.leaves`);
    await this.#writeAside(content, path);
    return { path, offset: 0, bytes: content.length, usedMs: this.#clock.wallMs() };
  }

  async #writePack(items: readonly PackItem[], contentBytes: number): Promise<void> {
    this.#assertRoom(contentBytes);
    const { bytes, entries } = encodePack(items);
    const path = join(this.#folder('packs'), `${this.#nextPack}.pack`);
    this.#nextPack += 1;
    try {
      await this.#writeAside(bytes, path);
    } catch (cause) {
      throw diskFailed(cause);
    }
    for (const entry of entries) {
      const { root, offset, bytes: length } = entry;
      this.#add(toHex(root), { path, offset, bytes: length, usedMs: this.#clock.wallMs() });
    }
  }

  /** Complete under its final name, or absent. */
  async #writeAside(content: Uint8Array, path: string): Promise<void> {
    const aside = join(this.#folder('aside'), String(this.#nextTemporary));
    this.#nextTemporary += 1;
    try {
      const file = await open(aside, 'wx');
      try {
        await file.writeFile(content);
        if (this.#init.durability === 'synced') await file.datasync();
      } finally {
        await file.close();
      }
      await rename(aside, path);
    } catch (cause) {
      await rm(aside, { force: true }).catch(() => undefined);
      throw cause;
    }
    if (this.#init.durability === 'synced') await syncDirectory(join(path, '..'));
  }

  #add(key: string, place: Place): void {
    if (this.#places.has(key)) return;
    this.#places.set(key, place);
    this.#bytes += place.bytes;
  }

  #assertRoom(bytes: number): void {
    if (this.#bytes + bytes <= this.#init.bytesMax) return;
    const init = { code: 'DISK_FAILED', data: { bytesMax: this.#init.bytesMax } } as const;
    throw new KadreError(init, `the blob store may hold ${this.#init.bytesMax} bytes at most`);
  }

  /** The verified leaf hashes of a blob; undefined when disk no longer bears out its root. */
  async #leafList(
    key: string,
    place: Place,
    whole: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const cached = this.#leafLists.get(key);
    if (cached !== undefined) {
      this.#leafLists.delete(key);
      this.#leafLists.set(key, cached);
      return cached;
    }
    const beside =
      whole === undefined && place.bytes > LEAF_BYTES
        ? await this.#readAt(`${place.path}.leaves`, 0, leafListBytes(place.bytes))
        : undefined;
    if (beside !== undefined && toHex(blobRootOf(beside, place.bytes)) === key) {
      return this.#cacheLeaves(key, beside);
    }
    const leaves = whole === undefined ? await this.#hashWhole(place) : blobLeaves(whole);
    if (leaves === undefined) return undefined;
    if (toHex(blobRootOf(leaves, place.bytes)) !== key) return undefined;
    // One leaf is cheaper to hash again than to remember.
    return place.bytes > LEAF_BYTES ? this.#cacheLeaves(key, leaves) : leaves;
  }

  /** Leaf hashes from the content itself, a few leaves in memory at a time. */
  async #hashWhole({ path, offset, bytes }: Place): Promise<Uint8Array | undefined> {
    const leaves = new Uint8Array(leafListBytes(bytes));
    for (let at = 0; at === 0 || at < bytes; at += HASHED_AT_ONCE_BYTES) {
      const length = Math.min(HASHED_AT_ONCE_BYTES, bytes - at);
      const content = await this.#readAt(path, offset + at, length);
      if (content === undefined) return undefined;
      leaves.set(blobLeaves(content), (at / LEAF_BYTES) * DIGEST_BYTES);
    }
    return leaves;
  }

  #cacheLeaves(key: string, leaves: Uint8Array): Uint8Array {
    this.#leafLists.set(key, leaves);
    this.#leafListBytes += leaves.length;
    for (const [oldest, list] of this.#leafLists) {
      if (this.#leafListBytes <= LEAF_LISTS_CACHED_BYTES_MAX || oldest === key) break;
      this.#leafLists.delete(oldest);
      this.#leafListBytes -= list.length;
    }
    return leaves;
  }

  #let(key: string, place: Place): void {
    this.#places.delete(key);
    this.#bytes -= place.bytes;
    const list = this.#leafLists.get(key);
    if (this.#leafLists.delete(key)) this.#leafListBytes -= list?.length ?? 0;
  }

  #forget(key: string, place: Place): undefined {
    if (!this.#places.has(key)) return undefined;
    this.#let(key, place);
    this.#logger.log('warn', 'blob-damaged', { root: key, path: place.path });
    return undefined;
  }

  /** Exactly these bytes; undefined when the file is gone or too short. */
  async #readAt(path: string, offset: number, length: number): Promise<Uint8Array | undefined> {
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

  async #scanFiles(): Promise<void> {
    for (const folder of await readdir(this.#folder('files'))) {
      for (const name of await readdir(join(this.#folder('files'), folder))) {
        if (!FILE_NAME.test(name) || fromHex(name) === undefined) continue;
        const path = join(this.#folder('files'), folder, name);
        const { size, mtimeMs } = await stat(path);
        this.#add(name, { path, offset: 0, bytes: size, usedMs: mtimeMs });
      }
    }
  }

  async #scanPacks(): Promise<void> {
    for (const name of await readdir(this.#folder('packs'))) {
      if (!PACK_NAME.test(name)) continue;
      this.#nextPack = Math.max(this.#nextPack, Number.parseInt(name, 10) + 1);
      const path = join(this.#folder('packs'), name);
      const header = await this.#readAt(path, 0, PACK_HEADER_BYTES);
      const tableBytes = header === undefined ? undefined : packTableBytes(header);
      const table =
        tableBytes === undefined
          ? undefined
          : await this.#readAt(path, PACK_HEADER_BYTES, tableBytes);
      const { size, mtimeMs } = await stat(path);
      const entries = table && parsePackTable(table, size);
      if (entries === undefined) this.#logger.log('warn', 'blob-pack-damaged', { path });
      for (const { root, offset, bytes } of entries ?? []) {
        this.#add(toHex(root), { path, offset, bytes, usedMs: mtimeMs });
      }
    }
  }
}

function leafListBytes(blobBytes: number): number {
  return Math.max(1, Math.ceil(blobBytes / LEAF_BYTES)) * DIGEST_BYTES;
}

function diskFailed(cause: unknown): KadreError {
  if (cause instanceof KadreError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const data = { errno: code ?? 'unknown' };
  return new KadreError({ code: 'DISK_FAILED', data }, `the blob store failed: ${message}`, {
    cause,
  });
}
