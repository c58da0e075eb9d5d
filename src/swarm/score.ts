/**
 * The score of a worker for a shard: -log2 of a hash, in fixed point, divided by the worker's
 * weight; smallest first (docs/protocol/placement.md section 2). Integers only, all below 2^53, so
 * that doubles hold them exactly and every machine computes the same.
 */
import { writeU64 } from '../base/bytes.ts';
import { type Digest, NODE_ID_BYTES, type NodeId } from '../base/ids.ts';
import { sha256Head, tagPrefix } from '../crypto/portable/hash.ts';
import { TAGS } from '../wire/tags.ts';
import { LOG2_TABLE } from './log2-table.ts';

/** Weights are integers in 1..2^20: the quotient in `scoreOf` keeps 32 bits for the heaviest. */
export const WEIGHT_MAX = 2 ** 20;

const UNIT = 2 ** 32;
const INTERPOLATION_BITS = 22;
const QUOTIENT_SCALE = 2 ** 14;

/** -log2(h / 2^64) in units of 2^-32, for h = high * 2^32 + low; 0 < result <= 2^38. */
export function negativeLog2(high: number, low: number): number {
  // h = 0 stands for h = 1: the logarithm exists and the scores of both are the largest.
  if (high === 0 && low === 0) return 64 * UNIT;
  const upper = high === 0 ? low : high;
  const lower = high === 0 ? 0 : low;
  const zeros = Math.clz32(upper);
  // The 32 bits after the leading one; a shift by 32 would be a shift by none.
  const fraction = zeros === 31 ? lower : ((upper << (zeros + 1)) | (lower >>> (31 - zeros))) >>> 0;
  const index = fraction >>> INTERPOLATION_BITS;
  const rest = fraction & (2 ** INTERPOLATION_BITS - 1);
  const from = LOG2_TABLE[index]!;
  const step = LOG2_TABLE[index + 1]! - from;
  // step < 2^23, rest < 2^22: below 2^45, and dividing by a power of two is exact.
  const mantissa = from + Math.floor((step * rest) / 2 ** INTERPOLATION_BITS);
  return (zeros + (high === 0 ? 32 : 0) + 1) * UNIT - mantissa;
}

/** Dividend at most 2^52, so the floor of the double quotient is exact (section 2, "Widths"). */
export function weightedScore(logarithm: number, weight: number): number {
  return Math.floor((logarithm * QUOTIENT_SCALE) / weight);
}

/** Scores of one seed. Holds one reused hash input: tag, 00, seed, u64 shard, node id. */
export class Scorer {
  readonly #input: Uint8Array;
  readonly #shardAt: number;
  readonly #nodeAt: number;
  readonly #head = new Uint32Array(2);

  constructor(seed: Digest) {
    const prefix = tagPrefix(TAGS.place);
    this.#shardAt = prefix.length + seed.length;
    this.#nodeAt = this.#shardAt + 8;
    this.#input = new Uint8Array(this.#nodeAt + NODE_ID_BYTES);
    this.#input.set(prefix);
    this.#input.set(seed, prefix.length);
  }

  /** Chooses the shard that `scoreOf` speaks of. */
  select(shard: number): void {
    writeU64(this.#input, this.#shardAt, shard);
  }

  /** Integer in 0..2^52; smaller is preferred. */
  scoreOf(node: NodeId, weight: number): number {
    this.#input.set(node, this.#nodeAt);
    sha256Head(this.#input, this.#head);
    return weightedScore(negativeLog2(this.#head[0]!, this.#head[1]!), weight);
  }
}
