/**
 * From Gram sums to a decision: which shares of which updates make the aggregate, or which rows are
 * sorted coordinate by coordinate (docs/protocol/federated-rules.md, sections 2 to 5). Small, pure,
 * the same on every replica; a round's decision says in integers how much every client counted.
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { unitsOf } from '../decimal.ts';
import { clippedCentreOf, geometricMedianOf } from './centre.ts';
import { squaredDistances } from './distances.ts';
import type { Gram } from './gram.ts';
import { boundNorms, makeBuckets, mixNearest, sharesOf } from './keeping-stages.ts';
import { bestByKrum, selectForBulyan } from './krum.ts';
import {
  type FinalRule,
  isEnough,
  needsGram,
  type Pipeline,
  ROUND_WEIGHT_MAX,
  UPDATES_MAX,
} from './pipeline.ts';
import {
  type Arrival,
  combined,
  firstStage,
  type Row,
  STALENESS_SHARES,
  type Stage,
  settle,
} from './rows.ts';

export interface RoundContext {
  /** Ascending by client id. */
  readonly arrivals: readonly Arrival[];
  /** 32 bytes, drawn after the updates were fixed. */
  readonly seed: Uint8Array;
  readonly fractionBits: number;
}

/** Entries over the basis, 0..2^30, each list summing to `total`. */
export type Decision =
  | { readonly kind: 'mix'; readonly row: readonly number[]; readonly total: number }
  | {
      readonly kind: 'sort';
      readonly rows: readonly (readonly number[])[];
      readonly total: number;
      /**
       * `trim`: without the `faulty` lowest and highest; `closest`: the `keep` around the median.
       */
      readonly pick:
        | { readonly name: 'median' }
        | { readonly name: 'trim'; readonly faulty: number }
        | { readonly name: 'closest'; readonly keep: number };
    };

/**
 * Reasons: `too-few-updates`, `too-many-updates`, `bad-weight`, `too-stale`. `gram` may be left out
 * where `needsGram` says so.
 */
export function decide(
  pipeline: Pipeline,
  context: RoundContext,
  gram: Gram = [],
): Checked<Decision> {
  const { arrivals, seed, fractionBits } = context;
  const fault = faultOf(pipeline, arrivals);
  if (fault !== undefined) return refuse(fault);
  const isPlain = !needsGram(pipeline);
  if (!isPlain && gram.length !== arrivals.length + 2) return refuse('gram-of-other-updates');
  const random = new ChaChaWords(seed);
  let stage = firstStage(arrivals);
  for (const next of pipeline.stages) {
    if (next.name === 'bucket') stage = makeBuckets(stage, next.size, random);
    else if (next.name === 'nnm') stage = mixNearest(stage, gram, next.faulty);
    else stage = boundNorms(stage, gram, BigInt(unitsOf(next.length, fractionBits)));
  }
  return accept(decideLast(pipeline.last, stage, { gram, fractionBits }));
}

function faultOf(pipeline: Pipeline, arrivals: readonly Arrival[]): string | undefined {
  if (arrivals.length > UPDATES_MAX) return 'too-many-updates';
  if (arrivals.length === 0 || !isEnough(pipeline, arrivals.length)) return 'too-few-updates';
  let total = 0;
  for (const { weight, staleness } of arrivals) {
    if (!Number.isInteger(weight) || weight < 1) return 'bad-weight';
    if (STALENESS_SHARES[staleness] === undefined) return 'too-stale';
    total += weight;
  }
  return total > ROUND_WEIGHT_MAX ? 'bad-weight' : undefined;
}

interface Measure {
  readonly gram: Gram;
  readonly fractionBits: number;
}

function decideLast(rule: FinalRule, stage: Stage, { gram, fractionBits }: Measure): Decision {
  const count = stage.rows.length;
  switch (rule.name) {
    case 'mean':
      return mix(stage, stage.weights.map(BigInt));
    case 'median':
      return sort(stage, { name: 'median' });
    case 'trimmed-mean':
      return sort(stage, { name: 'trim', faulty: rule.faulty });
    case 'krum':
      return mix(stage, sharesOf(bestByKrum(squaredDistances(stage, gram), rule.faulty, 1), count));
    case 'multi-krum': {
      const keep = rule.keep === 0 ? count - rule.faulty : rule.keep;
      const best = bestByKrum(squaredDistances(stage, gram), rule.faulty, keep);
      return mix(stage, sharesOf(best, count));
    }
    case 'bulyan': {
      const chosen = selectForBulyan(squaredDistances(stage, gram), rule.faulty);
      const rows = chosen.map((j) => stage.rows[j]!);
      return sort({ ...stage, rows }, { name: 'closest', keep: count - 4 * rule.faulty });
    }
    case 'geometric-median':
      return single(geometricMedianOf(stage, gram, rule.steps));
    case 'centered-clip': {
      const { steps, radius } = rule;
      const units = radius === 'median' ? radius : BigInt(unitsOf(radius, fractionBits));
      return single(clippedCentreOf(stage, gram, { steps, radius: units }));
    }
  }
}

function mix(stage: Stage, shares: readonly bigint[]): Decision {
  const { rows, total } = settle([combined(stage, shares)], [1]);
  return single({ row: rows[0]!, total });
}

function single({ row, total }: { readonly row: Row; readonly total: bigint }): Decision {
  return { kind: 'mix', row: row.map(Number), total: Number(total) };
}

function sort(stage: Stage, pick: Extract<Decision, { kind: 'sort' }>['pick']): Decision {
  const rows = stage.rows.map((row) => row.map(Number));
  return { kind: 'sort', rows, total: Number(stage.total), pick };
}
