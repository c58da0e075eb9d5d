/**
 * I7: no map or queue of an honest member outgrows its declared bound, whatever others send. The
 * bounds are written down a second time here, because a bound that is gone from the code must not
 * take the check along.
 */
import type { SeatMachine } from './seat-machine.ts';

/** n seats, and r rounds that a quorum has certified since the last final one. */
interface StateBound {
  readonly text: string;
  of(n: number, r: number): number;
}

const atMost = (max: number): StateBound => ({ text: max.toLocaleString('en'), of: () => max });
const ofEachSeat = (max: number): StateBound => ({
  text: max === 1 ? 'n' : `${max} n`,
  of: (n) => max * n,
});

export const STATE_BOUNDS: Readonly<Record<string, StateBound>> = {
  voteRounds: atMost(32),
  votesOfRound: ofEachSeat(1),
  timeoutRounds: atMost(4),
  timeoutsOfRound: ofEachSeat(1),
  commitRounds: atMost(32),
  commitVotesOfRound: ofEachSeat(1),
  // Side branches are cut beyond 64; the certified branch is a quorum's doing.
  blocks: { text: '65 + r', of: (_, r) => 65 + r },
  blocksWaiting: atMost(64),
  proposals: ofEachSeat(1),
  payloads: atMost(4_096),
  evidence: atMost(512),
  witnessed: { text: 'n − 1', of: (n) => n - 1 },
  certifiedRounds: { text: 'r', of: (_, r) => r },
  earlyMessages: atMost(1_024),
  blockFetches: atMost(64),
  payloadFetches: atMost(64),
  inflight: { text: '256 (n − 1)', of: (n) => 256 * (n - 1) },
  seen: ofEachSeat(3),
  proposalsAwaited: atMost(16),
  signaturesCached: atMost(16_384),
  archivedBlocks: atMost(1_536),
  servedPeers: ofEachSeat(1),
};

export class BoundsWatch {
  readonly #faults: string[];
  readonly #seats: number;
  /** The most that was ever seen, by name. */
  readonly peaks = new Map<string, number>();

  constructor(init: { readonly faults: string[]; readonly seats: number }) {
    this.#faults = init.faults;
    this.#seats = init.seats;
  }

  look({ driver, index }: SeatMachine): void {
    if (driver === undefined) return;
    const occupancy = driver.occupancy;
    const { roundsToFinal = 0 } = occupancy;
    for (const [name, bound] of Object.entries(STATE_BOUNDS)) {
      const entries = occupancy[name];
      const max = bound.of(this.#seats, roundsToFinal);
      if (entries === undefined) this.#faults.push(`I7: nobody counts ${name}`);
      else if (entries > max) {
        this.#faults.push(`I7: machine ${index} holds ${entries} ${name}, more than ${max}`);
      }
      this.peaks.set(name, Math.max(this.peaks.get(name) ?? 0, entries ?? 0));
    }
  }
}
