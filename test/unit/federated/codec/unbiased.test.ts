/** Codecs that promise a mean equal to the value, and the mask that everybody shares. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCodec } from '../../../../src/federated/codec/codec-spec.ts';
import { roundMask } from '../../../../src/federated/codec/rand-k-codec.ts';
import { toDense } from '../../../../src/federated/fixed-point.ts';
import { bellValues, codecFor, contextOf, flatSchema } from '../../../support/updates.ts';

const D = 200;
const RUNS = 3000;
const schema = flatSchema(D);

/** Mean of the decoded messages over many private keys and rounds, and the largest value seen. */
function moments(text: string, x: Float32Array): { mean: number[]; largest: number } {
  const sum = new Float64Array(D);
  let largest = 0;
  for (let run = 0; run < RUNS; run++) {
    const ditherKey = new Uint8Array(32);
    new DataView(ditherKey.buffer).setUint32(0, run);
    const context = { ...contextOf(schema, run), ditherKey };
    const update = codecFor(text).decode(codecFor(text).encode(x, context), context);
    assert.ok(update.ok);
    for (const [i, value] of toDense(update.value).entries()) {
      sum[i]! += value / 2 ** 24;
      largest = Math.max(largest, Math.abs(value) / 2 ** 24);
    }
  }
  return { mean: Array.from(sum, (total) => total / RUNS), largest };
}

for (const text of ['qsgd', 'qsgd:bits=2', 'ternary:block=64', 'randk:keep=40,scale=size']) {
  test(`${text} has the value as its mean`, () => {
    // Within the clip of 2.5 deviations, where ternary is unbiased.
    const x = bellValues(D).map((value) => Math.max(-0.015, Math.min(0.015, value)));
    const { mean, largest } = moments(text, x);
    // Rand-k rounds what it keeps to q8, by no chance: half a level of a fifth of the rounds.
    const rounding = text.startsWith('randk') ? largest / 127 / 2 / 5 : 2 ** -22;
    for (let i = 0; i < D; i++) {
      const error = Math.abs(mean[i]! - x[i]!);
      // Values of at most `largest` with this mean deviate by less than sqrt(|x| · largest).
      const deviation = Math.sqrt(Math.abs(x[i]!) * largest);
      const bound = (5 * deviation) / Math.sqrt(RUNS) + 1e-3 * Math.abs(x[i]!) + rounding;
      assert.ok(error <= bound, `${i}: ${mean[i]} for ${x[i]}`);
    }
  });
}

test('the mask is one of every stratum, new each round, the same for everybody', () => {
  const seen = new Float64Array(D);
  for (let round = 0; round < RUNS; round++) {
    const mask = roundMask(contextOf(schema, round), 40);
    assert.deepEqual(mask, roundMask(contextOf(schema, round), 40));
    mask.forEach((index, i) => {
      assert.equal(Math.floor(index / 5), i);
      seen[index]! += 1;
    });
  }
  // 3000 draws of probability one fifth: 600 with a deviation of 22.
  assert.ok(seen.every((count) => Math.abs(count - 600) < 120));
});

test('stochastic codecs need the private key', () => {
  const { ditherKey: _, ...context } = contextOf(schema);
  for (const text of ['qsgd', 'ternary']) {
    assert.throws(() => codecFor(text).encode(bellValues(D), context), { code: 'BAD_UPDATE' });
  }
  assert.equal(parseCodec('qsgd').feedback, 'none');
});
