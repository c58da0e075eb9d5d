import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInside, isTileable, tilesExactly } from '../../../src/certificate/tiling.ts';
import type { Region } from '../../../src/kernel/contract.ts';

const box = (offset: number[], shape: number[]): Region => ({ offset, shape });

test('exact tilings, also pinwheels that no cut divides', () => {
  assert.ok(tilesExactly([4], [box([0], [1]), box([1], [3])]));
  assert.ok(tilesExactly([4], [box([1], [3]), box([0], [1])]));
  const pinwheel = [
    box([0, 0], [1, 2]),
    box([0, 2], [2, 1]),
    box([2, 1], [1, 2]),
    box([1, 0], [2, 1]),
    box([1, 1], [1, 1]),
  ];
  assert.ok(tilesExactly([3, 3], pinwheel));
  assert.ok(tilesExactly([], [box([], [])]));
  assert.ok(tilesExactly([2, 2, 2], [box([0, 0, 0], [2, 2, 1]), box([0, 0, 1], [2, 2, 1])]));
});

test('gaps, overlaps and both at once', () => {
  assert.ok(!tilesExactly([4], [box([0], [1]), box([2], [2])]));
  assert.ok(!tilesExactly([4], [box([0], [3]), box([2], [2])]));
  assert.ok(!tilesExactly([4], [box([0], [2]), box([0], [2])]));
  assert.ok(!tilesExactly([4], []));
  assert.ok(!tilesExactly([], []));
  assert.ok(!tilesExactly([], [box([], []), box([], [])]));
  // Equal area, and all corners that meet do so in pairs.
  assert.ok(!tilesExactly([2, 2], [box([0, 0], [1, 2]), box([0, 0], [1, 2])]));
  assert.ok(!tilesExactly([2, 2], [box([0, 0], [2, 1]), box([0, 0], [2, 1])]));
});

test('boxes without elements add nothing', () => {
  assert.ok(tilesExactly([2], [box([0], [2]), box([1], [0]), box([2], [0])]));
  assert.ok(tilesExactly([0, 5], [box([0, 1], [0, 2])]));
});

test('regions stay inside, in exact arithmetic', () => {
  assert.ok(isInside(box([1, 2], [1, 0]), [2, 2]));
  assert.ok(!isInside(box([1, 2], [1, 1]), [2, 2]));
  assert.ok(!isInside(box([2 ** 53, 0], [1, 0]), [2 ** 53, 1]));
  assert.ok(isTileable([2 ** 26 - 1, 2 ** 26]));
  assert.ok(!isTileable([2 ** 27, 2 ** 27]));
});
