/**
 * Blobs in a directory. A blob above one leaf is a file named by its root, with its leaf hashes
 * beside it; small ones share pack files; of a blob that is not here whole, chunks are files. A
 * file gets its name only when complete (write aside, sync, rename), and every read is checked
 * against the blob's tree, so neither a torn write nor a flipped bit on disk is ever served: what
 * fails is forgotten (docs/protocol/blob.md, "On disk"). A full store lets go what nobody holds on
 * to (eviction.ts). Names are hex digits made here; nothing a peer sends becomes a path.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import type {
  BlobChunk,
  BlobRef,
  BlobStore,
  BlobStoreUsage,
  Clock,
  Logger,
} from '../base/ports.ts';
import { chunksOver } from '../blob/chunks.ts';
import { blobLeaves, blobRootOf, LEAF_BYTES } from '../blob/tree.ts';
import { systemClock } from '../crypto/node/system-ports.ts';
import { BlobFiles } from './blob-files.ts';
import { PACK_ENTRIES_MAX, type PackItem } from './blob-pack.ts';
import { type ChunkedBlob, DiskChunks } from './disk-chunks.ts';
import { DiskFiles, type Place, TOUCH_MS } from './disk-files.ts';
import { chooseEvictions, type Holding } from './eviction.ts';
import { LeafLists } from './leaf-lists.ts';
import { isInside } from './memory-blob-store.ts';
import { Pins } from './pins.ts';

export interface DiskBlobStoreComponents {
  readonly logger: Logger;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'wallMs'>;
}

export interface DiskBlobStoreInit {
  /** Used by this store alone; made when missing. */
  readonly directory: string;
  /** Content held at most; where no room can be made, a put throws DISK_FAILED. Default 1 TiB. */
  readonly bytesMax?: number;
  /** What is put stays at least so long, whatever room is wanted. Default: a day. */
  readonly keptMs?: number;
  /**
   * `synced`: a resolved put survives a power cut. `lazy`: it survives a crash of the process;
   * after a power cut a blob may be missing, never wrong. Default `synced`.
   */
  readonly durability?: 'synced' | 'lazy';
}

/** A blob that is here whole, or in parts. */
type Held = Place | ChunkedBlob;

const BYTES_MAX = 2 ** 40;
const KEPT_MS = 24 * 3_600_000;
/** A full store makes this part of itself free at once, so that the next put finds room. */
const SLACK = 1 / 64;
const PACK_BYTES_MAX = 64 * 2 ** 20;
const HASHED_AT_ONCE_BYTES = 16 * LEAF_BYTES;

export class DiskBlobStore implements BlobStore {
  readonly #logger: Logger;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #init: Required<DiskBlobStoreInit>;
  readonly #io: BlobFiles;
  readonly #files: DiskFiles;
  readonly #chunks: DiskChunks;
  readonly #leafLists = new LeafLists();
  readonly #pins = new Pins();
  readonly #writing = new Map<string, Promise<void>>();
  /** A put must not meet the removal of the same blob halfway. */
  #removing: Promise<unknown> = Promise.resolve();
  /** Room promised to writes under way. */
  #reservedBytes = 0;

  private constructor(components: DiskBlobStoreComponents, init: Required<DiskBlobStoreInit>) {
    const { logger, clock = systemClock } = components;
    const { directory, durability } = init;
    this.#logger = logger;
    this.#clock = clock;
    this.#init = init;
    this.#io = new BlobFiles({ asideFolder: join(directory, 'aside'), durability });
    this.#files = new DiskFiles({ files: this.#io, logger }, directory);
    this.#chunks = new DiskChunks(this.#io, join(directory, 'chunks'));
  }

  /** Opens the store and finds what it holds. DISK_FAILED when the directory cannot be used. */
  static async open(
    components: DiskBlobStoreComponents,
    init: DiskBlobStoreInit,
  ): Promise<DiskBlobStore> {
    const defaults = { bytesMax: BYTES_MAX, keptMs: KEPT_MS, durability: 'synced' } as const;
    const store = new DiskBlobStore(components, { ...defaults, ...init });
    const aside = join(init.directory, 'aside');
    try {
      // Left over from a crash: never named, never readable.
      await rm(aside, { recursive: true, force: true });
      await mkdir(aside, { recursive: true });
      await store.#files.scan();
      await store.#chunks.scan();
    } catch (cause) {
      throw diskFailed(cause);
    }
    return store;
  }

