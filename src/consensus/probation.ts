/**
 * After a restart: has this key signed anything that our log does not know? A rolled-back disk
 * cannot be seen locally, so q - 1 others are asked before the first new signature; a claim counts
 * only with the signed message attached. Design consensus.md section 1.10, step 2.
 */
import { encodeMessage, type Message, type SignedMessage } from './messages.ts';
import type { SafetyState } from './safety-rules.ts';
import { type CadreSeats, quorumOf } from './seats.ts';

type Seen = Exclude<SignedMessage, { kind: 'proposal' }>;

/** The newest checked vote, timeout and commit vote of every seat. */
export class SeenMessages {
  readonly #newest = new Map<string, Seen>();

  note(message: SignedMessage): void {
    if (message.kind === 'proposal') return;
    const name = `${message.voter} ${message.kind}`;
    if (message.round >= (this.#newest.get(name)?.round ?? 0)) this.#newest.set(name, message);
  }

  answerTo(seat: number): Message {
    const kinds = ['vote', 'timeout', 'commit'] as const;
    const found = kinds.map((kind) => this.#newest.get(`${seat} ${kind}`));
    const messages = found.filter((message) => message !== undefined).map(encodeMessage);
    return { kind: 'seen', messages };
  }
}

/** True when a message of our own key is news to our log. */
export function isUnknownToLog(safety: SafetyState, message: SignedMessage): boolean {
  switch (message.kind) {
    case 'vote':
      return message.round > safety.lastVotedRound;
    case 'timeout':
      return message.round > safety.highestTimeoutRound;
    case 'commit':
      return message.round > safety.lastCommitRound;
    case 'proposal':
      return message.block.round > safety.lastProposedRound;
  }
}

/** Others that must have answered before we sign again. */
export function answersNeeded(seats: CadreSeats): number {
  return quorumOf(seats.seats.length) - 1;
}
