/**
 * A whole round's aggregation on one machine: order the updates, measure, decide, apply
 * (docs/protocol/federated-rules.md, section 2). What a sharded job computes in two kernels.
 */
import { compareBytes } from '../../base/bytes.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { applyDecision } from './apply.ts';
import { type Decision, decide, type RoundContext } from './decide.ts';
import { type Basis, gramBlocks, sumGram } from './gram.ts';
import { needsGram, type Pipeline } from './pipeline.ts';
import type { Arrival } from './rows.ts';

export interface ClientUpdate extends Arrival {
  /** The client's id, compared as bytes. */
  readonly client: Uint8Array;
  /** Units, each within ±(2^31 - 1). */
  readonly values: Int32Array;
}

export interface RoundUpdates {
  readonly updates: readonly ClientUpdate[];
  /** The last certified aggregate; all zero in round 0. */
  readonly reference: Int32Array;
  readonly seed: Uint8Array;
  readonly fractionBits: number;
}

export interface Aggregate {
  readonly values: Int32Array;
  readonly decision: Decision;
}

/**
 * What sees whole vectors, whatever form they have: a faster implementation owes the same integers
 * (test/conformance/round-kernels.test.ts).
 */
export interface RuleKernels<Vector> {
  gramBlocks(basis: Basis<Vector>): BigUint64Array;
  applyDecision(decision: Decision, basis: Basis<Vector>): Int32Array;
}

export const REFERENCE_RULE_KERNELS: RuleKernels<Int32Array> = { gramBlocks, applyDecision };

/** Measure, decide, apply. Reasons of `decide`. */
export function aggregateBasis<Vector>(
  pipeline: Pipeline,
  basis: Basis<Vector>,
  context: RoundContext,
  kernels: RuleKernels<Vector>,
): Checked<Aggregate> {
  const { length } = basis.updates;
  const gram = needsGram(pipeline) ? sumGram([kernels.gramBlocks(basis)], length) : [];
  const decided = decide(pipeline, context, gram);
  if (!decided.ok) return decided;
  const values = kernels.applyDecision(decided.value, basis);
  return accept({ values, decision: decided.value });
}

/** Reasons of `decide`, and `duplicate-client`, `bad-length`. */
export function aggregate(pipeline: Pipeline, round: RoundUpdates): Checked<Aggregate> {
  const sorted = round.updates.toSorted((a, b) => compareBytes(a.client, b.client));
  for (let i = 1; i < sorted.length; i++) {
    if (compareBytes(sorted[i - 1]!.client, sorted[i]!.client) === 0) {
      return refuse('duplicate-client');
    }
  }
  const { reference, seed, fractionBits } = round;
  if (sorted.some(({ values }) => values.length !== reference.length)) return refuse('bad-length');
  const basis = { reference, updates: sorted.map(({ values }) => values) };
  const context = { arrivals: sorted, seed, fractionBits };
  return aggregateBasis(pipeline, basis, context, REFERENCE_RULE_KERNELS);
}
