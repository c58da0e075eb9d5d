/**
 * The stages that keep several vectors: norm bound, nearest-neighbour mixing, bucketing
 * (docs/protocol/federated-rules.md, section 4).
 */
import type { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { ascending, ceilSqrt, innerProducts, squaredDistances } from './distances.ts';
import type { Gram } from './gram.ts';
import { combined, type LooseRow, type Stage, settle, ZERO } from './rows.ts';

/** Shares of a clipped vector are counted in these. */
export const WHOLE = 2n ** 30n;

/** Shortens every vector to `length` units, rounding down: none leaves longer (Sun et al. 2019). */
export function boundNorms(stage: Stage, gram: Gram, length: bigint): Stage {
  const limit = length * stage.total;
  const rows = innerProducts(stage, gram).map((products, j): LooseRow => {
    const squared = products[j]!;
    const isShort = squared <= limit * limit;
    const share = isShort ? WHOLE : (limit * WHOLE) / ceilSqrt(squared);
    const entries = stage.rows[j]!.map((entry) => entry * share);
    entries[ZERO]! += (WHOLE - share) * stage.total;
    return { entries, total: WHOLE * stage.total };
  });
  return settle(rows, stage.weights);
}

/** Each vector becomes the mean of itself and its m - f - 1 nearest (Allouah et al. 2023). */
export function mixNearest(stage: Stage, gram: Gram, faulty: number): Stage {
  const keep = stage.rows.length - faulty;
  const rows = squaredDistances(stage, gram).map((distances, j) => {
    const others = distances
      .map((size, index) => ({ size, index }))
      .filter(({ index }) => index !== j)
      .sort(ascending);
    const chosen = [j, ...others.slice(0, keep - 1).map(({ index }) => index)];
    return combined(stage, sharesOf(chosen, stage.rows.length));
  });
  return settle(
    rows,
    rows.map(() => 1),
  );
}

/** Means of seeded random groups (Karimireddy et al. 2022). */
export function makeBuckets(stage: Stage, size: number, random: ChaChaWords): Stage {
  const order = permutation(stage.rows.length, random);
  const rows: LooseRow[] = [];
  for (let begin = 0; begin < order.length; begin += size) {
    rows.push(combined(stage, sharesOf(order.slice(begin, begin + size), order.length)));
  }
  return settle(
    rows,
    rows.map(() => 1),
  );
}

/** The permutation P: Fisher and Yates from the end. */
export function permutation(length: number, random: ChaChaWords): number[] {
  const order = Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i >= 1; i--) {
    const u = random.below(i + 1);
    [order[i], order[u]] = [order[u]!, order[i]!];
  }
  return order;
}

/** One share for each chosen row. */
export function sharesOf(chosen: readonly number[], rows: number): bigint[] {
  const shares = new Array<bigint>(rows).fill(0n);
  for (const index of chosen) shares[index] = 1n;
  return shares;
}
