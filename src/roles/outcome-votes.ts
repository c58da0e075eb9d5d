/**
 * How a job ended, according to its judges: believed when f + 1 of them say the same bytes. The
 * certificate itself needs no votes: it is verified.
 */
import { toHex } from '../base/bytes.ts';
import type { PeerId } from '../base/ids.ts';
import type { Checked } from '../base/verdict.ts';
import type { EpochLink } from '../certificate/epochs.ts';
import { sha256 } from '../crypto/portable/hash.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type { Outcome } from './job-messages.ts';
import type { JudgeList } from './judges.ts';

export interface BelievedOutcome {
  readonly outcome: Outcome;
  /** Who said so, in the order of arrival. */
  readonly judges: readonly PeerId[];
}

/** Who has a say. */
type Electors = Pick<JudgeList, 'believed' | 'has' | 'adopt'>;

export class OutcomeVotes {
  readonly #judges: Electors;
  readonly #keys = new Map<PeerId, string>();

  constructor(judges: Electors) {
    this.#judges = judges;
  }

  /** Books a judge's first statement; returns the outcome once enough agree. */
  add(judge: PeerId, outcome: Outcome): BelievedOutcome | undefined {
    if (!this.#judges.has(judge) || this.#keys.has(judge)) return undefined;
    const key = toHex(sha256(encodeCanonical(outcome)));
    this.#keys.set(judge, key);
    const judges = [...this.#keys.keys()].filter((other) => this.#keys.get(other) === key);
    return judges.length === this.#judges.believed ? { outcome, judges } : undefined;
  }

  /** Who is no judge any more has no say, and has had none. As of `JudgeList.adopt`. */
  adopt(from: PeerId, links: readonly EpochLink[]): Checked<readonly PeerId[]> {
    const gone = this.#judges.adopt(from, links);
    if (gone.ok) for (const judge of gone.value) this.#keys.delete(judge);
    return gone;
  }

  /** How many judges have spoken at all. */
  get count(): number {
    return this.#keys.size;
  }
}
