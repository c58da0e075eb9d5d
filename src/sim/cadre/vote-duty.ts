/**
 * I15: whoever holds a justified block of its round votes for it. A replica that asks for more than
 * consensus.md section 1.4 does (the tempting "not below my lock") stays safe and loses liveness,
 * but only under schedules that no time bound tells from bad luck; a refusal shows at once.
 */
import { blockIdOf, type Fields, fieldsAt, hexAt, numberAt } from '../wire-reader.ts';

/** Long enough for anything that a member does before it votes, ms. */
const REACTION_MS = 60;

interface HeldBlock {
  readonly parentId: string;
  readonly atMs: number;
}

interface Offer {
  readonly id: string;
  readonly atMs: number;
}

export class VoteDuty {
  /** By machine: blocks that it was sent, payloads that it was given, justified offers by round. */
  readonly #blocks = new Map<string, HeldBlock>();
  readonly #offers = new Map<string, Offer>();
  readonly #voted = new Set<string>();
  readonly #genesisId: string;

  constructor(genesisId: string) {
    this.#genesisId = genesisId;
  }

  /** A proposal arrived; `hasPayloads`: the machine was given everything that the block names. */
  arrived(machine: number, message: Fields, at: { atMs: number; hasPayloads: boolean }): void {
    const block = fieldsAt(message, 'block');
    if (block === undefined || !at.hasPayloads) return;
    const id = blockIdOf(block);
    const round = numberAt(block, 'round');
    const parentId = hexAt(block, 'parentId');
    this.#blocks.set(`${machine} ${id}`, { parentId, atMs: at.atMs });
    if (!isJustified(block, message)) return;
    const name = `${machine} ${round}`;
    if (!this.#offers.has(name)) this.#offers.set(name, { id, atMs: at.atMs });
  }

  voted(machine: number, round: number): void {
    this.#voted.add(`${machine} ${round}`);
  }

  /** A machine gives a round up; true when it had every reason to vote in it and did not. */
  neglected(machine: number, round: number, nowMs: number): boolean {
    const name = `${machine} ${round}`;
    const offer = this.#offers.get(name);
    if (offer === undefined || this.#voted.has(name)) return false;
    if (nowMs - offer.atMs < REACTION_MS) return false;
    return this.#holdsChain(machine, offer.id, nowMs - REACTION_MS);
  }

  /** Down to a block on the genesis, which stands at round 0. */
  #holdsChain(machine: number, id: string, byMs: number): boolean {
    for (let at = id; ; ) {
      const block = this.#blocks.get(`${machine} ${at}`);
      if (block === undefined) return at === this.#genesisId;
      if (block.atMs > byMs) return false;
      at = block.parentId;
    }
  }
}

/** Its certificate is of the round before, or a timeout certificate reports none above it. */
export function isJustified(block: Fields, message: Fields): boolean {
  const round = numberAt(block, 'round');
  const parentRound = numberAt(fieldsAt(block, 'qc') ?? {}, 'round');
  if (parentRound + 1 === round) return true;
  const tc = fieldsAt(message, 'tc');
  if (tc === undefined || numberAt(tc, 'round') + 1 !== round) return false;
  const reported = Array.isArray(tc.highQcRounds) ? (tc.highQcRounds as number[]) : [];
  return reported.length > 0 && reported.every((high) => high <= parentRound);
}
