/** Blocks by worked example: ties, common divisors, single magnitudes, saturation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toDense } from '../../../../src/federated/fixed-point.ts';
import { codecFor, contextOf, flatSchema } from '../../../support/updates.ts';

/** Decoded integers of values given in units of 2^-24, and the first scale and codes. */
function coded(text: string, units: readonly number[]) {
  const context = contextOf(flatSchema(units.length));
  const x = Float32Array.from(units, (unit) => unit * 2 ** -24);
  const bytes = codecFor(text).encode(x, context);
  const update = codecFor(text).decode(bytes, context);
  assert.ok(update.ok);
  const scale = bytes[64]! + 256 * bytes[65]!;
  return { values: [...toDense(update.value)], scale, codes: [...bytes.subarray(128)] };
}

test('halves of a level go to the even one', () => {
  const { values, scale } = coded('q8', [508, 2, 6, 10, -2, -6, -10, 3]);
  assert.equal(scale, 4);
  assert.deepEqual(values, [508, 0, 8, 8, 0, -8, -8, 4]);
});

test('a common divisor moves into the scale', () => {
  // Levels 127 and -127 of scale 1024 are levels 1 and -1 of scale 127 · 1024.
  const { values, scale, codes } = coded('q8', [130_048, -130_048, 0]);
  assert.deepEqual(values, [130_048, -130_048, 0]);
  assert.deepEqual(codes, [1, 255, 0]);
  assert.equal((scale & 2047) * 2 ** (scale >>> 11), 130_048);
});

test('a block of zeros, and of what rounds to them, has scale zero', () => {
  for (const text of ['q8', 'q2', 'sign', 'q2:levels=lloyd']) {
    assert.deepEqual(coded(text, [0, 0, 0]), {
      values: [0, 0, 0],
      scale: 0,
      codes: coded(text, [0, 0, 0]).codes,
    });
    assert.deepEqual(coded(text, [0.25, -0.25, 0]).values, [0, 0, 0]);
  }
});

test('one magnitude of Lloyd-Max levels is the largest', () => {
  const { values, codes } = coded('q2:levels=lloyd', [1000, -1000, 1000, 1000]);
  // Codes 1, 3, 1, 1: magnitude number 1, signs apart.
  assert.deepEqual(codes, [0b01011101]);
  assert.ok(values.every((value) => Math.abs(value) === Math.abs(values[0]!)));
});

test('values beyond the range saturate at the largest scale that fits', () => {
  for (const text of ['q8', 'q4', 'sign', 'q3:levels=lloyd', 'topk:keep=100%', 'ternary']) {
    const { values } = coded(text, [2 ** 60, -(2 ** 60), 2 ** 40]);
    for (const value of values) assert.ok(Math.abs(value) > 2 ** 28 && Math.abs(value) < 2 ** 31);
  }
});
