/** PowerSGD: what a rank can hold arrives, warm starts improve, dead columns come back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toDense } from '../../../../src/federated/fixed-point.ts';
import { bellValues, codecFor, contextOf, SMALL_SCHEMA } from '../../../support/updates.ts';

const [ROWS, COLUMNS] = [24, 40];
const D = SMALL_SCHEMA.elements;
const context = contextOf(SMALL_SCHEMA);

function lowRank(rank: number): Float32Array {
  const x = new Float32Array(D);
  for (let j = 0; j < rank; j++) {
    const p = bellValues(ROWS, 2 * j + 1, 1);
    const q = bellValues(COLUMNS, 2 * j + 2, 0.1);
    for (let i = 0; i < ROWS; i++) {
      for (let k = 0; k < COLUMNS; k++) x[i * COLUMNS + k]! += p[i]! * q[k]!;
    }
  }
  return x;
}

/** Relative error of the factored matrix. */
function errorOf(text: string, x: Float32Array, previous?: Uint8Array) {
  const given = previous === undefined ? context : { ...context, previous };
  const bytes = codecFor(text).encode(x, given);
  const update = codecFor(text).decode(bytes, context);
  assert.ok(update.ok);
  const dense = toDense(update.value);
  let [error, energy] = [0, 0];
  for (let i = 0; i < ROWS * COLUMNS; i++) {
    error += (x[i]! - dense[i]! / 2 ** 24) ** 2;
    energy += x[i]! ** 2;
  }
  return { bytes, error: Math.sqrt(error / energy) };
}

test('a matrix of that rank arrives but for the codes', () => {
  for (const rank of [1, 3]) {
    assert.ok(errorOf(`powersgd:rank=${rank}`, lowRank(rank)).error < 0.02);
  }
  assert.ok(errorOf('powersgd:rank=1', lowRank(3)).error > 0.2);
});

test('a warm start ends nearer to the best than the first message', () => {
  const x = bellValues(D);
  const first = errorOf('powersgd:rank=2', x);
  let last = first;
  for (let round = 0; round < 20; round++) last = errorOf('powersgd:rank=2', x, last.bytes);
  assert.ok(last.error < first.error - 0.005, `${first.error} ${last.error}`);
});

test('a column that was zero starts cold again', () => {
  const first = errorOf('powersgd:rank=3', new Float32Array(D));
  const again = errorOf('powersgd:rank=3', lowRank(3), first.bytes);
  assert.ok(again.error < 0.3, `${again.error}`);
});

test('a message of another shape is no warm start', () => {
  const x = lowRank(2);
  const cold = errorOf('powersgd:rank=2', x);
  const other = errorOf('powersgd:rank=1', x);
  assert.deepEqual(errorOf('powersgd:rank=2', x, other.bytes).bytes, cold.bytes);
});

test('values far beyond the range stay elements', () => {
  const huge = lowRank(3).map((value) => value * 1e37);
  for (const rank of [1, 3, 8]) errorOf(`powersgd:rank=${rank}`, huge);
});
