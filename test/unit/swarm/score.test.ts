import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { log2Entry, referenceLog } from '../../../src/sim/placement-oracle.ts';
import { LOG2_TABLE } from '../../../src/swarm/log2-table.ts';
import { negativeLog2, WEIGHT_MAX, weightedScore } from '../../../src/swarm/score.ts';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** Halves with every number of leading zeros. */
const half = fc.tuple(u32, fc.integer({ min: 0, max: 31 })).map(([value, by]) => value >>> by);

test('the committed table is the rounded logarithm, by another method than the one that wrote it', () => {
  assert.equal(LOG2_TABLE.length, 1025);
  for (const [index, entry] of LOG2_TABLE.entries()) {
    assert.equal(BigInt(entry), log2Entry(index), `entry ${index}`);
  }
});

test('the table rises by less than 2^23 a step, as the stated widths need', () => {
  for (let i = 0; i < 1024; i++) {
    const step = LOG2_TABLE[i + 1]! - LOG2_TABLE[i]!;
    assert.ok(step > 0 && step < 2 ** 23);
  }
});

test('-log2 equals the big-integer reading of the page on every kind of hash', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1), half, half, (edge, high, low) => {
      for (const [a, b] of [
        [high, low],
        [0, low],
        [high, edge],
        [edge, low],
      ] as const) {
        const h = (BigInt(a) << 32n) | BigInt(b);
        assert.equal(BigInt(negativeLog2(a, b)), referenceLog(h));
      }
    }),
  );
});

test('-log2 is within 2^-22 of the true value, positive and at most 64', () => {
  fc.assert(
    fc.property(half, u32, (high, low) => {
      const value = negativeLog2(high, low);
      const truth = 64 - Math.log2(Math.max(1, high * 2 ** 32 + low));
      assert.ok(Math.abs(value / 2 ** 32 - truth) < 2 ** -22);
      assert.ok(value > 0 && value <= 64 * 2 ** 32);
    }),
  );
});

test('-log2 never rises when the hash does', () => {
  fc.assert(
    fc.property(half, u32, u32, (high, a, b) => {
      const [low, above] = a < b ? [a, b] : [b, a];
      assert.ok(negativeLog2(high, low) >= negativeLog2(high, above));
    }),
  );
});

test('the weighted score is the exact integer quotient, up to the widest operands', () => {
  const logarithm = fc.oneof(
    fc.integer({ min: 1, max: 2 ** 38 }),
    fc.integer({ min: 2 ** 38 - 1000, max: 2 ** 38 }),
  );
  fc.assert(
    fc.property(logarithm, fc.integer({ min: 1, max: WEIGHT_MAX }), (value, weight) => {
      const exact = (BigInt(value) << 14n) / BigInt(weight);
      assert.equal(BigInt(weightedScore(value, weight)), exact);
    }),
    { numRuns: 2000 },
  );
});
