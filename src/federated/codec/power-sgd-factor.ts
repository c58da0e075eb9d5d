/**
 * The float side of PowerSGD: one or two steps of subspace iteration on a matrix. Sums have a fixed
 * order and products of binary32 are exact, so any implementation gives the same bits
 * (docs/protocol/federated-codec.md, 3.6).
 */
import { fold } from './lanes.ts';

const LANES = 8;
/** Columns shorter than this are taken for zero: dividing by such a norm gives noise. */
const NORM_MIN = 1e-30;

/** A row-major matrix inside a vector. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** Column after column, each of one length. */
export type Columns = readonly Float32Array[];

export interface Factors {
  /** Orthonormal or zero, `rows` long each. */
  readonly left: Columns;
  /** `columns` long each; the product of both approximates the matrix. */
  readonly right: Columns;
}

/** The products that a faster implementation may stand in for. */
export interface MatrixProducts {
  /** M Q: each row in 8 lanes. */
  timesColumns(matrix: Matrix, right: Columns): Float32Array[];
  /** Mᵀ P: rows added in order. */
  transposedTimesColumns(matrix: Matrix, left: Columns): Float32Array[];
}

export const REFERENCE_PRODUCTS: MatrixProducts = {
  timesColumns: ({ data, rows, columns }, right) =>
    right.map((q) => {
      const p = new Float32Array(rows);
      for (let i = 0; i < rows; i++) p[i] = dot(data.subarray(i * columns, (i + 1) * columns), q);
      return p;
    }),
  transposedTimesColumns: ({ data, rows, columns }, left) =>
    left.map((p) => {
      const sums = new Float64Array(columns);
      for (let i = 0; i < rows; i++) {
        const weight = p[i]!;
        for (let k = 0; k < columns; k++) sums[k]! += data[i * columns + k]! * weight;
      }
      return Float32Array.from(sums);
    }),
};

/** `iterations` steps from the columns `start`. */
export function factorise(
  matrix: Matrix,
  start: Columns,
  iterations: number,
  products: MatrixProducts,
): Factors {
  let right: Columns = start;
  let left: Columns = [];
  for (let step = 0; step < iterations; step++) {
    left = orthonormal(products.timesColumns(matrix, right));
    right = products.transposedTimesColumns(matrix, left);
  }
  return { left, right };
}

/** Modified Gram-Schmidt in binary64, each column rounded at its end. */
function orthonormal(columns: Columns): Float32Array[] {
  const done: Float64Array[] = [];
  for (const column of columns) {
    const rest = Float64Array.from(column);
    for (const earlier of done) {
      const along = dot(rest, earlier);
      for (let i = 0; i < rest.length; i++) rest[i]! -= along * earlier[i]!;
    }
    const norm = Math.sqrt(dot(rest, rest));
    for (let i = 0; i < rest.length; i++) rest[i] = norm <= NORM_MIN ? 0 : rest[i]! / norm;
    done.push(rest);
  }
  return done.map((column) => Float32Array.from(column));
}

function dot(a: Float32Array | Float64Array, b: Float32Array | Float64Array): number {
  const lanes = new Float64Array(LANES);
  for (let i = 0; i < a.length; i++) lanes[i % LANES]! += a[i]! * b[i]!;
  return fold(lanes);
}
