/**
 * `reduce@1`: sum, minimum, maximum or product of runs of 4096^level elements, by the numeric
 * contract's one tree (docs/protocol/kernels/reduce.md). Outputs are whole subtrees of it, so
 * folding them further gives the bits of folding everything at once.
 */
import { accept, refuse } from '../base/verdict.ts';
import { alongFirstAxis, defineKernel, numberOf } from './define.ts';
import { CHUNK, FOLDS } from './fixed-tree.ts';

const F32_BYTES = 4;
/** 4096^3 elements are more than an array can have. */
const LEVEL_MAX = 3;

export const reduce = defineKernel({
  name: 'reduce',
  major: 1,
  schema: {
    parameters: [
      {
        name: 'op',
        type: 'text',
        values: Object.keys(FOLDS),
        default: 'sum',
        why: 'how two elements become one',
      },
      {
        name: 'level',
        type: 'integer',
        min: 1,
        max: LEVEL_MAX,
        default: 1,
        why: 'an output element stands for 4096^level elements; 3 gives one for the whole array',
      },
    ],
    inputs: [{ name: 'x', dtype: '<f4', rank: 1, why: 'at least one element' }],
    outputs: [
      { name: 'out', dtype: '<f4', rank: 1, why: 'one value per run; at most that many shards' },
    ],
  },
  numericContract: 1,
  planner: 1,
  summary: 'Sum, minimum, maximum or product by one fixed tree, the same bits however it is cut.',
  plan(parameters, inputs) {
    const [elements = 0] = inputs[0]!.shape;
    if (elements < 1) return refuse('bad-input', 'reject', 'x has no elements');
    const run = CHUNK ** numberOf(parameters, 'level');
    /** Elements behind outputs `offset` to `offset + length - 1`: the last run may be shorter. */
    const behind = (offset: number, length: number) =>
      Math.min(elements, (offset + length) * run) - offset * run;
    return accept(
      alongFirstAxis({
        outputs: [{ name: 'out', dtype: '<f4', shape: [Math.ceil(elements / run)] }],
        reads: ({ offset, length }) => [
          {
            input: 'x',
            offset: offset * run * F32_BYTES,
            length: behind(offset, length) * F32_BYTES,
          },
        ],
        cost: ({ offset, length }) => ({
          operations: behind(offset, length),
          bytes: F32_BYTES * (behind(offset, length) + length),
        }),
      }),
    );
  },
});
