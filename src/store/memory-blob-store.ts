/**
 * Blobs in memory, bounded: what an embedded client offers and receives. Same contract as the store
 * on disk (test/conformance/blob-store.ts).
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { BlobChunk, BlobRef, BlobStore, BlobStoreUsage, Clock } from '../base/ports.ts';
import { CHUNK_BYTES, chunkCount, chunksOver } from '../blob/chunks.ts';
import { blobLeaves, blobRootOf } from '../blob/tree.ts';
import { systemClock } from '../crypto/node/system-ports.ts';
import { chooseEvictions, type Holding } from './eviction.ts';
import { Pins } from './pins.ts';

export interface MemoryBlobStoreInit {
  /** Content held at most; where no room can be made, a put throws OVERLOADED. Default 4 GiB. */
  readonly bytesMax?: number;
  /** What is put stays at least so long, whatever room is wanted. Default: a day. */
  readonly keptMs?: number;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'wallMs'>;
}

interface Held {
  readonly content: Uint8Array;
  readonly leaves: Uint8Array;
  /** Wall time of the last put, or of the last sweep that kept it. */
  usedMs: number;
}

/** A blob in parts: chunks by index. */
interface Parts {
  readonly bytes: number;
  readonly leaves: Uint8Array;
  readonly chunks: Map<number, Uint8Array>;
  heldBytes: number;
  usedMs: number;
}

const BYTES_MAX = 4 * 2 ** 30;
const KEPT_MS = 24 * 3_600_000;

export class MemoryBlobStore implements BlobStore {
  readonly #bytesMax: number;
  readonly #keptMs: number;
  readonly #wallMs: () => number;
  readonly #blobs = new Map<string, Held>();
  readonly #parts = new Map<string, Parts>();
  readonly #pins = new Pins();
  #bytes = 0;

  constructor(init: MemoryBlobStoreInit = {}) {
    this.#bytesMax = init.bytesMax ?? BYTES_MAX;
    this.#keptMs = init.keptMs ?? KEPT_MS;
    const { clock = systemClock } = init;
    this.#wallMs = () => clock.wallMs();
  }

  /** Keeps a copy: later changes by the caller would make the root a lie. */
  async put(content: Uint8Array): Promise<BlobRef> {
    const leaves = blobLeaves(content);
    const root = blobRootOf(leaves, content.length);
    const key = toHex(root);
    const held = this.#blobs.get(key);
    if (held !== undefined) held.usedMs = this.#wallMs();
    else {
      this.#makeRoom(content.length);
      const usedMs = this.#wallMs();
      this.#blobs.set(key, { content: Uint8Array.from(content), leaves, usedMs });
      this.#bytes += content.length;
    }
    return { root, bytes: content.length };
  }

  async putMany(contents: readonly Uint8Array[]): Promise<BlobRef[]> {
    const refs: BlobRef[] = [];
    for (const content of contents) refs.push(await this.put(content));
    return refs;
  }

