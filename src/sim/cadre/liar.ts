/**
 * What a Byzantine seat has in hand. It runs the real replica; a lie stands between that and the
 * network, holds the seat's key, and replaces what is said. Everything that needs a signature gets
 * a good one: only the protocol can stop it.
 */
import type { Message, SignedMessage } from '../../consensus/messages.ts';
import type { CadreSeats } from '../../consensus/seats.ts';
import { signedPart } from '../../consensus/signature-checks.ts';
import type { SeededRandom } from '../seeded-random.ts';

export interface Liar {
  readonly seats: CadreSeats;
  readonly random: SeededRandom;
  sign(message: Uint8Array): Uint8Array;
}

export interface Lie {
  /** What is sent to this seat instead of the message; [] for nothing. */
  say(to: number, message: Message): readonly (Message | Uint8Array)[];
  /** Everything that its replica receives passes here first. */
  hear?(message: Message): void;
}

/** The message with a signature that fits what it says now. */
export function signedAgain<M extends SignedMessage>(liar: Liar, message: M, epoch = 0): M {
  const domain = { ...liar.seats, epoch: liar.seats.epoch + epoch };
  return { ...message, sig: liar.sign(signedPart(domain, message).message) };
}

/** One decision per name, kept: what a seat was told once it is told again. */
export function stableChoice(random: SeededRandom, chance: number): (name: string) => boolean {
  const chosen = new Map<string, boolean>();
  return (name) => {
    let choice = chosen.get(name);
    if (choice === undefined) {
      choice = random.chance(chance);
      chosen.set(name, choice);
    }
    return choice;
  };
}
