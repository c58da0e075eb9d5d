/** Exact top-k against a sort, with ties and zeros. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { selectChunks, selectLargest } from '../../../../src/federated/codec/select.ts';

const few = fc.integer({ min: -4, max: 4 });
const vector = fc
  .oneof(
    fc.array(few, { minLength: 1, maxLength: 80 }),
    fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 80 }),
  )
  .map((list) => Float32Array.from(list));

/** By magnitude, then index: the rule in words. */
function sorted(x: Float32Array, k: number): number[] {
  const order = [...x.keys()].filter((i) => x[i] !== 0);
  order.sort((a, b) => Math.abs(x[b]!) - Math.abs(x[a]!) || a - b);
  return order.slice(0, k).sort((a, b) => a - b);
}

test('the k largest, ties to the lower index, never a zero', () => {
  fc.assert(
    fc.property(vector, fc.integer({ min: 1, max: 90 }), (x, k) => {
      assert.deepEqual([...selectLargest(x, { from: 0, to: x.length }, k)], sorted(x, k));
    }),
    { numRuns: 500 },
  );
});

test('each chunk by itself, the last one shorter', () => {
  fc.assert(
    fc.property(vector, fc.integer({ min: 1, max: 9 }), (x, k) => {
      const expected: number[] = [];
      for (let from = 0; from < x.length; from += 16) {
        const part = x.subarray(from, from + 16);
        expected.push(...sorted(part, k).map((i) => from + i));
      }
      assert.deepEqual([...selectChunks(x, 4, k)], expected);
    }),
  );
});
