/**
 * Finds a cadre that runs in circles: the same state, as the wire shows it, over and over, and
 * nothing committed in between. Rounds grow for ever, so they are compared by rank: who is ahead of
 * whom, and whose certificate is the older one. Time plays no part, hence no bound that a slow but
 * live world could miss (design consensus.md section 3.2; arXiv 2310.09006 found livelocks so).
 */
import { type Fields, numberAt } from '../wire-reader.ts';

/** A state is a circle when it comes back so often. */
const REPEATS_MAX = 6;

export class Lasso {
  readonly #last = new Map<string, readonly number[]>();
  readonly #seen = new Map<string, number>();
  readonly #seats: number;
  #turn = 0;

  constructor(seats: number) {
    this.#seats = seats;
  }

  /** Something was committed: whatever was seen leads somewhere. */
  progressed(): void {
    this.#seen.clear();
  }

  /** A message of an honest member; true when the cadre runs in circles. */
  sent(machine: number, message: Fields): boolean {
    const round = numberAt(message, 'round');
    switch (message.kind) {
      case 'vote':
        this.#last.set(`${machine} vote`, [round, numberAt(message, 'parentRound')]);
        return false;
      case 'commit':
        this.#last.set(`${machine} commit`, [round]);
        return false;
      case 'timeout':
        this.#last.set(`${machine} timeout`, [round, numberAt(message, 'highQcRound')]);
        return this.#turned(round);
      default:
        return false;
    }
  }

  /** Looks at the state once in every rotation of the leaders. */
  #turned(round: number): boolean {
    const turn = Math.floor(round / this.#seats);
    if (turn <= this.#turn) return false;
    this.#turn = turn;
    const ranks = [...new Set([...this.#last.values()].flat())].sort((a, b) => a - b);
    const state = [...this.#last]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, rounds]) => `${name} ${rounds.map((value) => ranks.indexOf(value))}`)
      .join();
    const times = (this.#seen.get(state) ?? 0) + 1;
    this.#seen.set(state, times);
    return times >= REPEATS_MAX;
  }
}
