/** `gemm.f32@1` on every backend. */
import type { KernelCall } from '../kernel-call.ts';
import { gemmF32Steps } from '../reference/gemm-f32.ts';
import type { SampleKind } from '../sample-input.ts';
import {
  floatsOf,
  type KernelCode,
  type SelftestCase,
  sampleArray,
  sampleRequest,
  speedArray,
} from './kernel-code.ts';

const ID = 'gemm.f32@1';
const NOTHING = new Uint8Array(0);

export const gemmF32Code: KernelCode = {
  id: ID,
  nativeKernel: 1,
  native: (call) => {
    const { rows, columns, k, lda, ldb, a, b } = operandsOf(call);
    return { extents: [rows, columns, k, lda, ldb], inputs: [a, b] };
  },
  reference: (call, [c]) => {
    const { a, b, ...extents } = operandsOf(call);
    return gemmF32Steps({ ...extents, a: floatsOf(a), b: floatsOf(b), c: floatsOf(c!) });
  },
  // k spans more than one panel; rows and columns hang over every register block.
  selftest: () => [
    caseOf('moderate', [37, 300, 45], 5),
    caseOf('moderate', [3, 1100, 35], 1),
    caseOf('any-bits', [9, 41, 23], 9 * 23),
    caseOf('tiny', [8, 33, 17], 11),
    caseOf('moderate', [3, 0, 5], 2),
  ],
  speed: {
    growth: 8,
    steps: 6,
    request: (step) => {
      const extent = 64 * 2 ** step;
      return sampleRequest({
        kernel: ID,
        inputs: [speedArray('a', [extent, extent], 1), speedArray('b', [extent, extent], 2)],
      });
    },
  },
};

/** `lda`, `ldb`: elements from one row to the next. */
function operandsOf(call: KernelCall) {
  const [region] = call.resolved.regions(call.shardCount, call.shard);
  const [rows, columns] = region!.shape as [number, number];
  const k = call.resolved.inputs[0]!.shape[1]!;
  const ldb = call.resolved.inputs[1]!.shape[1]!;
  // With k = 0 nothing is read.
  const [a = NOTHING, b = NOTHING] = call.reads;
  return { rows, columns, k, lda: k, ldb, a, b };
}

function caseOf(
  kind: SampleKind,
  [m, k, n]: readonly [number, number, number],
  shardCount: number,
): SelftestCase {
  const inputs = [sampleArray('a', kind, [m, k], 1), sampleArray('b', kind, [k, n], 2)];
  return {
    name: `${ID} ${m}x${k}x${n} ${kind}`,
    request: sampleRequest({ kernel: ID, inputs, shardCount }),
  };
}
