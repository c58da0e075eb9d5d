import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exp, log, normal } from '../../../../src/compute/reference/math.ts';
import { xorshift32 } from '../../../../src/compute/sample-input.ts';

/** Distance between neighbouring binary32 values near `value`. */
function ulp(value: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), -126) - 23);
}

/** `count` binary32 values in [low, high), evenly scattered. */
function* samples(low: number, high: number, count: number): Generator<number> {
  let word = 9;
  for (let i = 0; i < count; i++) {
    word = xorshift32(word);
    yield Math.fround(low + (high - low) * (word / 2 ** 32));
  }
}

test('exp is within 1.2 ulp, and holds at its bounds', () => {
  for (const x of samples(-87, 88, 100_000)) {
    const right = Math.exp(x);
    assert.ok(Math.abs(exp(x) - right) <= 1.2 * ulp(right), `exp(${x})`);
  }
  assert.equal(exp(0), 1);
  assert.equal(exp(89), exp(88));
  assert.equal(exp(Number.NEGATIVE_INFINITY), exp(-87));
});

test('log is within 1 ulp, and 0 at 1', () => {
  for (const exponent of samples(-126, 127.9, 100_000)) {
    const x = Math.fround(2 ** exponent);
    const right = Math.log(x);
    assert.ok(Math.abs(log(x) - right) <= ulp(right), `log(${x})`);
  }
  for (const x of samples(0.9, 1.1, 100_000)) {
    const right = Math.log(x);
    assert.ok(Math.abs(log(x) - right) <= ulp(right), `log(${x})`);
  }
  assert.equal(log(1), 0);
});

/**
 * The normal distribution function: its series for small |z|, its continued fraction further out;
 * both to about 1e-13 relative.
 */
function distribution(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < -3) {
    let fraction = -z;
    for (let k = 200; k >= 1; k--) fraction = -z + k / fraction;
    return density / fraction;
  }
  if (z > 0) return 1 - distribution(-z);
  let term = z;
  let sum = z;
  for (let k = 3; k < 200; k += 2) {
    term *= (z * z) / k;
    sum += term;
  }
  return 0.5 + density * sum;
}

test('normal inverts the distribution function to 2e-6', () => {
  const at = (half: number) => {
    const bits = (half << 8) >>> 0;
    const z = normal(bits);
    // From the side on which the probability is small, so that it is exact.
    const side = -Math.abs(z);
    const wanted = (Math.min(half, 2 ** 24 - 1 - half) + 0.5) / 2 ** 24;
    const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
    const error = (distribution(side) - wanted) / density;
    assert.ok(Math.abs(error) < 2e-6, `normal(${half}) = ${z} is wrong by ${error}`);
    return z;
  };
  let last = Number.NEGATIVE_INFINITY;
  for (let half = 0; half < 2 ** 24; half += 997) {
    const z = at(half);
    assert.ok(z > last, 'ascending');
    last = z;
  }
  for (const half of [0, 1, 2, 2 ** 23 - 1, 2 ** 23, 2 ** 24 - 2]) at(half);
  assert.ok(at(2 ** 24 - 1) < 5.42 && at(0) > -5.42);
  // The low eight bits do not count, and the two halves mirror each other.
  assert.equal(normal(0x123456ff), normal(0x12345600));
  assert.equal(normal(0), -normal(0xffff_ffff));
});