  async put(content: Uint8Array): Promise<BlobRef> {
    await this.#removing;
    const leaves = blobLeaves(content);
    const root = blobRootOf(leaves, content.length);
    const key = toHex(root);
    if (!(await this.#files.touch(key, this.#clock.wallMs()))) {
      await this.#once(key, content.length, async () => {
        await this.#files.writeFile(root, content, { leaves, nowMs: this.#clock.wallMs() });
      });
      // What came in parts is here whole now.
      if (this.#chunks.get(key)?.writing === 0) await this.#letGo(key)();
    }
    return { root, bytes: content.length };
  }

  async putMany(contents: readonly Uint8Array[]): Promise<BlobRef[]> {
    await this.#removing;
    const refs: BlobRef[] = [];
    let items: PackItem[] = [];
    let itemsBytes = 0;
    const fresh = new Set<string>();
    const write = async () => {
      const packed = items;
      const bytes = itemsBytes;
      items = [];
      itemsBytes = 0;
      await this.#inRoomFor(bytes, () => this.#files.writePack(packed, this.#clock.wallMs()));
    };
    for (const content of contents) {
      if (content.length > LEAF_BYTES) {
        refs.push(await this.put(content));
        continue;
      }
      const root = blobRootOf(blobLeaves(content), content.length);
      refs.push({ root, bytes: content.length });
      const key = toHex(root);
      if (fresh.has(key) || (await this.#files.touch(key, this.#clock.wallMs()))) continue;
      fresh.add(key);
      items.push({ root, content });
      itemsBytes += content.length;
      if (items.length >= PACK_ENTRIES_MAX || itemsBytes >= PACK_BYTES_MAX) await write();
    }
    if (items.length > 0) await write();
    return refs;
  }

  async putChunk(chunk: BlobChunk): Promise<void> {
    await this.#removing;
    const key = toHex(chunk.ref.root);
    const isHere = () =>
      this.#files.get(key) !== undefined || this.#chunks.get(key)?.present.has(chunk.index);
    if (isHere()) return;
    await this.#once(`${key}/${chunk.index}`, chunk.content.length, () =>
      this.#chunks.put(key, chunk, this.#clock.wallMs()),
    );
  }

  async size(root: Digest): Promise<number | undefined> {
    const held = this.#held(toHex(root));
    return held !== undefined && this.#isWhole(held) ? held.bytes : undefined;
  }

  part(root: Digest): { readonly bytes: number; has(chunk: number): boolean } | undefined {
    const held = this.#held(toHex(root));
    if (held === undefined) return undefined;
    const { bytes } = held;
    return { bytes, has: (chunk) => isFile(held) || held.present.has(chunk) };
  }

  async read(root: Digest, offset: number, length: number): Promise<Uint8Array | undefined> {
    const key = toHex(root);
    const held = this.#held(key);
    if (held === undefined || !isInside(held.bytes, offset, length)) return undefined;
    // Whole leaves are read, because only whole leaves can be checked.
    const first = Math.floor(offset / LEAF_BYTES);
    const end = Math.max(first + 1, Math.ceil((offset + length) / LEAF_BYTES));
    const start = Math.min(first * LEAF_BYTES, held.bytes);
    const range = { offset: start, length: Math.min(end * LEAF_BYTES, held.bytes) - start };
    const content = await this.#contentOf(key, held, range);
    // A chunk that is not here says nothing against those that are.
    if (content === undefined && !isFile(held)) return undefined;
    const hashes = await this.#leafList(
      key,
      held,
      range.length === held.bytes ? content : undefined,
    );
    const expected = hashes?.subarray(first * DIGEST_BYTES, end * DIGEST_BYTES);
    if (expected === undefined) return this.#damaged(key, held);
    if (content === undefined || !isBorneOut(content, expected)) {
      return this.#damaged(key, held, range);
    }
    if (isFile(held)) held.readMs = this.#clock.wallMs();
    else await this.#touchChunks(key, held);
    return content.subarray(offset - start, offset - start + length);
  }

