/**
 * The hash tree of a blob: RFC 6962 over leaves of 64 KiB, and a root that also commits to the
 * size. The root is the blob's id everywhere, so an output's digest is its blob's root
 * (docs/protocol/blob.md).
 */
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import { countedRoot, sha256 } from '../crypto/portable/hash.ts';
import { treeHash } from '../crypto/portable/merkle.ts';
import { TAGS } from '../wire/tags.ts';

/** Content bytes per leaf; the last leaf may be shorter. */
export const LEAF_BYTES = 65_536;

/** Length of the leaf hashes of a blob. */
export function leafHashBytes(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / LEAF_BYTES)) * DIGEST_BYTES;
}

/**
 * Leaf hashes in order, 32 bytes each: SHA-256(00 ‖ leaf). An empty blob has one leaf, the empty
 * one, so that every blob has something to ask a holder for.
 */
export function blobLeaves(content: Uint8Array): Uint8Array {
  const hashes = new Uint8Array(leafHashBytes(content.length));
  // One input buffer for all leaves: its first byte is the leaf prefix 00.
  const input = new Uint8Array(1 + Math.min(content.length, LEAF_BYTES));
  for (let i = 0; i * DIGEST_BYTES < hashes.length; i++) {
    const leaf = content.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES);
    input.set(leaf, 1);
    hashes.set(sha256(input.subarray(0, 1 + leaf.length)), i * DIGEST_BYTES);
  }
  return hashes;
}

/** The root over leaf hashes as `blobLeaves` gives them, of a blob of `bytes` bytes. */
export function blobRootOf(leaves: Uint8Array, bytes: number): Digest {
  const hashes: Digest[] = [];
  for (let at = 0; at < leaves.length; at += DIGEST_BYTES) {
    hashes.push(leaves.subarray(at, at + DIGEST_BYTES));
  }
  return countedRoot(TAGS.blob, bytes, treeHash(hashes));
}

export function blobRoot(content: Uint8Array): Digest {
  return blobRootOf(blobLeaves(content), content.length);
}
