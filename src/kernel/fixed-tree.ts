/**
 * The numeric contract's one tree for sums and other folds (section 4): chunks of 4096 elements,
 * 256 lanes in a chunk, chunk values folded the same way. The reference of every kernel that folds,
 * and what a caller folds partial results with.
 */

export const LANES = 256;
export const CHUNK = 4096;

/** Of two binary32 values; the result is rounded once. */
export type Fold = (a: number, b: number) => number;

/** Operations by name; NaN and signed zeros as in section 4.1, which is JavaScript's own rule. */
export const FOLDS = {
  sum: (a, b) => Math.fround(a + b),
  min: Math.min,
  max: Math.max,
  product: (a, b) => Math.fround(a * b),
} as const satisfies Readonly<Record<string, Fold>>;

export type FoldName = keyof typeof FOLDS;

/** 1 to 4096 values, from `at` on. */
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

/**
 * One value from the outputs of `reduce@1`, or from any values, at least one: by the same tree, so
 * that the bits are those of a reduction of all elements at once.
 */
export function foldPartials(name: FoldName, partials: Float32Array): number {
  let values = partials;
  do {
    const folded = new Float32Array(Math.ceil(values.length / CHUNK));
    for (let i = 0; i < folded.length; i++) {
      const at = i * CHUNK;
      folded[i] = foldChunk(values, at, Math.min(CHUNK, values.length - at), FOLDS[name]);
    }
    values = folded;
  } while (values.length > 1);
  return values[0]!;
}
