/**
 * Merkle trees of RFC 6962 section 2.1: leaf prefix 00, node prefix 01, no duplicated last leaf.
 * The tree hash of an empty list is SHA-256 of nothing. Callers commit to the leaf count beside it
 * (`countedRoot`), which fixes the length of every inclusion path.
 */
import { concatBytes, equalBytes } from '../../base/bytes.ts';
import type { Digest } from '../../base/ids.ts';
import { sha256 } from './hash.ts';

const LEAF = Uint8Array.of(0x00);
const EMPTY = sha256(new Uint8Array(0));

export function leafHash(leaf: Uint8Array): Digest {
  return sha256(concatBytes([LEAF, leaf]));
}

function nodeHash(left: Digest, right: Digest): Digest {
  const input = new Uint8Array(65);
  input[0] = 0x01;
  input.set(left, 1);
  input.set(right, 33);
  return sha256(input);
}

/**
 * Merkle tree hash over leaf hashes packed 32 bytes each: the same as `treeHash`, without an object
 * per node, for lists of many thousands.
 */
export function packedTreeHash(leafHashes: Uint8Array): Digest {
  if (leafHashes.length === 0) return EMPTY;
  const level = leafHashes.slice();
  const node = new Uint8Array(65);
  node[0] = 0x01;
  for (let count = level.length / 32; count > 1; count = Math.ceil(count / 2)) {
    const pairs = Math.floor(count / 2);
    for (let pair = 0; pair < pairs; pair++) {
      node.set(level.subarray(pair * 64, pair * 64 + 64), 1);
      level.set(sha256(node), pair * 32);
    }
    if (count % 2 === 1) level.copyWithin(pairs * 32, (count - 1) * 32, count * 32);
  }
  return level.slice(0, 32);
}

/** Merkle tree hash over leaf hashes. O(n) time. */
export function treeHash(leafHashes: readonly Digest[]): Digest {
  return leafHashes.length === 0 ? EMPTY : topLevel(leafHashes).at(-1)![0]!;
}

/**
 * All levels, leaves first. Pairing left to right and carrying an odd last node upwards yields
 * exactly RFC 6962's split at the largest power of two below n.
 */
function topLevel(leafHashes: readonly Digest[]): Digest[][] {
  const levels: Digest[][] = [leafHashes.slice()];
  for (let level = levels[0]!; level.length > 1; level = levels.at(-1)!) {
    const next: Digest[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) next.push(nodeHash(level[i]!, level[i + 1]!));
    if (level.length % 2 === 1) next.push(level.at(-1)!);
    levels.push(next);
  }
  return levels;
}

/** A tree that can produce inclusion paths. */
export class MerkleTree {
  readonly #levels: Digest[][];

  constructor(leafHashes: readonly Digest[]) {
    this.#levels = topLevel(leafHashes);
  }

  get leafCount(): number {
    return this.#levels[0]!.length;
  }

  get hash(): Digest {
    return this.leafCount === 0 ? EMPTY : this.#levels.at(-1)![0]!;
  }

  /** Sibling hashes from leaf to root; index in 0..leafCount-1. */
  path(index: number): Digest[] {
    const path: Digest[] = [];
    let position = index;
    for (const level of this.#levels.slice(0, -1)) {
      const sibling = position ^ 1;
      if (sibling < level.length) path.push(level[sibling]!);
      position >>= 1;
    }
    return path;
  }
}

/** Where a leaf stands: its index, how many leaves there are, the sibling hashes up to the root. */
export interface LeafPlace {
  readonly index: number;
  readonly leafCount: number;
  readonly path: readonly Digest[];
}

/** Tree hash that a leaf hash and its place lead to; undefined when the place is impossible. */
export function hashFromPath(leaf: Digest, place: LeafPlace): Digest | undefined {
  const { index, leafCount, path } = place;
  if (!Number.isSafeInteger(index) || index < 0 || index >= leafCount) return undefined;
  let hash = leaf;
  let position = index;
  let used = 0;
  for (let width = leafCount; width > 1; width = Math.ceil(width / 2)) {
    // No bit operations: they wrap at 2^31, and the leaf count may be a stranger's.
    const isLeft = position % 2 === 0;
    const sibling = isLeft ? position + 1 : position - 1;
    if (sibling < width) {
      const other = path[used];
      if (other === undefined) return undefined;
      used += 1;
      hash = isLeft ? nodeHash(hash, other) : nodeHash(other, hash);
    }
    position = Math.floor(position / 2);
  }
  return used === path.length ? hash : undefined;
}

/** True when the leaf hash stands at that place of the tree with this hash. */
export function isIncluded(leaf: Digest, place: LeafPlace, hash: Digest): boolean {
  const found = hashFromPath(leaf, place);
  return found !== undefined && equalBytes(found, hash);
}
