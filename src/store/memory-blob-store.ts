/**
 * Blobs in memory, bounded: what an embedded client offers and receives. Same contract as the store
 * on disk (test/conformance/blob-store.ts).
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { BlobRef, BlobStore } from '../base/ports.ts';
import { blobLeaves, blobRootOf } from '../blob/tree.ts';

export interface MemoryBlobStoreInit {
  /** Content held at most; a put beyond it throws OVERLOADED. Default 4 GiB. */
  readonly bytesMax?: number;
}

interface Held {
  readonly content: Uint8Array;
  readonly leaves: Uint8Array;
}

const BYTES_MAX = 4 * 2 ** 30;

export class MemoryBlobStore implements BlobStore {
  readonly #bytesMax: number;
  readonly #blobs = new Map<string, Held>();
  #bytes = 0;

  constructor(init: MemoryBlobStoreInit = {}) {
    this.#bytesMax = init.bytesMax ?? BYTES_MAX;
  }

  /** Keeps a copy: later changes by the caller would make the root a lie. */
  async put(content: Uint8Array): Promise<BlobRef> {
    const leaves = blobLeaves(content);
    const root = blobRootOf(leaves, content.length);
    const key = toHex(root);
    if (!this.#blobs.has(key)) {
      if (this.#bytes + content.length > this.#bytesMax) {
        const init = { code: 'OVERLOADED', data: { bytesMax: this.#bytesMax } } as const;
        throw new KadreError(init, `the blob store holds at most ${this.#bytesMax} bytes`);
      }
      this.#blobs.set(key, { content: Uint8Array.from(content), leaves });
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
