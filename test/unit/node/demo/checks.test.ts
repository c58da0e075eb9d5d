/** The demo's own checks must see what is wrong: a price, a pixel, an entry. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blackScholes } from '../../../../node/demo/black-scholes.ts';
import { pictureJob, priceJob, productJob } from '../../../../node/demo/demo-jobs.ts';
import { colourCounts, findWrongPixel } from '../../../../node/demo/mandelbrot-picture.ts';
import { asMatrix, findWrongEntry, makeMatrix } from '../../../../node/demo/matrices.ts';
import { mandelbrotSteps } from '../../../../src/compute/reference/mandelbrot.ts';

test('Black-Scholes prices of the literature', () => {
  // J. Hull, Options, Futures, and Other Derivatives, "Black-Scholes-Merton pricing formulas".
  const hull = { spot: 42, strike: 40, rate: 0.1, volatility: 0.2, years: 0.5 };
  assert.ok(Math.abs(blackScholes(hull) - 4.7594) < 5e-5);
  // At the money and without interest it is spot times (2 N(deviation / 2) - 1).
  const plain = { spot: 1, strike: 1, rate: 0, volatility: 1, years: 1 };
  assert.ok(Math.abs(blackScholes(plain) - 0.382924922548026) < 1e-14);
});

test('a price that is off is wrong, and one that is close is shown beside the exact one', () => {
  const job = priceJob('P');
  const [blocks, paths] = [64, 65_536];
  const sums = (price: number, deviation: number) => ({
    shape: [blocks, 2],
    data: Float32Array.from({ length: 2 * blocks }, (_, i) =>
      i % 2 === 0 ? price * paths : (price ** 2 + deviation ** 2) * paths,
    ),
  });
  assert.match(String(job.judge(sums(9.125, 16), {})), /price 9\.12.*Black-Scholes 9\.1218/);
  assert.throws(() => job.judge(sums(9.3, 16), {}), { code: 'OUTPUT_MISMATCH' });
  assert.throws(() => job.judge(sums(Number.NaN, 16), {}), { code: 'OUTPUT_MISMATCH' });
});

const VIEW = { x: 0, y: 0, span: 4, width: 8, height: 6, maxIterations: 50 };
const isInside = (count: number | undefined) => count === VIEW.maxIterations;

test('a pixel that is off by one is wrong', () => {
  const counts = { shape: [6, 8], data: new Uint32Array(48) };
  for (const _ of mandelbrotSteps({ ...VIEW, firstRow: 0, rows: 6 }, counts.data));
  assert.equal(findWrongPixel(counts, VIEW, 48), undefined);
  assert.ok(isInside(counts.data[3 * 8 + 3]) && !isInside(counts.data[0]));
  // Not every pixel is looked at: this one is, by sample 10.
  counts.data[12]! += 1;
  assert.equal(findWrongPixel(counts, VIEW, 48), 'pixel [1, 4]');
  assert.equal(findWrongPixel({ ...counts, shape: [8, 6] }, VIEW, 48), 'the shape');
  const { rgb, width, height } = colourCounts(counts, VIEW.maxIterations);
  assert.deepEqual([width, height, rgb.length], [8, 6, 144]);
  assert.deepEqual([...rgb.subarray(3 * 27, 3 * 28)], [0, 0, 0], 'inside is black');
  assert.ok(
    rgb.subarray(0, 3).some((value) => value > 0),
    'outside is not',
  );
});

test('an entry of a product that is off is wrong', () => {
  const [a, b] = [makeMatrix(4, 3, 1), makeMatrix(3, 5, 2)];
  const data = Float32Array.from({ length: 20 }, (_, at) => {
    const [row, column] = [Math.floor(at / 5), at % 5];
    return [0, 1, 2].reduce((sum, k) => sum + a.data[row * 3 + k]! * b.data[k * 5 + column]!, 0);
  });
  const c = asMatrix({ data, shape: [4, 5] });
  assert.equal(findWrongEntry(c, a, b, 20), undefined);
  data[7]! += 0.001;
  assert.equal(findWrongEntry(c, a, b, 20), 'entry [1, 2]');
  const judge = () => productJob('C', 'A', 'B').judge(c, { a, b });
  assert.throws(judge, { code: 'OUTPUT_MISMATCH' });
  assert.throws(() => asMatrix({ data: new Float64Array(4), shape: [2, 2] }), {
    code: 'MALFORMED_FILE',
  });
});

test('a picture of another size is not written', async () => {
  const judge = async () =>
    pictureJob('M', 'never.png').judge({ data: new Uint32Array(4), shape: [2, 2] }, {});
  await assert.rejects(judge, { code: 'OUTPUT_MISMATCH' });
});
