/**
 * `noop@1`: writes zeros. It measures everything around the kernels, one kernel call per shard
 * (docs/protocol/kernel.md, "noop@1").
 */
import { accept } from '../base/verdict.ts';
import type { Kernel } from './contract.ts';
import { checkInputs, checkParameters } from './parameters.ts';
import { pieceOf, SHARDS_MAX } from './split.ts';

const schema: Kernel['schema'] = {
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
};

export const noop: Kernel = {
  name: 'noop',
  major: 1,
  schema,
  numericContract: 1,
  planner: 1,
  summary: 'Writes zeros: measures planning, placement and consensus without computation.',
  resolve(given, arrays) {
    const parameters = checkParameters(schema.parameters, given);
    if (!parameters.ok) return parameters;
    const inputs = checkInputs(schema.inputs, arrays);
    if (!inputs.ok) return inputs;
    const items = parameters.value.items as number;
    const piece = (shardCount: number, shard: number) => pieceOf(items, shardCount, shard);
    return accept({
      parameters: parameters.value,
      inputs: inputs.value,
      outputs: [{ name: 'out', dtype: '|u1', shape: [items] }],
      shardsMax: items,
      regions: (shardCount, shard) => {
        const { offset, length } = piece(shardCount, shard);
        return [{ offset: [offset], shape: [length] }];
      },
      reads: () => [],
      cost: (shardCount, shard) => {
        const { length } = piece(shardCount, shard);
        return { operations: length, bytes: length };
      },
    });
  },
};
