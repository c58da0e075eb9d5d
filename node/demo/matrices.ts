/**
 * The demo's matrices: seeded numbers, and a check of a product that shares nothing with any
 * kernel: plain sums in double precision, within the proven error of a single-precision chain.
 */
import { KadreError } from '../../src/base/errors.ts';
import type { NdArray } from '../../src/kernel/nd-array.ts';

export interface Matrix extends NdArray {
  readonly data: Float32Array;
  readonly shape: readonly [rows: number, columns: number];
}

/** Numbers in [-1, 1), the same for the same seed (Marsaglia's xorshift, 32 bits). */
export function makeMatrix(rows: number, columns: number, seed: number): Matrix {
  let state = seed | 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
  const data = Float32Array.from({ length: rows * columns }, next);
  return { data, shape: [rows, columns] };
}

/** Errors: MALFORMED_FILE for an array of another kind. */
export function asMatrix({ data, shape: [rows, columns, ...rest] }: NdArray): Matrix {
  const isMatrix = data instanceof Float32Array && rest.length === 0;
  if (!isMatrix || rows === undefined || columns === undefined) {
    throw new KadreError({ code: 'MALFORMED_FILE' }, 'the array is no matrix of <f4');
  }
  return { data, shape: [rows, columns] };
}

/**
 * Checks `count` entries of c = a b, spread over all of it, and returns the place of the first
 * wrong one. A chain of k roundings errs by at most k u / (1 - k u) times the sum of |a| |b|, with
 * u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
 */
export function findWrongEntry(c: Matrix, a: Matrix, b: Matrix, count: number): string | undefined {
  const [rows, inner] = a.shape;
  const columns = b.shape[1];
  if (b.shape[0] !== inner || c.shape[0] !== rows || c.shape[1] !== columns) return 'the shape';
  const entries = rows * columns;
  const bound = (inner * 2 ** -24) / (1 - inner * 2 ** -24);
  for (let sample = 0; sample < count; sample++) {
    // A stride coprime to the row length visits every row and every column.
    const at = Math.floor((sample * entries) / count) + (sample % columns);
    const place = at % entries;
    const [row, column] = [Math.floor(place / columns), place % columns];
    let sum = 0;
    let magnitude = 0;
    for (let k = 0; k < inner; k++) {
      const product = (a.data[row * inner + k] ?? 0) * (b.data[k * columns + column] ?? 0);
      sum += product;
      magnitude += Math.abs(product);
    }
    const difference = Math.abs((c.data[place] ?? Number.NaN) - sum);
    if (!(difference <= bound * magnitude)) return `entry [${row}, ${column}]`;
  }
  return undefined;
}
