/**
 * How a job ended, according to its judges: believed when f + 1 of them say the same bytes. The
 * certificate itself needs no votes: it is verified.
 */
import { toHex } from '../base/bytes.ts';
import type { PeerId } from '../base/ids.ts';
import { sha256 } from '../crypto/portable/hash.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type { Outcome } from './job-messages.ts';

export interface BelievedOutcome {
  readonly outcome: Outcome;
  /** Who said so, in the order of arrival. */
  readonly judges: readonly PeerId[];
}

export class OutcomeVotes {
  readonly #believed: number;
  readonly #keys = new Map<PeerId, string>();

  /** `believed`: equal statements that are needed, f + 1. */
  constructor(believed: number) {
    this.#believed = believed;
  }

  /** Books a judge's first statement; returns the outcome once enough agree. */
  add(judge: PeerId, outcome: Outcome): BelievedOutcome | undefined {
    if (this.#keys.has(judge)) return undefined;
    const key = toHex(sha256(encodeCanonical(outcome)));
    this.#keys.set(judge, key);
    const judges = [...this.#keys.keys()].filter((other) => this.#keys.get(other) === key);
    return judges.length === this.#believed ? { outcome, judges } : undefined;
  }

  /** How many judges have spoken at all. */
  get count(): number {
    return this.#keys.size;
  }
}