  async putChunk({ ref, leaves, index, content }: BlobChunk): Promise<void> {
    const key = toHex(ref.root);
    if (this.#blobs.has(key) || this.#parts.get(key)?.chunks.has(index)) return;
    this.#makeRoom(content.length, key);
    const usedMs = this.#wallMs();
    const fresh = { bytes: ref.bytes, leaves: leaves.slice(), chunks: new Map(), heldBytes: 0 };
    const parts: Parts = this.#parts.get(key) ?? { ...fresh, usedMs };
    parts.chunks.set(index, content.slice());
    parts.heldBytes += content.length;
    parts.usedMs = usedMs;
    this.#parts.set(key, parts);
    this.#bytes += content.length;
  }

  async size(root: Digest): Promise<number | undefined> {
    const parts = this.#parts.get(toHex(root));
    const isWhole = parts !== undefined && parts.chunks.size === chunkCount(parts.bytes);
    return this.#blobs.get(toHex(root))?.content.length ?? (isWhole ? parts.bytes : undefined);
  }

  part(root: Digest): { readonly bytes: number; has(chunk: number): boolean } | undefined {
    const whole = this.#blobs.get(toHex(root));
    if (whole !== undefined) return { bytes: whole.content.length, has: () => true };
    const parts = this.#parts.get(toHex(root));
    return parts && { bytes: parts.bytes, has: (chunk) => parts.chunks.has(chunk) };
  }

  async read(root: Digest, offset: number, length: number): Promise<Uint8Array | undefined> {
    const key = toHex(root);
    const content = this.#blobs.get(key)?.content;
    if (content !== undefined) {
      return isInside(content.length, offset, length)
        ? content.slice(offset, offset + length)
        : undefined;
    }
    const parts = this.#parts.get(key);
    if (parts === undefined || !isInside(parts.bytes, offset, length)) return undefined;
    parts.usedMs = this.#wallMs();
    return joined(parts, offset, length);
  }

  async leaves(root: Digest): Promise<Uint8Array | undefined> {
    const key = toHex(root);
    return (this.#blobs.get(key) ?? this.#parts.get(key))?.leaves.slice();
  }

  async expire(beforeMs: number, keep: Iterable<Digest>): Promise<number> {
    const nowMs = this.#wallMs();
    for (const root of keep) {
      const held = this.#blobs.get(toHex(root)) ?? this.#parts.get(toHex(root));
      if (held !== undefined) held.usedMs = nowMs;
    }
    const bytesBefore = this.#bytes;
    for (const [key, { usedMs }] of [...this.#blobs, ...this.#parts]) {
      if (usedMs < beforeMs && !this.#pins.has(key)) this.#drop(key);
    }
    return bytesBefore - this.#bytes;
  }

  pin(owner: string, roots: Iterable<Digest>): void {
    this.#pins.pin(owner, roots);
  }

  release(owner: string): void {
    this.#pins.release(owner);
  }

  /** Content held now. */
  get bytes(): number {
    return this.#bytes;
  }

  get usage(): BlobStoreUsage {
    let pinnedBytes = 0;
    for (const { isPinned, bytes } of this.#holdings()) if (isPinned) pinnedBytes += bytes;
    return { bytes: this.#bytes, bytesMax: this.#bytesMax, pinnedBytes };
  }

  /** Forgets a blob; true when it was held. */
  delete(root: Digest): boolean {
    return this.#drop(toHex(root));
  }

  #drop(key: string): boolean {
    const parts = this.#parts.get(key);
    this.#bytes -= (this.#blobs.get(key)?.content.length ?? 0) + (parts?.heldBytes ?? 0);
    this.#parts.delete(key);
    return this.#blobs.delete(key) || parts !== undefined;
  }

  *#holdings(): Generator<Holding<string>> {
    for (const [key, { content, usedMs }] of this.#blobs) {
      const keptUntilMs = usedMs + this.#keptMs;
      yield { key, bytes: content.length, keptUntilMs, usedMs, isPinned: this.#pins.has(key) };
    }
    for (const [key, { heldBytes, usedMs }] of this.#parts) {
      yield { key, bytes: heldBytes, keptUntilMs: 0, usedMs, isPinned: this.#pins.has(key) };
    }
  }

  /** Lets go what may go, except the blob `growing`; else OVERLOADED. */
  #makeRoom(bytes: number, growing?: string): void {
    const missing = this.#bytes + bytes - this.#bytesMax;
    const others = [...this.#holdings()].filter(({ key }) => key !== growing);
    const chosen = missing <= 0 ? [] : chooseEvictions(others, missing, this.#wallMs());
    if (chosen === undefined) {
      const init = { code: 'OVERLOADED', data: { bytesMax: this.#bytesMax } } as const;
      throw new KadreError(init, `the blob store may hold ${this.#bytesMax} bytes at most`);
    }
    for (const key of chosen) this.#drop(key);
  }
}

/** A copy of these bytes; undefined when a chunk of them is not here. */
function joined({ chunks }: Parts, offset: number, length: number): Uint8Array | undefined {
  const whole = new Uint8Array(length);
  for (const index of length === 0 ? [] : chunksOver({ offset, length })) {
    const chunk = chunks.get(index);
    if (chunk === undefined) return undefined;
    const start = Math.max(offset, index * CHUNK_BYTES);
    const end = Math.min(offset + length, index * CHUNK_BYTES + chunk.length);
    const within = chunk.subarray(start - index * CHUNK_BYTES, end - index * CHUNK_BYTES);
    whole.set(within, start - offset);
  }
  return whole;
}

/** True when the range lies within a blob of this size. */
export function isInside(bytes: number, offset: number, length: number): boolean {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  return whole && offset >= 0 && length >= 0 && offset + length <= bytes;
}
