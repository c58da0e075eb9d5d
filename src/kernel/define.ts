/**
 * Building a kernel from its declaration: parameters and inputs are checked against the schema,
 * then the kernel's own rule says what follows from them. Most kernels cut all their outputs along
 * the first axis; `alongFirstAxis` is that plan (docs/protocol/kernel.md, "Resolution", "Planner").
 */
import { accept, type Checked } from '../base/verdict.ts';
import type {
  ArraySpec,
  Cost,
  InputRange,
  Kernel,
  Parameters,
  ParameterValue,
  ResolvedKernel,
} from './contract.ts';
import { checkInputs, checkParameters } from './parameters.ts';
import { type Piece, pieceOf, SHARDS_MAX } from './split.ts';

/** What a kernel's own rule adds to checked parameters and inputs. */
export type KernelPlan = Omit<ResolvedKernel, 'parameters' | 'inputs'>;

export interface KernelInit extends Omit<Kernel, 'resolve'> {
  /** Gets every parameter of the schema, in its bounds, and the inputs in schema order. */
  plan(parameters: Parameters, inputs: readonly ArraySpec[]): Checked<KernelPlan>;
}

export function defineKernel({ plan, ...kernel }: KernelInit): Kernel {
  return {
    ...kernel,
    resolve(given, arrays) {
      const parameters = checkParameters(kernel.schema.parameters, given);
      if (!parameters.ok) return parameters;
      const inputs = checkInputs(kernel.schema.inputs, arrays);
      if (!inputs.ok) return inputs;
      const planned = plan(parameters.value, inputs.value);
      if (!planned.ok) return planned;
      return accept({ parameters: parameters.value, inputs: inputs.value, ...planned.value });
    },
  };
}

export interface AxisPlanInit {
  /** All have the same first extent, at least 1. */
  readonly outputs: readonly ArraySpec[];
  /** Byte ranges behind elements `offset` to `offset + length - 1` of the first axis. */
  reads?(piece: Piece): readonly InputRange[];
  cost(piece: Piece): Cost;
}

/** Shard s has `piece(first extent, S, s)` of each output, and the other axes whole. */
export function alongFirstAxis({ outputs, reads, cost }: AxisPlanInit): KernelPlan {
  const length = outputs[0]!.shape[0]!;
  const piece = (shardCount: number, shard: number) => pieceOf(length, shardCount, shard);
  return {
    outputs,
    shardsMax: Math.min(length, SHARDS_MAX),
    regions: (shardCount, shard) => {
      const { offset, length: extent } = piece(shardCount, shard);
      return outputs.map(({ shape: [, ...inner] }) => ({
        offset: [offset, ...inner.map(() => 0)],
        shape: [extent, ...inner],
      }));
    },
    reads: (shardCount, shard) => reads?.(piece(shardCount, shard)) ?? [],
    cost: (shardCount, shard) => cost(piece(shardCount, shard)),
  };
}

/** A checked parameter of type `integer` or `float`. */
export function numberOf(parameters: Record<string, ParameterValue>, name: string): number {
  return parameters[name] as number;
}
