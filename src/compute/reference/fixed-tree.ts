/**
 * The numeric contract's one tree for sums and other folds (section 4): chunks of 4096 elements,
 * 256 lanes in a chunk, chunk values folded the same way.
 */

export const LANES = 256;
export const CHUNK = 4096;

/** Of two binary32 values; the result is rounded once. */
export type Fold = (a: number, b: number) => number;

export const add: Fold = (a, b) => Math.fround(a + b);

/** 1 to 4096 values. `at` is where they begin in `values`. */
export function foldChunk(values: Float32Array, at: number, count: number, fold: Fold): number {
  let present = Math.min(count, LANES);
  const lanes = values.slice(at, at + present);
  for (let i = LANES; i < count; i++) {
    lanes[i % LANES] = fold(lanes[i % LANES]!, values[at + i]!);
  }
  for (let width = LANES / 2; width >= 1; width /= 2) {
    for (let l = 0; l + width < present; l++) lanes[l] = fold(lanes[l]!, lanes[l + width]!);
    present = Math.min(present, width);
  }
  return lanes[0]!;
}
