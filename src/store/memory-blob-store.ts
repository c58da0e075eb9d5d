/**
 * Blobs in memory, bounded: what an embedded client offers and receives. Same contract as the store
 * on disk (test/conformance/blob-store.ts).
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { BlobRef, BlobStore, Clock } from '../base/ports.ts';
import { blobLeaves, blobRootOf } from '../blob/tree.ts';
import { systemClock } from '../crypto/node/system-ports.ts';

export interface MemoryBlobStoreInit {
  /** Content held at most; a put beyond it throws OVERLOADED. Default 4 GiB. */
  readonly bytesMax?: number;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'wallMs'>;
}

interface Held {
  readonly content: Uint8Array;
  readonly leaves: Uint8Array;
  /** Wall time of the last put, or of the last sweep that kept it. */
  usedMs: number;
}

const BYTES_MAX = 4 * 2 ** 30;

export class MemoryBlobStore implements BlobStore {
  readonly #bytesMax: number;
  readonly #wallMs: () => number;
  readonly #blobs = new Map<string, Held>();
  #bytes = 0;

  constructor(init: MemoryBlobStoreInit = {}) {
    this.#bytesMax = init.bytesMax ?? BYTES_MAX;
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
      if (this.#bytes + content.length > this.#bytesMax) {
        const init = { code: 'OVERLOADED', data: { bytesMax: this.#bytesMax } } as const;
        throw new KadreError(init, `the blob store holds at most ${this.#bytesMax} bytes`);
      }
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

  async size(root: Digest): Promise<number | undefined> {
    return this.#blobs.get(toHex(root))?.content.length;
  }

  async read(root: Digest, offset: number, length: number): Promise<Uint8Array | undefined> {
    const content = this.#blobs.get(toHex(root))?.content;
    if (content === undefined || !isInside(content.length, offset, length)) return undefined;
    return content.slice(offset, offset + length);
  }

  async leaves(root: Digest): Promise<Uint8Array | undefined> {
    return this.#blobs.get(toHex(root))?.leaves.slice();
  }

  async expire(beforeMs: number, keep: Iterable<Digest>): Promise<number> {
    const nowMs = this.#wallMs();
    for (const root of keep) {
      const held = this.#blobs.get(toHex(root));
      if (held !== undefined) held.usedMs = nowMs;
    }
    const bytesBefore = this.#bytes;
    for (const [key, { content, usedMs }] of this.#blobs) {
      if (usedMs >= beforeMs) continue;
      this.#blobs.delete(key);
      this.#bytes -= content.length;
    }
    return bytesBefore - this.#bytes;
  }

  /** Content held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets a blob; true when it was held. */
  delete(root: Digest): boolean {
    const key = toHex(root);
    this.#bytes -= this.#blobs.get(key)?.content.length ?? 0;
    return this.#blobs.delete(key);
  }
}

/** True when the range lies within a blob of this size. */
export function isInside(bytes: number, offset: number, length: number): boolean {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  return whole && offset >= 0 && length >= 0 && offset + length <= bytes;
}
