/**
 * How long a quorum takes to answer: the time from a proposal of ours to each seat's vote for it,
 * which holds the round trip, the check of the payload and the voter's sync. The base timer follows
 * it. A quorum's answer counts, so that f seats which answer late on purpose stretch nothing. Pure
 * but for its own memory; the caller tells the time. Design consensus.md section 1.6.
 */
import type { Occupancy } from './occupancy.ts';
import type { PacemakerOptions } from './pacemaker.ts';
import { quorumOf } from './seats.ts';

/** Answers of one seat that count, the newest ones. */
export const SAMPLES_PER_SEAT_MAX = 20;
/** Proposals whose answers are awaited; the oldest is forgotten. */
export const PROPOSALS_AWAITED_MAX = 16;
/** Round trips that a round may take: a proposal, its votes, and what is lost and sent again. */
const TRIPS_PER_ROUND = 6;

export class RoundTrips {
  readonly #seatCount: number;
  /** By seat, newest last, ms. Our own seat answers itself at once. */
  readonly #samples: number[][];
  /** When each of our proposals left, by the key of its block. */
  readonly #askedMs = new Map<string, number>();

  constructor(seatCount: number) {
    this.#seatCount = seatCount;
    this.#samples = Array.from({ length: seatCount }, () => []);
  }

  get occupancy(): Occupancy {
    return { proposalsAwaited: this.#askedMs.size };
  }

  asked(blockKey: string, nowMs: number): void {
    if (this.#askedMs.has(blockKey)) return;
    this.#askedMs.set(blockKey, nowMs);
    if (this.#askedMs.size <= PROPOSALS_AWAITED_MAX) return;
    this.#askedMs.delete(this.#askedMs.keys().next().value!);
  }

  /** Only votes for what we proposed tell anything; a repeated one is told apart by the caller. */
  answered(blockKey: string, seat: number, nowMs: number): void {
    const askedMs = this.#askedMs.get(blockKey);
    const samples = this.#samples[seat];
    if (askedMs === undefined || samples === undefined) return;
    samples.push(nowMs - askedMs);
    if (samples.length > SAMPLES_PER_SEAT_MAX) samples.shift();
  }

  /** T0 in ms: the configured one, or six times what a quorum needs, below the longest timer. */
  timeoutBaseMs(self: number, options: PacemakerOptions): number {
    const tripsMs = this.#samples
      .map((samples, seat) => (seat === self ? 0 : percentile95(samples)))
      .sort((a, b) => a - b);
    const quorumMs = tripsMs[quorumOf(this.#seatCount) - 1]!;
    // A quorum has not answered yet: nothing is known.
    if (quorumMs === Infinity) return options.timeoutBaseMs;
    const measuredMs = TRIPS_PER_ROUND * quorumMs;
    return Math.min(Math.max(options.timeoutBaseMs, measuredMs), options.timeoutMaxMs);
  }
}

/** The nearest rank at or above 95 of 100; without samples nobody knows. */
function percentile95(samples: readonly number[]): number {
  if (samples.length === 0) return Infinity;
  const rising = samples.toSorted((a, b) => a - b);
  return rising[Math.ceil(0.95 * rising.length) - 1]!;
}
