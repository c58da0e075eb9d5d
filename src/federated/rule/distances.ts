/**
 * Distances between rows, from inner products alone (docs/protocol/federated-rules.md, section 3).
 * Exact integers: a stage's squared distances are in units of 1 / total^2.
 */
import type { Gram } from './gram.ts';
import type { Row, Stage } from './rows.ts';

/** H[j][l] = total^2 <y_j, y_l>. */
export function innerProducts(stage: Stage, gram: Gram): bigint[][] {
  const images = stage.rows.map((row) => imageOf(row, gram));
  return stage.rows.map((row) => images.map((image) => dot(row, image)));
}

/** D[j][l] = total^2 |y_j - y_l|^2. */
export function squaredDistances(stage: Stage, gram: Gram): bigint[][] {
  const h = innerProducts(stage, gram);
  return h.map((row, j) => row.map((inner, l) => h[j]![j]! + h[l]![l]! - 2n * inner));
}

/** G row: what inner products with this row are read off from. */
export function imageOf(row: Row, gram: Gram): bigint[] {
  const image = new Array<bigint>(row.length).fill(0n);
  for (const [a, entry] of row.entries()) {
    if (entry === 0n) continue;
    const column = gram[a]!;
    for (let b = 0; b < image.length; b++) image[b]! += entry * column[b]!;
  }
  return image;
}

export function dot(row: Row, image: readonly bigint[]): bigint {
  let sum = 0n;
  for (const [a, entry] of row.entries()) if (entry !== 0n) sum += entry * image[a]!;
  return sum;
}

/** Largest s with s^2 <= x, by Newton's method from above. */
export function integerSqrt(x: bigint): bigint {
  if (x < 2n) return x;
  let s = 1n << BigInt((x.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (s + x / s) >> 1n;
    if (next >= s) return s;
    s = next;
  }
}

/** Smallest s with s^2 >= x. */
export function ceilSqrt(x: bigint): bigint {
  const s = integerSqrt(x);
  return s * s === x ? s : s + 1n;
}

/** Ascending, for lists of big integers with a tie broken by place. */
export function ascending<T extends { readonly size: bigint; readonly index: number }>(
  a: T,
  b: T,
): number {
  if (a.size === b.size) return a.index - b.index;
  return a.size < b.size ? -1 : 1;
}
