/**
 * `gemm.f32@1` by the letter of the numeric contract: per element +0, then k ascending, one fma
 * each. The slowest backend and the one that the others are compared with.
 */
import { assert } from '../../base/errors.ts';
import { canonicaliseNan } from './canonical-nan.ts';
import { fma } from './fma.ts';

/** Multiply-adds between two pauses: some tens of milliseconds. */
const STEP_WORK = 4_000_000;

export interface GemmOperands {
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
  /** Elements from one row to the next. */
  readonly lda: number;
  readonly ldb: number;
  readonly a: Float32Array;
  readonly b: Float32Array;
  /** rows x columns, without gaps. */
  readonly c: Float32Array;
}

/** Computes c in steps; between two of them the caller may let other work run. */
export function* gemmF32Steps(operands: GemmOperands): Generator<void> {
  const { rows, columns, k } = operands;
  assert(operands.c.length === rows * columns, 'c has one element per row and column');
  const rowsPerStep = Math.max(1, Math.floor(STEP_WORK / Math.max(1, columns * k)));
  for (let row = 0; row < rows; row += rowsPerStep) {
    const end = Math.min(rows, row + rowsPerStep);
    for (let i = row; i < end; i++) computeRow(operands, i);
    if (end < rows) yield;
  }
  canonicaliseNan(operands.c);
}

/** The chains of one row side by side: element order does not matter, k order does. */
function computeRow(operands: GemmOperands, row: number): void {
  const { columns, k, lda, ldb, a, b } = operands;
  const c = operands.c.subarray(row * columns, (row + 1) * columns);
  c.fill(0);
  for (let p = 0; p < k; p++) {
    const left = a[row * lda + p]!;
    const start = p * ldb;
    for (let j = 0; j < columns; j++) c[j] = fma(left, b[start + j]!, c[j]!);
  }
}
