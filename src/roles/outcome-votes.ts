/**
 * How a job ended, according to its judges: believed when f + 1 of them say the same bytes. The
 * certificate itself needs no votes: it is verified.
 */
import { toHex } from '../base/bytes.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import { sha256 } from '../crypto/portable/hash.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type { Outcome } from './job-messages.ts';

export interface BelievedOutcome {
  readonly outcome: Outcome;
  /** Where certificates are offered, in the order of arrival. */
  readonly certificates: readonly {
    readonly judge: PeerId;
    readonly root: Digest;
    readonly bytes: number;
  }[];
}

interface Statement {
  readonly key: string;
  readonly outcome: Outcome;
  readonly root: Digest;
  readonly bytes: number;
}

export class OutcomeVotes {
  readonly #believed: number;
  readonly #statements = new Map<PeerId, Statement>();

  constructor(believed: number) {
    this.#believed = believed;
  }

  /** Books a judge's first statement; returns the outcome once enough agree. */
  add(
    judge: PeerId,
    statement: { readonly outcome: Outcome; readonly root: Digest; readonly bytes: number },
  ): BelievedOutcome | undefined {
    if (this.#statements.has(judge)) return undefined;
    const key = toHex(sha256(encodeCanonical(statement.outcome)));
    this.#statements.set(judge, { key, ...statement });
    const same = [...this.#statements].filter(([, other]) => other.key === key);
    if (same.length !== this.#believed) return undefined;
    const certificates = same.map(([peer, { root, bytes }]) => ({ judge: peer, root, bytes }));
    return { outcome: statement.outcome, certificates };
  }

  /** How many judges have spoken at all. */
  get count(): number {
    return this.#statements.size;
  }
}
