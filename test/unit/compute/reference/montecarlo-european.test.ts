import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatsOf, sampleRequest } from '../../../../src/compute/kernels/kernel-code.ts';
import { JsExecutor } from '../../../../src/compute/local-executor.ts';
import type { Parameters } from '../../../../src/kernel/contract.ts';
import { estimatePrice } from '../../../../src/kernel/montecarlo-european.ts';
import { blackScholes } from '../../../oracles/black-scholes.ts';

const js = new JsExecutor();

async function sumsOf(parameters: Parameters): Promise<Float32Array> {
  const [result] = await js.run(sampleRequest({ kernel: 'montecarlo.european@1', parameters }));
  return floatsOf(result!.outputs[0]!.content);
}

test('prices are those of Black and Scholes, within four standard errors', async () => {
  const base = { spot: 100, strike: 100, rate: 0.05, volatility: 0.2, years: 1 };
  for (const option of [
    { ...base, put: false },
    { ...base, strike: 120, volatility: 0.4, years: 3, put: false },
    { ...base, strike: 90, rate: -0.01, put: true },
  ]) {
    const paths = 50_000;
    const sums = await sumsOf({ ...option, blocks: 2, paths, seed: 11 });
    const { price, standardError } = estimatePrice(sums, paths);
    const exact = blackScholes(option);
    assert.ok(standardError > 0 && standardError < 0.02 * exact + 0.1);
    const distance = (price - exact) / standardError;
    assert.ok(Math.abs(distance) < 4, `${price} +- ${standardError} against ${exact}`);
  }
});

test('without chance the price is the discounted payoff', async () => {
  const sums = await sumsOf({ strike: 80, volatility: 0, blocks: 1, paths: 1 });
  assert.ok(Math.abs(sums[0]! - (100 - 80 * Math.exp(-0.05))) < 1e-4);
  const today = await sumsOf({ strike: 80, years: 0, blocks: 1, paths: 4097 });
  // Payoffs of exactly 20: the tree adds them exactly.
  assert.deepEqual([...today], [4097 * 20, 4097 * 400]);
});

test('blocks, seeds and options differ; the largest values give no NaN', async () => {
  const sums = await sumsOf({ blocks: 4, paths: 300 });
  assert.equal(new Set(sums).size, 8);
  const seeds = [1, 2, 2 ** 32 + 1].map((seed) => sumsOf({ blocks: 1, paths: 300, seed }));
  assert.equal(new Set((await Promise.all(seeds)).map(([sum]) => sum)).size, 3);
  for (const put of [true, false]) {
    const extreme = { spot: 1e6, strike: 1e6, rate: -1, volatility: 4, years: 32, put };
    for (const sum of await sumsOf({ ...extreme, blocks: 1, paths: 5000 })) {
      assert.ok(sum >= 0);
    }
  }
});
