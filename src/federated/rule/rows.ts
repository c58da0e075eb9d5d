/**
 * Rows: vectors written as integer shares of the basis (zero, reference, updates), which is all
 * that a linear rule decides (docs/protocol/federated-rules.md, section 2). Exact; nothing here is
 * as long as the model.
 */
import { assert } from '../../base/errors.ts';

/** Entries >= 0 over the basis; index 0 is the zero vector, 1 the reference, 2 + i update i. */
export type Row = readonly bigint[];

export interface Stage {
  /** At least one; each sums to `total`. */
  readonly rows: readonly Row[];
  /** 1..TOTAL_MAX. */
  readonly total: bigint;
  /** What each row counts in a mean, >= 1. */
  readonly weights: readonly number[];
}

/** A row before it is settled: its own sum is its total. */
export interface LooseRow {
  readonly entries: Row;
  readonly total: bigint;
}

export const TOTAL_MAX = 2n ** 30n;
export const ZERO = 0;
export const REFERENCE = 1;
/** Basis index of the first update. */
export const FIRST_UPDATE = 2;

/** 1/sqrt(1 + s) in 2^-16: how much of an update of s rounds ago counts. */
export const STALENESS_SHARES: readonly bigint[] = [65536n, 46341n, 37837n, 32768n, 29309n];

export interface Arrival {
  readonly weight: number;
  /** Rounds, 0..4. */
  readonly staleness: number;
}

/** The stage that the updates form as they came in. */
export function firstStage(arrivals: readonly Arrival[]): Stage {
  const isFresh = arrivals.every(({ staleness }) => staleness === 0);
  const total = isFresh ? 1n : 65536n;
  const rows = arrivals.map(({ staleness }, i) => {
    const row = new Array<bigint>(FIRST_UPDATE + arrivals.length).fill(0n);
    row[FIRST_UPDATE + i] = isFresh ? 1n : STALENESS_SHARES[staleness]!;
    row[ZERO] = total - row[FIRST_UPDATE + i]!;
    return row;
  });
  return { rows, total, weights: arrivals.map(({ weight }) => weight) };
}

/** Sum of shares[j] x row j, over the sum of the shares; not settled. */
export function combined(stage: Stage, shares: readonly bigint[]): LooseRow {
  const entries = new Array<bigint>(stage.rows[0]!.length).fill(0n);
  let sum = 0n;
  for (const [j, share] of shares.entries()) {
    if (share === 0n) continue;
    sum += share;
    addScaled(entries, stage.rows[j]!, share);
  }
  return { entries, total: sum * stage.total };
}

/** entries += factor x row. */
export function addScaled(entries: bigint[], row: Row, factor: bigint): void {
  for (const [a, entry] of row.entries()) {
    if (entry !== 0n) entries[a]! += factor * entry;
  }
}

/** Brings rows to one total of at most TOTAL_MAX ("Settling"). */
export function settle(loose: readonly LooseRow[], weights: readonly number[]): Stage {
  const common = loose.reduce((multiple, { total }) => lcm(multiple, total), 1n);
  const raised = loose.map(({ entries, total }) => entries.map((e) => e * (common / total)));
  const divisor = raised.flat().reduce(gcd, 0n);
  const total = common / divisor;
  const reduced = raised.map((row) => row.map((entry) => entry / divisor));
  if (total <= TOTAL_MAX) return { rows: reduced, total, weights };
  return { rows: reduced.map((row) => apportion(row, total)), total: TOTAL_MAX, weights };
}

/** Largest remainders: shares of TOTAL_MAX that keep the row's sum. */
function apportion(row: Row, total: bigint): Row {
  const scaled = row.map((entry) => entry * TOTAL_MAX);
  const shares = scaled.map((entry) => entry / total);
  const missing = Number(TOTAL_MAX - shares.reduce((sum, share) => sum + share, 0n));
  const byRemainder = scaled
    .map((entry, index) => ({ remainder: entry % total, index }))
    .sort((a, b) =>
      a.remainder === b.remainder ? a.index - b.index : a.remainder < b.remainder ? 1 : -1,
    );
  for (const { index } of byRemainder.slice(0, missing)) shares[index]! += 1n;
  return shares;
}

function lcm(a: bigint, b: bigint): bigint {
  assert(a > 0n && b > 0n, 'totals are positive');
  return (a / gcd(a, b)) * b;
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}
