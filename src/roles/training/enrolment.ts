/** Who takes part in a training: the first that ask, as long as they send. */
import type { PeerId } from '../../base/ids.ts';

/** Rounds in a row that a client may miss before its seat is free. */
export const MISSED_ROUNDS_MAX = 2;

export class Enrolment {
  readonly #seats: number;
  /** Rounds missed in a row, by client. */
  readonly #missed = new Map<PeerId, number>();

  constructor(seats: number) {
    this.#seats = seats;
  }

  get size(): number {
    return this.#missed.size;
  }

  get peers(): readonly PeerId[] {
    return [...this.#missed.keys()];
  }

  has(peer: PeerId): boolean {
    return this.#missed.has(peer);
  }

  /** False when every seat is taken by others. */
  add(peer: PeerId): boolean {
    if (this.#missed.has(peer)) return true;
    if (this.#missed.size >= this.#seats) return false;
    this.#missed.set(peer, 0);
    return true;
  }

  /** A round has closed with updates of these clients. */
  close(counted: ReadonlySet<PeerId>): void {
    for (const [peer, missed] of this.#missed) {
      if (counted.has(peer)) this.#missed.set(peer, 0);
      else if (missed + 1 < MISSED_ROUNDS_MAX) this.#missed.set(peer, missed + 1);
      else this.#missed.delete(peer);
    }
  }
}
