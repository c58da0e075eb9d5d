import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mandelbrotSteps } from '../../../../src/compute/reference/mandelbrot.ts';

function counts(view: Partial<Parameters<typeof mandelbrotSteps>[0]>): Uint32Array {
  const whole = { firstRow: 0, x: -0.75, y: 0, span: 3, maxIterations: 50, ...view };
  const { width = 8, height = 8, rows = height } = whole;
  const out = new Uint32Array(rows * width);
  for (const _ of mandelbrotSteps({ ...whole, width, height, rows }, out)) assert.ok(out);
  return out;
}

test('points whose counts are known', () => {
  const at = (x: number, y: number) =>
    counts({ x, y, span: 1, width: 1, height: 1, maxIterations: 50 })[0];
  assert.equal(at(0, 0), 50);
  assert.equal(at(-1, 0), 50);
  // |z| = 2 exactly is inside: -2 stays at 2, and 2 goes 0, 2, 6.
  assert.equal(at(-2, 0), 50);
  assert.equal(at(2, 0), 2);
  assert.equal(at(4, 0), 1);
  // 0, 1, 2, 5
  assert.equal(at(1, 0), 3);
  assert.equal(at(0, 1), 50);
});

test('the top row has the largest imaginary part, and rows are those of the whole', () => {
  const whole = counts({ y: 0.5 });
  const band = counts({ y: 0.5, firstRow: 3, rows: 2 });
  assert.deepEqual([...band], [...whole.subarray(24, 40)]);
  // Around the real axis the picture is its own mirror image.
  const even = counts({});
  for (let row = 0; row < 4; row++) {
    const upper = even.subarray(row * 8, row * 8 + 8);
    assert.deepEqual([...upper], [...even.subarray((7 - row) * 8, (8 - row) * 8)]);
  }
  assert.notDeepEqual([...whole.subarray(0, 8)], [...whole.subarray(56)]);
});
