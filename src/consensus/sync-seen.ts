/**
 * After a restart: has this key signed anything that our log does not know? A rolled-back disk
 * cannot be seen locally, so q - 1 others are asked before the first new signature; a claim counts
 * only with the signed message attached. Design consensus.md section 1.10, step 2.
 */
import { accept, type Checked, refuse } from '../base/verdict.ts';
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type SignedMessage,
  type SyncInfo,
} from './messages.ts';
import type { Occupancy } from './occupancy.ts';
import type { SafetyState } from './safety-rules.ts';
import { type CadreSeats, quorumOf } from './seats.ts';
import { type Check, signedPart } from './signature-checks.ts';

type Seen = Exclude<SignedMessage, { kind: 'proposal' }>;

export interface SyncSeenComponents {
  readonly seats: CadreSeats;
  check(checks: readonly Check[]): Promise<boolean>;
  /** Our own safety state now. */
  safety(): SafetyState;
}

export class SyncSeen {
  readonly #world: SyncSeenComponents;
  /** The newest checked vote, timeout and commit vote of every seat. */
  readonly #newest = new Map<string, Seen>();
  readonly #clearedBy = new Set<number>();

  constructor(components: SyncSeenComponents) {
    this.#world = components;
  }

  /** Remembers a checked message for its signer's restart. */
  note(message: SignedMessage | SyncInfo): void {
    if (message.kind === 'proposal' || message.kind === 'sync') return;
    const name = `${message.voter} ${message.kind}`;
    if (message.round >= (this.#newest.get(name)?.round ?? 0)) this.#newest.set(name, message);
  }

  get occupancy(): Occupancy {
    return { seen: this.#newest.size };
  }

  answerTo(seat: number): Message {
    const kinds = ['vote', 'timeout', 'commit'] as const;
    const found = kinds.map((kind) => this.#newest.get(`${seat} ${kind}`));
    const messages = found.filter((message) => message !== undefined).map(encodeMessage);
    return { kind: 'seen', messages };
  }

  /** Enough others have answered: none of them knows more of this key than our log. */
  get isCleared(): boolean {
    return this.#clearedBy.size >= quorumOf(this.#world.seats.seats.length) - 1;
  }

  hasAnswered(seat: number): boolean {
    return this.#clearedBy.has(seat);
  }

  /** Judges an answer: `disowned` when it proves that our log is not the whole story. */
  async onSeen(
    from: number,
    answers: readonly Uint8Array[],
  ): Promise<Checked<'clear' | 'disowned'>> {
    for (const bytes of answers) {
      const claim = await this.#checkClaim(bytes);
      if (!claim.ok) return claim;
      if (isUnknownToLog(this.#world.safety(), claim.value)) return accept('disowned');
    }
    this.#clearedBy.add(from);
    return accept('clear');
  }

  async #checkClaim(bytes: Uint8Array): Promise<Checked<Seen>> {
    const claim = decodeMessage(bytes);
    if (!claim.ok) return claim;
    const claimed = claim.value;
    if (claimed.kind !== 'vote' && claimed.kind !== 'timeout' && claimed.kind !== 'commit') {
      return refuse('seen-kind');
    }
    const { seats } = this.#world;
    const part = signedPart(seats, claimed);
    const isOurs = part.seat === seats.self && claimed.epoch === seats.epoch;
    return isOurs && (await this.#world.check([part])) ? accept(claimed) : refuse('seen-signature');
  }
}

function isUnknownToLog(safety: SafetyState, message: Seen): boolean {
  switch (message.kind) {
    case 'vote':
      return message.round > safety.lastVotedRound;
    case 'timeout':
      return message.round > safety.highestTimeoutRound;
    case 'commit':
      return message.round > safety.lastCommitRound;
  }
}
