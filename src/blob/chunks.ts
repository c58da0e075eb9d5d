/**
 * Chunks: the unit in which large blobs are fetched from several holders and kept while they are
 * not whole (docs/protocol/blob.md, "Chunks"). A chunk is 16 whole leaves, so that its bytes can be
 * checked against the blob's tree without any other.
 */
import { LEAF_BYTES } from './tree.ts';

export const CHUNK_LEAVES = 16;
/** Content bytes of every chunk but the last. */
export const CHUNK_BYTES = CHUNK_LEAVES * LEAF_BYTES;

/** Chunks of a blob of so many bytes; at least one. */
export function chunkCount(blobBytes: number): number {
  return Math.max(1, Math.ceil(blobBytes / CHUNK_BYTES));
}

/** Content bytes of one chunk; `index` is below `chunkCount`. */
export function chunkBytes(blobBytes: number, index: number): number {
  return Math.min(blobBytes, (index + 1) * CHUNK_BYTES) - index * CHUNK_BYTES;
}

/** Indexes of the chunks that hold these bytes, ascending; `length` is above 0. */
export function chunksOver({ offset, length }: { offset: number; length: number }): number[] {
  const first = Math.floor(offset / CHUNK_BYTES);
  const last = Math.floor((offset + length - 1) / CHUNK_BYTES);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
