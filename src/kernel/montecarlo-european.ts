/**
 * `montecarlo.european@1`: discounted payoffs of a European option over simulated paths of
 * geometric Brownian motion, summed per block (docs/protocol/kernels/montecarlo.european.md). The
 * `blocks` parameter fixes the output, so bits do not depend on how many shards share the blocks.
 */
import { accept } from '../base/verdict.ts';
import { alongFirstAxis, defineKernel, numberOf } from './define.ts';

const PRICE = { type: 'float', min: 1e-6, max: 1e6, default: 100 } as const;
/** Of one path: random words, normal, exponential, payoff, sums. */
const PATH_OPERATIONS = 160;
const BLOCK_BYTES = 8;

export const montecarloEuropean = defineKernel({
  name: 'montecarlo.european',
  major: 1,
  schema: {
    parameters: [
      { name: 'spot', ...PRICE, why: 'price of the underlying today' },
      { name: 'strike', ...PRICE, why: 'price at which the option may be exercised' },
      {
        name: 'rate',
        type: 'float',
        min: -1,
        max: 1,
        default: 0.05,
        why: 'riskless rate per year, continuously compounded',
      },
      {
        name: 'volatility',
        type: 'float',
        min: 0,
        max: 4,
        default: 0.2,
        why: 'standard deviation of the yearly logarithmic return',
      },
      { name: 'years', type: 'float', min: 0, max: 32, default: 1, why: 'time to exercise' },
      { name: 'put', type: 'boolean', default: false, why: 'a put instead of a call' },
      {
        name: 'seed',
        type: 'integer',
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        default: 1,
        why: 'key of the random numbers',
      },
      {
        name: 'blocks',
        type: 'integer',
        min: 1,
        max: 2 ** 20,
        default: 64,
        why: 'rows of the output; at most that many shards',
      },
      {
        name: 'paths',
        type: 'integer',
        min: 1,
        max: 2 ** 24,
        default: 65_536,
        why: 'simulated paths of each block',
      },
    ],
    inputs: [],
    outputs: [
      {
        name: 'sums',
        dtype: '<f4',
        rank: 2,
        why: 'blocks x 2: sum of the discounted payoffs, sum of their squares',
      },
    ],
  },
  numericContract: 1,
  planner: 1,
  summary: 'Price of a European option by simulation: sums of payoffs per block of paths.',
  plan(parameters) {
    const operations = numberOf(parameters, 'paths') * PATH_OPERATIONS;
    return accept(
      alongFirstAxis({
        outputs: [{ name: 'sums', dtype: '<f4', shape: [numberOf(parameters, 'blocks'), 2] }],
        cost: ({ length }) => ({ operations: length * operations, bytes: length * BLOCK_BYTES }),
      }),
    );
  },
});

export interface Estimate {
  readonly price: number;
  /** Standard deviation of `price` as an estimate. */
  readonly standardError: number;
}

/**
 * The price and its standard error from `sums` (blocks x 2) of blocks of `paths` paths each, added
 * up in binary64 in block order.
 */
export function estimatePrice(sums: ArrayLike<number>, paths: number): Estimate {
  let total = 0;
  let squares = 0;
  for (let i = 0; i < sums.length; i += 2) {
    total += sums[i]!;
    squares += sums[i + 1]!;
  }
  const count = (sums.length / 2) * paths;
  const price = total / count;
  const variance = Math.max(0, squares / count - price * price);
  return { price, standardError: Math.sqrt(variance / count) };
}