  async leaves(root: Digest): Promise<Uint8Array | undefined> {
    const key = toHex(root);
    const held = this.#held(key);
    if (held === undefined) return undefined;
    const hashes = await this.#leafList(key, held, undefined);
    return hashes === undefined ? this.#damaged(key, held) : hashes.slice();
  }

  async expire(beforeMs: number, keep: Iterable<Digest>): Promise<number> {
    const kept = [...keep].map(toHex);
    const expired = this.#removing.catch(() => undefined).then(() => this.#expire(beforeMs, kept));
    this.#removing = expired.catch(() => undefined);
    return expired;
  }

  pin(owner: string, roots: Iterable<Digest>): void {
    this.#pins.pin(owner, roots);
  }

  release(owner: string): void {
    this.#pins.release(owner);
  }

  get usage(): BlobStoreUsage {
    let pinnedBytes = 0;
    for (const { isPinned, bytes } of this.#holdings()) if (isPinned) pinnedBytes += bytes;
    return { bytes: this.#heldBytes, bytesMax: this.#init.bytesMax, pinnedBytes };
  }

  get #heldBytes(): number {
    return this.#files.heldBytes + this.#chunks.heldBytes;
  }

  #held(key: string): Held | undefined {
    const chunked = this.#chunks.get(key);
    const isEmpty = chunked === undefined || chunked.present.size === 0;
    return this.#files.get(key) ?? (isEmpty ? undefined : chunked);
  }

