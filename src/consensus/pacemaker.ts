/**
 * How long a round may last. Rounds are entered on certificates only; a timer never changes the
 * round by itself. Backoff is bounded, so that nobody can push it to where nothing happens. Design
 * consensus.md section 1.6.
 */
import { assert } from '../base/errors.ts';
import type { Qc, Tc } from './types.ts';

export interface PacemakerOptions {
  /** T0 in ms until a longer one was measured (`round-trips.ts`). */
  readonly timeoutBaseMs: number;
  /** Tmax in ms. */
  readonly timeoutMaxMs: number;
  /** R: how often an unanswered timeout is sent again, ms, at most. */
  readonly rebroadcastMs: number;
  /** How long a leader waits for more payloads before it proposes, ms. */
  readonly batchDelayMs: number;
}

export const PACEMAKER_DEFAULTS: PacemakerOptions = {
  timeoutBaseMs: 500,
  timeoutMaxMs: 30_000,
  rebroadcastMs: 2_000,
  batchDelayMs: 2,
};

const GROWTH = 1.5;
/** Failed rounds before the timer grows at all (k0). */
const FREE_FAILURES = 2;
/** Beyond this many failures the timer is at its maximum whatever the base. */
const FAILURES_MAX = 64;

/** k_fail after entering a round: one up for a TC, one down for a QC. */
export function failuresAfter(failures: number, enteredBy: 'qc' | 'tc'): number {
  return enteredBy === 'tc' ? Math.min(failures + 1, FAILURES_MAX) : Math.max(failures - 1, 0);
}

/** T(r) = min(Tmax, T0 x 1.5^max(0, k_fail - 2)), in ms. */
export function roundTimeoutMs(failures: number, options: PacemakerOptions): number {
  let timeout = options.timeoutBaseMs;
  for (let k = FREE_FAILURES; k < failures && timeout < options.timeoutMaxMs; k++) {
    timeout *= GROWTH;
  }
  return Math.min(timeout, options.timeoutMaxMs);
}

/** R = min(T, 2 s): a timeout is repeated at this pace until the round ends. */
export function rebroadcastMs(failures: number, options: PacemakerOptions): number {
  return Math.min(roundTimeoutMs(failures, options), options.rebroadcastMs);
}

/** The round that these certificates prove: one above the higher of the two. */
export function provenRound(highQc: Qc, highTc: Tc | undefined): number {
  const round = Math.max(highQc.round, highTc?.round ?? 0) + 1;
  assert(Number.isSafeInteger(round), 'round overflow');
  return round;
}
