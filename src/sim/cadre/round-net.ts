/**
 * A network that takes sides round by round, as the one of the Twins paper does: who hears whom is
 * decided by the round that a message is about, not by the clock. That is what hides a certificate
 * from all but one seat, round after round, which no random loss does.
 */
import type { Message } from '../../consensus/messages.ts';
import type { SeededRandom } from '../seeded-random.ts';

/** May this message pass from one machine to another? By index. */
export type RoundRule = (from: number, to: number, kind: Message['kind']) => boolean;

/** Everything passes. */
export const OPEN: RoundRule = () => true;

export class RoundNet {
  readonly #rules = new Map<number, RoundRule>();
  readonly #make: (round: number) => RoundRule;
  #isOpen = false;

  constructor(make: (round: number) => RoundRule) {
    this.#make = make;
  }

  /** From now on everything passes. */
  open(): void {
    this.#isOpen = true;
  }

  lets(round: number, from: number, to: number, kind: Message['kind']): boolean {
    if (this.#isOpen || from === to) return true;
    let rule = this.#rules.get(round);
    if (rule === undefined) {
      rule = this.#make(round);
      this.#rules.set(round, rule);
    }
    return rule(from, to, kind);
  }
}

/** Rules drawn from chance, for this share of rounds. */
export function drawnRules(random: SeededRandom, machines: number, share: number) {
  return (): RoundRule => (random.chance(share) ? drawRule(random, machines) : OPEN);
}

/**
 * Certificates that one machine after the other hides: it alone hears a round's votes, and is not
 * heard. Nobody helps by certificates alone, so timeouts carry all that is known.
 */
export function hidingRules(random: SeededRandom, machines: number) {
  return (): RoundRule => {
    const chosen = random.integer(machines);
    return (from, to, kind) =>
      kind === 'vote' ? to === chosen : kind !== 'sync' && from !== chosen;
  };
}

function drawRule(random: SeededRandom, machines: number): RoundRule {
  const chosen = random.integer(machines);
  switch (random.integer(5)) {
    case 0:
      return groupsRule(Array.from({ length: machines }, () => random.integer(2)));
    case 1:
      // One machine alone learns what was certified, and tells nobody.
      return (from, to, kind) => (kind === 'vote' ? to === chosen : from !== chosen);
    case 2:
      return (_, to, kind) => kind !== 'commit' || to === chosen;
    case 3:
      // One way: it hears and is not heard, or the other way round.
      return random.chance(0.5) ? (from) => from !== chosen : (_, to) => to !== chosen;
    default: {
      const loss = 0.2 + random.next() * 0.5;
      return () => !random.chance(loss);
    }
  }
}

/** Machines hear those of their own group. */
export function groupsRule(groups: readonly number[]): RoundRule {
  return (from, to) => groups[from] === groups[to];
}
