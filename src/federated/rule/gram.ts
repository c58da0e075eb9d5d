/**
 * Inner products of the reference and the updates, in blocks of coordinates: the one exchange
 * between shards that a distance rule needs (docs/protocol/federated-rules.md, section 3). The
 * block list depends on the model's length alone, so any number of shards writes the same bytes.
 */
import { assert } from '../../base/errors.ts';

export const GRAM_BLOCK_ELEMENTS = 65_536;

/** Reference and updates over the same range of coordinates; elements within ±(2^31 - 1). */
export interface Basis<Vector = Int32Array> {
  readonly reference: Int32Array;
  /** Ascending by client id. */
  readonly updates: readonly Vector[];
}

/** G[a][b] over the whole basis; the zero vector's row and column are zero. */
export type Gram = readonly (readonly bigint[])[];

export function gramBlockCount(elements: number): number {
  return Math.ceil(elements / GRAM_BLOCK_ELEMENTS);
}

/** Unordered pairs of n updates and the reference, each with itself too. */
export function gramPairCount(updates: number): number {
  return ((updates + 1) * (updates + 2)) / 2;
}

/**
 * Sums of the blocks that `basis` holds, from its first element on; all but the model's last block
 * must be whole. Per block and pair two words, low half first: a 128-bit two's complement integer.
 */
export function gramBlocks(basis: Basis): BigUint64Array {
  const vectors = [basis.reference, ...basis.updates];
  const elements = basis.reference.length;
  assert(
    vectors.every(({ length }) => length === elements),
    'vectors of one length',
  );
  const blocks = gramBlockCount(elements);
  const sums = new BigUint64Array(blocks * gramPairCount(basis.updates.length) * 2);
  let at = 0;
  for (let block = 0; block < blocks; block++) {
    const begin = block * GRAM_BLOCK_ELEMENTS;
    const parts = vectors.map((v) => v.subarray(begin, begin + GRAM_BLOCK_ELEMENTS));
    const largest = parts.map(largestMagnitude);
    for (let a = 0; a < parts.length; a++) {
      for (let b = a; b < parts.length; b++) {
        const isSmall = largest[a]! * largest[b]! * parts[a]!.length <= Number.MAX_SAFE_INTEGER;
        const sum = isSmall ? smallDot(parts[a]!, parts[b]!) : wideDot(parts[a]!, parts[b]!);
        sums[at++] = BigInt.asUintN(64, sum);
        sums[at++] = BigInt.asUintN(64, sum >> 64n);
      }
    }
  }
  return sums;
}

/** Adds blocks, in any order of shards, to G. `sums` holds whole blocks of `updates` updates. */
export function sumGram(sums: readonly BigUint64Array[], updates: number): Gram {
  const size = updates + 2;
  const gram = Array.from({ length: size }, () => new Array<bigint>(size).fill(0n));
  const pairs = gramPairCount(updates);
  for (const words of sums) {
    assert(words.length % (2 * pairs) === 0, 'whole blocks');
    for (let at = 0; at < words.length; ) {
      for (let a = 1; a < size; a++) {
        for (let b = a; b < size; b++) {
          gram[a]![b]! += words[at]! + (BigInt.asIntN(64, words[at + 1]!) << 64n);
          at += 2;
        }
      }
    }
  }
  for (let a = 1; a < size; a++) for (let b = 1; b < a; b++) gram[a]![b] = gram[b]![a]!;
  return gram;
}

function largestMagnitude(values: Int32Array): number {
  let largest = 0;
  for (let k = 0; k < values.length; k++) largest = Math.max(largest, Math.abs(values[k]!));
  return largest;
}

/** Exact while no partial sum can reach 2^53. */
function smallDot(a: Int32Array, b: Int32Array): bigint {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return BigInt(sum);
}

/** Halves of 16 bits: each of the three sums stays below 2^33 x 2^16. */
function wideDot(a: Int32Array, b: Int32Array): bigint {
  let high = 0;
  let middle = 0;
  let low = 0;
  for (let k = 0; k < a.length; k++) {
    const ah = a[k]! >> 16;
    const al = a[k]! & 0xffff;
    const bh = b[k]! >> 16;
    const bl = b[k]! & 0xffff;
    high += ah * bh;
    middle += ah * bl + al * bh;
    low += al * bl;
  }
  return (BigInt(high) << 32n) + (BigInt(middle) << 16n) + BigInt(low);
}
