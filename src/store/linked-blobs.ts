/**
 * A blob store that also offers content which lies elsewhere, without a copy: inputs larger than
 * memory. Such content is hashed once, piece by piece; whatever is read later is checked against
 * that, so that a source which changes is an error and never a wrong byte.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import type { KadreError } from '../base/errors.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import type {
  BlobChunk,
  BlobRef,
  BlobStore,
  BlobStoreUsage,
  Clock,
  ContentSource,
} from '../base/ports.ts';
import { blobLeaves, blobRootOf, LEAF_BYTES, leafHashBytes } from '../blob/tree.ts';
import { inputChanged } from './file-source.ts';
import { isInside } from './memory-blob-store.ts';

interface Link {
  readonly source: ContentSource;
  readonly leaves: Uint8Array;
  /** Wall time of the last link, or of the last sweep that kept it. */
  usedMs: number;
}

/** Read and hashed at a time. */
const HASHED_AT_ONCE_BYTES = 64 * LEAF_BYTES;

export class LinkedBlobs implements BlobStore {
  readonly #store: BlobStore;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #links = new Map<string, Link>();
  /** Hears of content that is no longer what it was linked as; it is not offered any more. */
  onChanged: (root: Digest, error: KadreError) => void = () => undefined;

  constructor(components: { readonly store: BlobStore; readonly clock: Pick<Clock, 'wallMs'> }) {
    this.#store = components.store;
    this.#clock = components.clock;
  }

  /** Reads it all once. Errors: INPUT_CHANGED. */
  async link(source: ContentSource): Promise<BlobRef> {
    const { bytes } = source;
    const leaves = new Uint8Array(leafHashBytes(bytes));
    for (let at = 0; at === 0 || at < bytes; at += HASHED_AT_ONCE_BYTES) {
      const part = await source.read(at, Math.min(HASHED_AT_ONCE_BYTES, bytes - at));
      leaves.set(blobLeaves(part), (at / LEAF_BYTES) * DIGEST_BYTES);
    }
    const root = blobRootOf(leaves, bytes);
    this.#links.set(toHex(root), { source, leaves, usedMs: this.#clock.wallMs() });
    return { root, bytes };
  }

  put(content: Uint8Array): Promise<BlobRef> {
    return this.#store.put(content);
  }

  putMany(contents: readonly Uint8Array[]): Promise<BlobRef[]> {
    return this.#store.putMany(contents);
  }

  async putChunk(chunk: BlobChunk): Promise<void> {
    if (!this.#links.has(toHex(chunk.ref.root))) await this.#store.putChunk(chunk);
  }

  async size(root: Digest): Promise<number | undefined> {
    return this.#links.get(toHex(root))?.source.bytes ?? (await this.#store.size(root));
  }

  part(root: Digest): { readonly bytes: number; has(chunk: number): boolean } | undefined {
    const link = this.#links.get(toHex(root));
    if (link === undefined) return this.#store.part(root);
    return { bytes: link.source.bytes, has: () => true };
  }

  /** Errors: INPUT_CHANGED. */
  async read(root: Digest, offset: number, length: number): Promise<Uint8Array | undefined> {
    const link = this.#links.get(toHex(root));
    if (link === undefined) return this.#store.read(root, offset, length);
    const { bytes } = link.source;
    if (!isInside(bytes, offset, length)) return undefined;
    const first = Math.floor(offset / LEAF_BYTES);
    const end = Math.max(first + 1, Math.ceil((offset + length) / LEAF_BYTES));
    const start = Math.min(first * LEAF_BYTES, bytes);
    try {
      const content = await link.source.read(start, Math.min(end * LEAF_BYTES, bytes) - start);
      const expected = link.leaves.subarray(first * DIGEST_BYTES, end * DIGEST_BYTES);
      if (!equalBytes(blobLeaves(content), expected)) {
        throw inputChanged(link.source.name, new Error('its content has changed'));
      }
      return content.subarray(offset - start, offset - start + length);
    } catch (cause) {
      if (this.#links.delete(toHex(root))) this.onChanged(root, cause as KadreError);
      throw cause;
    }
  }

  async leaves(root: Digest): Promise<Uint8Array | undefined> {
    return this.#links.get(toHex(root))?.leaves.slice() ?? (await this.#store.leaves(root));
  }

  async expire(beforeMs: number, keep: Iterable<Digest>): Promise<number> {
    const kept = [...keep];
    for (const root of kept) {
      const link = this.#links.get(toHex(root));
      if (link !== undefined) link.usedMs = this.#clock.wallMs();
    }
    for (const [key, { usedMs }] of this.#links) if (usedMs < beforeMs) this.#links.delete(key);
    return this.#store.expire(beforeMs, kept);
  }

  pin(owner: string, roots: Iterable<Digest>): void {
    this.#store.pin(owner, roots);
  }

  release(owner: string): void {
    this.#store.release(owner);
  }

  /** Of what is held here: links take no room. */
  get usage(): BlobStoreUsage {
    return this.#store.usage;
  }
}
