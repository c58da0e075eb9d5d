/** Fixed point: roundings with one answer, exact sums, and where they end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  accumulate,
  addToEstimate,
  ELEMENT_MAX,
  roundedMean,
  roundHalfEven,
  type SparseUpdate,
  toDense,
  toFixed,
  toFloats,
  WEIGHT_TOTAL_MAX,
} from '../../../src/federated/fixed-point.ts';

test('halves round to even', () => {
  const cases: [number, number][] = [
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [-0.5, -0],
    [-1.5, -2],
    [-2.5, -2],
    [2.4999999, 2],
    [2 ** 50 + 0.5, 2 ** 50],
  ];
  for (const [x, expected] of cases) assert.equal(roundHalfEven(x) + 0, expected + 0, `${x}`);
});

test('the mean is the exact floor, against big integers, up to the largest sums', () => {
  const sum = fc.oneof(
    fc.maxSafeInteger().filter((s) => Math.abs(s) <= 2 ** 51),
    fc.integer({ min: -ELEMENT_MAX, max: ELEMENT_MAX }),
  );
  const weight = fc.integer({ min: 1, max: WEIGHT_TOTAL_MAX });
  fc.assert(
    fc.property(sum, weight, (s, w) => {
      const dividend = 2n * BigInt(s) + BigInt(w);
      const divisor = 2n * BigInt(w);
      const rest = ((dividend % divisor) + divisor) % divisor;
      assert.equal(roundedMean(s, w), Number((dividend - rest) / divisor));
    }),
    { numRuns: 2000 },
  );
  // Just below a whole number, where a rounded quotient would be one too many.
  for (const w of [3, 1023, WEIGHT_TOTAL_MAX - 1]) {
    const quotient = Math.floor(2 ** 51 / w) - 1;
    const half = Math.floor((2 * w * quotient - 1 - w) / 2);
    assert.equal(roundedMean(half, w), quotient - 1);
  }
});

test('floats become elements: nearest, clamped, never -0', () => {
  assert.equal(toFixed(1, 24), 2 ** 24);
  assert.equal(toFixed(1e30, 24), ELEMENT_MAX);
  assert.equal(toFixed(-1e30, 24), -ELEMENT_MAX);
  assert.ok(Object.is(toFixed(-(2 ** -30), 24), 0));
  const even = Int32Array.of(2 ** 24 + 1, 2 ** 24 + 3, -ELEMENT_MAX, 0);
  assert.deepEqual([...toFloats(even, 24)], [1, 1 + 2 ** -22, -128, 0]);
});

const sparse: SparseUpdate = {
  form: 'sparse',
  elements: 6,
  indices: Uint32Array.of(1, 4),
  values: Int32Array.of(-5, ELEMENT_MAX),
};

test('a sparse update adds what its dense form adds', () => {
  const a = new Float64Array(6).fill(3);
  const b = a.slice();
  accumulate(a, sparse, 2 ** 20 - 1);
  accumulate(b, { form: 'dense', values: toDense(sparse) }, 2 ** 20 - 1);
  assert.deepEqual(a, b);
  assert.equal(a[4], 3 + (2 ** 20 - 1) * ELEMENT_MAX);
});

test('sums are the same in every order, also at the largest weights', () => {
  const updates = fc.array(
    fc.tuple(
      fc.int32Array({ minLength: 4, maxLength: 4, min: -ELEMENT_MAX, max: ELEMENT_MAX }),
      fc.integer({ min: 1, max: 2 ** 16 }),
    ),
    { minLength: 2, maxLength: 16 },
  );
  fc.assert(
    fc.property(updates, (list) => {
      const forth = new Float64Array(4);
      const back = new Float64Array(4);
      for (const [values, weight] of list) accumulate(forth, { form: 'dense', values }, weight);
      for (const [values, weight] of list.toReversed()) {
        accumulate(back, { form: 'dense', values }, weight);
      }
      const exact = Array.from({ length: 4 }, (_, i) =>
        list.reduce((sum, [values, weight]) => sum + BigInt(values[i]!) * BigInt(weight), 0n),
      );
      assert.deepEqual(forth, back);
      assert.deepEqual([...forth].map(BigInt), exact);
    }),
  );
});

test('an estimate that would overflow is refused and left as it was', () => {
  const estimate = Int32Array.of(0, 7, 0, 0, 1, 0);
  const refused = addToEstimate(estimate, sparse);
  assert.equal(refused.ok, false);
  assert.ok(!refused.ok && refused.reason === 'estimate-overflow');
  assert.deepEqual([...estimate], [0, 7, 0, 0, 1, 0]);
  estimate[4] = 0;
  assert.ok(addToEstimate(estimate, sparse).ok);
  assert.deepEqual([...estimate], [0, 2, 0, 0, ELEMENT_MAX, 0]);
});