  #isWhole(held: Held): boolean {
    return isFile(held) || this.#chunks.isWhole(held);
  }

  /** A file goes when everything in it is old: most are one blob, a pack is a worker's chunk. */
  async #expire(beforeMs: number, kept: readonly string[]): Promise<number> {
    const nowMs = this.#clock.wallMs();
    for (const key of kept) {
      const chunked = this.#chunks.get(key);
      if (!(await this.#files.touch(key, nowMs)) && chunked) await this.#touchChunks(key, chunked);
    }
    // Of the holdings `usedMs` counts reads, which do not prolong a result's day.
    const old = [...this.#holdings(0)].filter(
      ({ isPinned, keptUntilMs, usedMs }) => !isPinned && (keptUntilMs || usedMs) < beforeMs,
    );
    for (const { key } of old) await this.#letGo(key)();
    return old.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Everything that goes as a whole: packs and files by their path, chunked blobs by their key. */
  *#holdings(keptMs = this.#init.keptMs): Generator<Holding<string>> {
    const isPinned = (key: string) => this.#pins.has(key);
    yield* this.#files.holdings(keptMs, isPinned);
    for (const [key, { heldBytes, usedMs, writing }] of this.#chunks) {
      yield {
        key,
        bytes: heldBytes,
        keptUntilMs: 0,
        usedMs,
        isPinned: writing > 0 || isPinned(key),
      };
    }
  }

  /** Makes room and reserves it while `write` runs. Errors: DISK_FAILED. */
  async #inRoomFor<T>(bytes: number, write: () => Promise<T>): Promise<T> {
    const leaving = this.#makeRoom(bytes);
    this.#reservedBytes += bytes;
    try {
      await leaving;
      return await write();
    } catch (cause) {
      throw diskFailed(cause);
    } finally {
      this.#reservedBytes -= bytes;
    }
  }

  /** Decides at once; resolves when the files are gone. Throws DISK_FAILED where nothing may go. */
  #makeRoom(bytes: number): Promise<unknown> {
    const { bytesMax } = this.#init;
    const missing = this.#heldBytes + this.#reservedBytes + bytes - bytesMax;
    if (missing <= 0) return this.#removing;
    const holdings = [...this.#holdings()];
    const nowMs = this.#clock.wallMs();
    const chosen =
      chooseEvictions(holdings, missing + Math.floor(bytesMax * SLACK), nowMs) ??
      chooseEvictions(holdings, missing, nowMs);
    if (chosen === undefined) throw this.#full();
    this.#logger.log('info', 'blobs-evicted', { count: chosen.length });
    const removals = chosen.map((key) => this.#letGo(key));
    this.#removing = Promise.all([this.#removing, ...removals.map((remove) => remove())]).catch(
      (cause) => this.#logger.log('warn', 'blobs-not-removed', { cause: String(cause) }),
    );
    return this.#removing;
  }

  /** Not held from now on; the result removes the files. */
  #letGo(key: string): () => Promise<void> {
    const chunked = this.#chunks.get(key);
    if (chunked === undefined) {
      for (const root of this.#files.forgetFile(key)) this.#leafLists.forget(root);
      return () => this.#files.remove(key);
    }
    this.#chunks.forget(key);
    this.#leafLists.forget(key);
    return () => this.#chunks.remove(key, chunked);
  }

  #full(): KadreError {
    const { bytes, bytesMax, pinnedBytes } = this.usage;
    const advice = 'raise `store`, or wait: results go after a day, inputs with their jobs';
    return new KadreError(
      { code: 'DISK_FAILED', data: { bytes, bytesMax, pinnedBytes }, advice },
      `the blob store may hold ${bytesMax} bytes at most, and all it holds is still needed`,
    );
  }

  async #touchChunks(key: string, blob: ChunkedBlob): Promise<void> {
    const nowMs = this.#clock.wallMs();
    if (nowMs - blob.usedMs >= TOUCH_MS) await this.#chunks.touch(key, blob, nowMs);
    blob.usedMs = nowMs;
  }

  /** Runs the write once for a name, however many ask at the same time. */
  async #once(name: string, bytes: number, write: () => Promise<void>): Promise<void> {
    const present = this.#writing.get(name);
    if (present !== undefined) return present;
    const writing = this.#inRoomFor(bytes, write).finally(() => this.#writing.delete(name));
    this.#writing.set(name, writing);
    return writing;
  }

  async #contentOf(
    key: string,
    held: Held,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array | undefined> {
    if (!isFile(held)) return this.#chunks.read(key, offset, length);
    return this.#io.read(held.path, held.offset + offset, length);
  }

  /** The verified leaf hashes of a blob; undefined when disk no longer bears out its root. */
  async #leafList(
    key: string,
    held: Held,
    whole: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const known = this.#leafLists.get(key);
    if (known !== undefined) return known;
    const beside = whole === undefined ? await this.#leavesBeside(key, held) : undefined;
    if (beside !== undefined && toHex(blobRootOf(beside, held.bytes)) === key) {
      return this.#leafLists.remember(key, beside);
    }
    const leaves = whole === undefined ? await this.#hashWhole(key, held) : blobLeaves(whole);
    if (leaves === undefined) return undefined;
    if (toHex(blobRootOf(leaves, held.bytes)) !== key) return undefined;
    // One leaf is cheaper to hash again than to remember.
    return held.bytes > LEAF_BYTES ? this.#leafLists.remember(key, leaves) : leaves;
  }

  async #leavesBeside(key: string, held: Held): Promise<Uint8Array | undefined> {
    const length = leafListBytes(held.bytes);
    if (!isFile(held)) return this.#chunks.leaves(key, length);
    return held.bytes > LEAF_BYTES ? this.#io.read(`${held.path}.leaves`, 0, length) : undefined;
  }

  /** Leaf hashes from the content itself, a few leaves in memory at a time. */
  async #hashWhole(key: string, held: Held): Promise<Uint8Array | undefined> {
    const { bytes } = held;
    const leaves = new Uint8Array(leafListBytes(bytes));
    for (let at = 0; at === 0 || at < bytes; at += HASHED_AT_ONCE_BYTES) {
      const length = Math.min(HASHED_AT_ONCE_BYTES, bytes - at);
      const content = await this.#contentOf(key, held, { offset: at, length });
      if (content === undefined) return undefined;
      leaves.set(blobLeaves(content), (at / LEAF_BYTES) * DIGEST_BYTES);
    }
    return leaves;
  }

  /** What disk no longer bears out is not held: a blob, or the chunks over `range`. */
  #damaged(key: string, held: Held, range?: { offset: number; length: number }): undefined {
    if (this.#held(key) !== held) return undefined;
    if (!isFile(held) && range !== undefined) {
      this.#chunks.forgetChunks(key, chunksOver(range));
    } else {
      this.#files.forget(key);
      this.#chunks.forget(key);
      this.#leafLists.forget(key);
    }
    this.#logger.log('warn', 'blob-damaged', { root: key });
    return undefined;
  }
}

function isFile(held: Held): held is Place {
  return 'path' in held;
}

function isBorneOut(content: Uint8Array, expected: Uint8Array): boolean {
  return content.length === 0 || equalBytes(blobLeaves(content), expected);
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
