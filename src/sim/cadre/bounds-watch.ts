/**
 * I7: no map or queue of an honest member outgrows its declared bound, whatever others send. The
 * bounds are written down a second time here, because a bound that is gone from the code must not
 * take the check along.
 */
import type { SeatMachine } from './seat-machine.ts';

/** Given the seats and the rounds that a quorum certified since the last final one. */
type Bound = (seats: number, roundsToFinal: number) => number;

const BOUNDS: Readonly<Record<string, Bound>> = {
  voteRounds: () => 32,
  votesOfRound: (seats) => seats,
  timeoutRounds: () => 4,
  timeoutsOfRound: (seats) => seats,
  commitRounds: () => 32,
  commitVotesOfRound: (seats) => seats,
  // Side branches are cut beyond 64; the certified branch is a quorum's doing.
  blocks: (_, roundsToFinal) => 65 + roundsToFinal,
  blocksWaiting: () => 64,
  proposals: (seats) => seats,
  payloads: () => 4_096,
  evidence: () => 512,
  witnessed: (seats) => seats - 1,
  certifiedRounds: (_, roundsToFinal) => roundsToFinal,
  earlyMessages: () => 1_024,
  blockFetches: () => 64,
  payloadFetches: () => 64,
  inflight: (seats) => 256 * (seats - 1),
  seen: (seats) => 3 * seats,
  proposalsAwaited: () => 16,
  signaturesCached: () => 16_384,
  archivedBlocks: () => 1_536,
  servedPeers: (seats) => seats,
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
    for (const [name, bound] of Object.entries(BOUNDS)) {
      const entries = occupancy[name];
      const max = bound(this.#seats, roundsToFinal);
      if (entries === undefined) this.#faults.push(`I7: nobody counts ${name}`);
      else if (entries > max) {
        this.#faults.push(`I7: machine ${index} holds ${entries} ${name}, more than ${max}`);
      }
      this.peaks.set(name, Math.max(this.peaks.get(name) ?? 0, entries ?? 0));
    }
  }
}
