/**
 * The parts of a round that touch whole messages and vectors. Everything else of it is small. The
 * addon brings faster ones (src/compute/native-rounds.ts), which owe the same bits
 * (test/conformance/round-kernels.test.ts).
 */
import type { Digest } from '../../base/ids.ts';
import { accept, type Checked } from '../../base/verdict.ts';
import { blobRoot } from '../../blob/tree.ts';
import type { RoundContext, UpdateCodec } from '../codec/codec.ts';
import { type CodecKernels, REFERENCE_KERNELS } from '../codec/kernels.ts';
import { toDense } from '../fixed-point.ts';
import { advance, type Optimiser } from '../optimiser/optimiser.ts';
import { REFERENCE_RULE_KERNELS, type RuleKernels } from '../rule/aggregate.ts';
import { packState, unpackState } from './round-state.ts';

export interface RoundKernels<Vector> extends RuleKernels<Vector> {
  readonly codecs: CodecKernels;
  blobRoots(contents: readonly Uint8Array[]): readonly Digest[];
  /** The updates of containers, or why the first that is none is refused. */
  openUpdates(
    containers: readonly Uint8Array[],
    codec: UpdateCodec,
    context: RoundContext,
  ): Checked<readonly Vector[]>;
  /** The next state, as it is packed. `state` has the optimiser's rows, within their bounds. */
  advanceState(step: StateStep): Int32Array;
}

export interface StateStep {
  readonly optimiser: Optimiser;
  readonly state: Int32Array;
  readonly aggregate: Int32Array;
  readonly fractionBits: number;
}

export const REFERENCE_ROUND_KERNELS: RoundKernels<Int32Array> = {
  ...REFERENCE_RULE_KERNELS,
  codecs: REFERENCE_KERNELS,
  blobRoots: (contents) => contents.map(blobRoot),
  openUpdates(containers, codec, context) {
    const updates: Int32Array[] = [];
    for (const container of containers) {
      const decoded = codec.decode(container, context);
      if (!decoded.ok) return decoded;
      updates.push(toDense(decoded.value));
    }
    return accept(updates);
  },
  advanceState({ optimiser, state, aggregate, fractionBits }) {
    const next = advance(optimiser, unpackState(state, optimiser), aggregate, fractionBits);
    return packState({ ...next, aggregate });
  },
};
