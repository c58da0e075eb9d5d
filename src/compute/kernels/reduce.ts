/** `reduce@1` on every backend: operations by name here, by number in native code. */
import { numberOf } from '../../kernel/define.ts';
import { CHUNK, FOLDS, type FoldName } from '../../kernel/fixed-tree.ts';
import type { KernelCall } from '../kernel-call.ts';
import { reduceSteps } from '../reference/reduce.ts';
import type { SampleKind } from '../sample-input.ts';
import {
  floatsOf,
  type KernelCode,
  rowsOf,
  type SelftestCase,
  sampleArray,
  sampleRequest,
  speedArray,
} from './kernel-code.ts';

const ID = 'reduce@1';
/** In the order of their codes in src/native/cpu/reduce.h. */
const CODES: readonly FoldName[] = ['sum', 'min', 'max', 'product'];

export const reduceCode: KernelCode = {
  id: ID,
  nativeKernel: 6,
  native: (call) => {
    const { op, level, x } = operandsOf(call);
    return {
      extents: [rowsOf(call).count, CODES.indexOf(op), x.length / 4, level],
      inputs: [x],
    };
  },
  reference: (call, [out]) => {
    const { op, level, x } = operandsOf(call);
    return reduceSteps(floatsOf(x), level, FOLDS[op], floatsOf(out!));
  },
  selftest: () => [
    // Two chunks and a part of one; only the last has absent lanes.
    caseOf({ op: 'sum', level: 1 }, 'moderate', 2 * 4096 + 300),
    caseOf({ op: 'sum', level: 2 }, 'moderate', 3 * 4096 + 11),
    caseOf({ op: 'product', level: 1 }, 'unit', 700),
    caseOf({ op: 'min', level: 1 }, 'moderate', 4096 + 100),
    caseOf({ op: 'max', level: 1 }, 'any-bits', 100),
  ],
  speed: {
    growth: 4,
    steps: 5,
    request: (step) => {
      const inputs = [speedArray('x', [32_768 * 4 ** step], 1)];
      return sampleRequest({ kernel: ID, inputs, shardCount: 8 });
    },
  },
};

function operandsOf(call: KernelCall) {
  const { parameters } = call.resolved;
  const [x] = call.reads;
  return { op: parameters.op as FoldName, level: numberOf(parameters, 'level'), x: x! };
}

/** One shard per output. */
function caseOf(
  parameters: { readonly op: FoldName; readonly level: number },
  kind: SampleKind,
  length: number,
): SelftestCase {
  const { op, level } = parameters;
  const inputs = [sampleArray('x', kind, [length], 1)];
  const shardCount = Math.ceil(length / CHUNK ** level);
  return {
    name: `${ID} ${op} ${length} level ${level} ${kind}`,
    request: sampleRequest({ kernel: ID, parameters: { ...parameters }, inputs, shardCount }),
  };
}
