/**
 * What a plan says about aggregation: stages that keep several vectors, then one rule that leaves a
 * single one (docs/protocol/federated-rules.md, sections 4 and 5). Decimals are billionths.
 */
import { nanosOf } from '../decimal.ts';

export type KeepingStage =
  | { readonly name: 'norm-bound'; readonly length: number }
  | { readonly name: 'nnm'; readonly faulty: number }
  | { readonly name: 'bucket'; readonly size: number };

export type FinalRule =
  | { readonly name: 'mean' }
  | { readonly name: 'median' }
  | { readonly name: 'trimmed-mean'; readonly faulty: number }
  | { readonly name: 'krum'; readonly faulty: number }
  | { readonly name: 'multi-krum'; readonly faulty: number; readonly keep: number }
  | { readonly name: 'bulyan'; readonly faulty: number }
  | { readonly name: 'geometric-median'; readonly steps: number }
  | { readonly name: 'centered-clip'; readonly steps: number; readonly radius: number | 'median' };

export interface Pipeline {
  /** At most STAGES_MAX. */
  readonly stages: readonly KeepingStage[];
  readonly last: FinalRule;
}

export const STAGES_MAX = 8;
export const UPDATES_MAX = 512;
export const ROUND_WEIGHT_MAX = 2 ** 20;
export const STEPS_MAX = 16;

/** Clips every update to a Euclidean length, in the model's own units. */
export const normBound = (length: number): KeepingStage => ({
  name: 'norm-bound',
  length: nanosOf(length),
});

/** Replaces every update by the mean of its nearest neighbours. */
export const nearestNeighbours = (faulty: number): KeepingStage => ({ name: 'nnm', faulty });

/** Averages seeded random groups of `size`. */
export const bucket = (size = 2): KeepingStage => ({ name: 'bucket', size });

export const mean = (): FinalRule => ({ name: 'mean' });
export const median = (): FinalRule => ({ name: 'median' });
export const trimmedMean = (faulty: number): FinalRule => ({ name: 'trimmed-mean', faulty });
export const krum = (faulty: number): FinalRule => ({ name: 'krum', faulty });

/** `keep` 0 stands for all but `faulty`. */
export const multiKrum = (faulty: number, keep = 0): FinalRule => ({
  name: 'multi-krum',
  faulty,
  keep,
});

export const bulyan = (faulty: number): FinalRule => ({ name: 'bulyan', faulty });
export const geometricMedian = (steps = 8): FinalRule => ({ name: 'geometric-median', steps });

export interface CenteredClipInit {
  readonly steps?: number;
  /** Length in the model's units, or the median of the distances, anew in each step. */
  readonly radius?: number | 'median';
}

export function centeredClip({ steps = 3, radius = 'median' }: CenteredClipInit = {}): FinalRule {
  const inNanos = radius === 'median' ? radius : nanosOf(radius);
  return { name: 'centered-clip', steps, radius: inNanos };
}

/** `pipe(bucket(2), centeredClip())`: stages, then the rule. */
export function pipe(...parts: [...KeepingStage[], FinalRule]): Pipeline {
  return { stages: parts.slice(0, -1) as KeepingStage[], last: parts.at(-1) as FinalRule };
}

/** Its limits, measured: docs/federated-experiments.md. */
export const DEFAULT_PIPELINE = pipe(bucket(2), centeredClip());

/** Rules that look at one coordinate at a time: sparse messages break them. */
export function isCoordinateWise(rule: FinalRule): boolean {
  return rule.name === 'median' || rule.name === 'trimmed-mean' || rule.name === 'bulyan';
}

/** Whether deciding needs inner products, hence an exchange between shards. */
export function needsGram({ stages, last }: Pipeline): boolean {
  const isPlain = last.name === 'mean' || last.name === 'median' || last.name === 'trimmed-mean';
  return !isPlain || stages.some(({ name }) => name !== 'bucket');
}

/** Rows that reach the last rule when `updates` enter. */
export function rowsBehind({ stages }: Pipeline, updates: number): number {
  return stages.reduce(
    (rows, stage) => (stage.name === 'bucket' ? Math.ceil(rows / stage.size) : rows),
    updates,
  );
}

/** Whether every stage gets the rows that it needs (the column "needs" of the page). */
export function isEnough({ stages, last }: Pipeline, updates: number): boolean {
  let rows = updates;
  for (const stage of stages) {
    if (stage.name === 'nnm' && rows <= 2 * stage.faulty) return false;
    if (stage.name === 'bucket') rows = Math.ceil(rows / stage.size);
  }
  return rows >= rowsNeeded(last);
}

function rowsNeeded(rule: FinalRule): number {
  switch (rule.name) {
    case 'trimmed-mean':
      return 2 * rule.faulty + 1;
    case 'krum':
      return 2 * rule.faulty + 3;
    case 'multi-krum':
      return Math.max(2 * rule.faulty + 3, rule.keep);
    case 'bulyan':
      return 4 * rule.faulty + 3;
    default:
      return 1;
  }
}
