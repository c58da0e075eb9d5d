import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatherRegion } from '../../../src/certificate/check-arrays.ts';

/** A 3 x 4 x 2 array whose elements are their own index. */
const cube = { dtype: '|u1' as const, shape: [3, 4, 2] };
const bytes = Uint8Array.from({ length: 24 }, (_, i) => i);

const gather = (offset: number[], shape: number[]) => [
  ...gatherRegion(bytes, cube, { offset, shape }),
];

test('regions are gathered in C order', () => {
  assert.deepEqual(gather([0, 0, 0], [3, 4, 2]), [...bytes]);
  assert.deepEqual(gather([1, 0, 0], [1, 4, 2]), [8, 9, 10, 11, 12, 13, 14, 15]);
  assert.deepEqual(gather([0, 1, 0], [2, 2, 2]), [2, 3, 4, 5, 10, 11, 12, 13]);
  assert.deepEqual(gather([0, 0, 1], [3, 2, 1]), [1, 3, 9, 11, 17, 19]);
  assert.deepEqual(gather([2, 3, 1], [1, 1, 1]), [23]);
  assert.deepEqual(gather([1, 1, 0], [0, 2, 2]), []);
  assert.deepEqual(gather([1, 1, 2], [1, 2, 0]), []);
});

test('what lies together is not copied', () => {
  const region = { offset: [1, 0, 0], shape: [2, 4, 2] };
  assert.equal(gatherRegion(bytes, cube, region).buffer, bytes.buffer);
});

test('elements of several bytes stay whole', () => {
  const data = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  const column = { offset: [0, 1], shape: [2, 1] };
  const gathered = gatherRegion(data, { dtype: '<f4', shape: [2, 3] }, column);
  assert.deepEqual([...new Float32Array(gathered.slice().buffer)], [2, 5]);
});
