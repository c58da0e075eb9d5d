/**
 * `noop@1`: writes zeros. It measures everything around the kernels, one kernel call per shard
 * (docs/protocol/kernel.md, "noop@1").
 */
import { accept } from '../base/verdict.ts';
import { alongFirstAxis, defineKernel, numberOf } from './define.ts';
import { SHARDS_MAX } from './split.ts';

export const noop = defineKernel({
  name: 'noop',
  major: 1,
  schema: {
    parameters: [
      {
        name: 'items',
        type: 'integer',
        min: 1,
        max: SHARDS_MAX,
        default: 65_536,
        why: 'output length in bytes; at most that many shards',
      },
    ],
    inputs: [],
    outputs: [{ name: 'out', dtype: '|u1', rank: 1, why: 'zeros' }],
  },
  numericContract: 1,
  planner: 1,
  summary: 'Writes zeros: measures planning, placement and consensus without computation.',
  plan: (parameters) =>
    accept(
      alongFirstAxis({
        outputs: [{ name: 'out', dtype: '|u1', shape: [numberOf(parameters, 'items')] }],
        cost: ({ length }) => ({ operations: length, bytes: length }),
      }),
    ),
});
