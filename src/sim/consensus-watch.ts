/**
 * Invariants I1 to I6 of consensus.md section 3.2, and "persist, then speak", judged from outside:
 * from what honest members sign, send and log. Nothing here uses `src/consensus`.
 */
import { toHex } from '../base/bytes.ts';
import type { Packet } from './sim-hub.ts';
import { type Signing, textOf } from './sim-keys.ts';
import type { LogLine } from './sim-world.ts';
import {
  blockIdOf,
  bytesAt,
  chainName,
  type Fields,
  fieldsAt,
  hexAt,
  numberAt,
  readEnvelope,
  readFields,
  readSigned,
} from './wire-reader.ts';

export interface BlockFacts {
  readonly id: string;
  readonly round: number;
  readonly height: number;
  readonly parentId: string;
  readonly payloads: readonly string[];
}

/** One plan's chain, put together from what was said about it. */
interface Chain {
  /** I1, I5: the one final block of a height. */
  readonly finals: Map<number, string>;
  /** I4: the one certified block of a round. */
  readonly certified: Map<number, string>;
  readonly blocks: Map<string, BlockFacts>;
}

/** What one member has delivered. */
interface Delivery {
  start: number;
  height: number;
  /** Reached before the last crash. */
  promised: number;
}

/** No honest member gives up, whatever others do and wherever its power was cut. */
const NEVER_LOGGED = new Set([
  'consensus.fatal',
  'consensus.listener',
  'consensus.disowned',
  'plan-not-resumed',
]);
/** Messages that are signed, hence must be durable before they are sent. */
const SIGNED_KINDS = new Set(['proposal', 'vote', 'timeout', 'commit']);

/** A machine as far as this looks at it: a whole node, or one that runs consensus alone. */
export interface Watched {
  readonly index: number;
  /** Which start of the machine this is, from 1. */
  readonly starts: number;
  readonly disk: { holds(bytes: Uint8Array): boolean };
}

export class ConsensusWatch<N extends Watched = Watched> {
  readonly faults: string[] = [];
  readonly #chains = new Map<string, Chain>();
  readonly #deliveries = new Map<string, Delivery>();
  /** I3, I10: what every honest key signed, in order. */
  readonly #signed = new Map<string, readonly Signed[]>();
  /** Signatures that have left their machine, and those that have not. */
  readonly #spoken = new Set<string>();
  readonly #unspoken = new Map<string, Signed>();
  /** I3: the one proposal of an honest leader, by plan and round. */
  readonly #proposed = new Map<string, string>();
  /** Sent messages that were looked at. */
  readonly #seen = new Set<string>();
  readonly #isHonest: (node: N) => boolean;

  constructor(isHonest: (node: N) => boolean) {
    this.#isHonest = isHonest;
  }

  /** The final blocks of a plan, epoch by epoch in order of height, as far as there is no gap. */
  finalBlocks(planId: string): BlockFacts[] {
    const blocks: BlockFacts[] = [];
    for (let epoch = 0; ; epoch++) {
      const chain = this.#chains.get(chainName(planId, epoch));
      if (chain === undefined) return blocks;
      for (let height = 1; ; height++) {
        const block = chain.blocks.get(chain.finals.get(height) ?? '');
        if (block === undefined) break;
        blocks.push(block);
      }
    }
  }

  /**
   * I3: one honest key never signs two different messages of one kind and round. What was signed
   * before a power cut and never left the machine does not count: it may be lost with the disk.
   */
  signed(node: N, { publicKey, message, signature }: Signing): void {
    const signed = this.#isHonest(node) ? readSigned(message) : undefined;
    // A proposal is signed by its id alone: its round is looked at when it is sent.
    if (signed === undefined || signed.tag === 'PROPOSAL') return;
    const body = readFields(signed.body);
    if (body === undefined) return;
    const pen: Signed = {
      key: `${textOf(publicKey)} ${signed.epoch}`,
      tag: signed.tag,
      round: numberAt(body, 'round'),
      reported: numberAt(body, 'highQcRound'),
      body: textOf(signed.body),
      signature: textOf(signature),
      start: node.starts,
    };
    const before = this.#signed.get(pen.key) ?? [];
    this.#judge(
      node,
      pen,
      before.filter((past) => past.start === pen.start || this.#spoken.has(past.signature)),
    );
    this.#signed.set(pen.key, [...before, pen]);
    this.#unspoken.set(pen.signature, pen);
  }

  sent(from: N, { protocol, kind, bytes }: Packet): void {
    if (protocol !== 'consensus' || kind !== 'message') return;
    const name = `${from.index} ${textOf(bytes)}`;
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    const { chain: planId, message: content } = readEnvelope(bytes);
    const message = readFields(content);
    if (!this.#isHonest(from)) {
      // Nothing in it is believed, but a final block may have been seen nowhere else.
      const block = message && fieldsAt(message, 'block');
      if (block !== undefined) this.#addBlock(planId, block);
      return;
    }
    if (message === undefined) {
      this.faults.push(`node ${from.index} sends what cannot be read`);
      return;
    }
    this.#checkKept(from, planId);
    if (SIGNED_KINDS.has(String(message.kind))) {
      this.#speak(from, textOf(bytesAt(message, 'sig')));
      this.#checkDurable(from, message, content);
    }
    this.#note(from, planId, message);
  }

  /** I1, I2, I6: deliveries come once, in order, from the first block on, and agree. */
  logged(node: N, { event, fields }: LogLine): void {
    if (!this.#isHonest(node)) return;
    if (NEVER_LOGGED.has(event)) {
      this.faults.push(`node ${node.index} logs ${event}: ${fields.message ?? fields.reason}`);
    }
    if (event !== 'block-final') return;
    const planId = chainName(String(fields.planId), Number(fields.epoch ?? 0));
    const height = Number(fields.height);
    const delivery = this.#deliveryOf(node, planId);
    if (height !== delivery.height + 1) {
      this.faults.push(`I6: node ${node.index} delivers ${height} after ${delivery.height}`);
    }
    delivery.height = height;
    this.#finalise(planId, height, { id: String(fields.blockId), rule: 'I1' });
  }

  /**
   * What was signed before a power cut may be sent after it, when the disk kept it: it is then
   * judged beside everything else that has left the machine, signed before it or since.
   */
  #speak(node: N, signature: string): void {
    const pen = this.#unspoken.get(signature);
    if (pen === undefined) return;
    this.#unspoken.delete(signature);
    const signed = this.#signed.get(pen.key) ?? [];
    const at = signed.indexOf(pen);
    const wasSpoken = (other: Signed) =>
      other.start !== pen.start && this.#spoken.has(other.signature);
    this.#judge(node, pen, signed.slice(0, at).filter(wasSpoken));
    for (const later of signed.slice(at + 1).filter(wasSpoken)) this.#judge(node, later, [pen]);
    this.#spoken.add(signature);
  }

  #judge(node: N, pen: Signed, before: readonly Signed[]): void {
    const name = `node ${node.index} signed a ${pen.tag} of round ${pen.round}`;
    if (before.some((past) => isSameSlot(past, pen) && past.body !== pen.body)) {
      this.faults.push(`I3: ${name} twice`);
    }
    const why = outOfOrder(before, pen);
    if (why !== undefined) this.faults.push(`I10: ${name} ${why}`);
  }

  #chainOf(planId: string): Chain {
    let chain = this.#chains.get(planId);
    if (chain === undefined) {
      chain = { finals: new Map(), certified: new Map(), blocks: new Map() };
      this.#chains.set(planId, chain);
    }
    return chain;
  }

  #deliveryOf(node: N, planId: string): Delivery {
    const name = `${node.index} ${planId}`;
    let delivery = this.#deliveries.get(name);
    if (delivery === undefined) {
      delivery = { start: node.starts, height: 0, promised: 0 };
      this.#deliveries.set(name, delivery);
    } else if (delivery.start !== node.starts) {
      const promised = Math.max(delivery.promised, delivery.height);
      Object.assign(delivery, { start: node.starts, height: 0, promised });
    }
    return delivery;
  }

  /** I2: a member that speaks after a restart has delivered again what it had delivered before. */
  #checkKept(node: N, planId: string): void {
    const { height, promised } = this.#deliveryOf(node, planId);
    if (height < promised) this.faults.push(`I2: node ${node.index} forgot height ${promised}`);
  }

  /** Persist, then speak. */
  #checkDurable(node: N, message: Fields, content: Uint8Array): void {
    if (node.disk.holds(content)) return;
    this.faults.push(`I9: node ${node.index} sent a ${message.kind} that is not durable`);
  }

  #note(from: N, planId: string, message: Fields): void {
    const block = message.kind === 'proposal' ? fieldsAt(message, 'block') : undefined;
    if (block !== undefined) this.#noteProposal(from, planId, block);
    if (message.kind === 'blocks' && Array.isArray(message.blocks)) {
      for (const fetched of message.blocks) this.#noteBlock(planId, fetched as Fields);
    }
    const qcs = [fieldsAt(message, 'highQc'), fieldsAt(message, 'qc')];
    for (const qc of qcs) if (qc !== undefined) this.#noteQc(planId, qc);
  }

  #noteProposal(from: N, planId: string, block: Fields): void {
    const { id, round } = this.#noteBlock(planId, block);
    const name = `${from.index} ${planId} ${round}`;
    if ((this.#proposed.get(name) ?? id) !== id) {
      this.faults.push(`I3: node ${from.index} proposed twice in round ${round}`);
    }
    this.#proposed.set(name, id);
  }

  #noteBlock(planId: string, block: Fields): BlockFacts {
    const qc = fieldsAt(block, 'qc');
    if (qc !== undefined) this.#noteQc(planId, qc);
    return this.#addBlock(planId, block);
  }

  #addBlock(planId: string, block: Fields): BlockFacts {
    const refs = Array.isArray(block.payloadRefs) ? (block.payloadRefs as Uint8Array[]) : [];
    const facts = {
      id: blockIdOf(block),
      round: numberAt(block, 'round'),
      height: numberAt(block, 'height'),
      parentId: hexAt(block, 'parentId'),
      payloads: refs.map(toHex),
    };
    this.#chainOf(planId).blocks.set(facts.id, facts);
    return facts;
  }

  /** I4: at most one certified block per round. I5: what the two-chain rule says is final, is. */
  #noteQc(planId: string, qc: Fields): void {
    const { certified, blocks } = this.#chainOf(planId);
    const round = numberAt(qc, 'round');
    const id = hexAt(qc, 'blockId');
    const other = certified.get(round);
    if (other !== undefined && other !== id) {
      this.faults.push(`I4: two certified blocks in round ${round}`);
    }
    certified.set(round, id);
    const parentRound = numberAt(qc, 'parentRound');
    const parent = blocks.get(certified.get(parentRound) ?? '');
    if (parent === undefined || parentRound < 1 || round !== parentRound + 1) return;
    this.#finalise(planId, parent.height, { id: parent.id, rule: 'I5' });
  }

  #finalise(planId: string, height: number, final: { readonly id: string; rule: string }): void {
    const { finals, blocks } = this.#chainOf(planId);
    const other = finals.get(height);
    if (other !== undefined && other !== final.id) {
      this.faults.push(`${final.rule}: two final blocks at height ${height}`);
    }
    finals.set(height, final.id);
    const below = finals.get(height - 1);
    const parentId = blocks.get(final.id)?.parentId;
    if (below !== undefined && parentId !== undefined && parentId !== below) {
      this.faults.push(`${final.rule}: height ${height} does not build on the final block below`);
    }
  }
}

/** One signature of a vote, a timeout or a commit vote. */
interface Signed {
  readonly key: string;
  readonly tag: string;
  readonly round: number;
  /** Round of the highest certificate that a timeout admits to know. */
  readonly reported: number;
  readonly body: string;
  readonly signature: string;
  /** The start of the machine that it was made in. */
  readonly start: number;
}

function isSameSlot(a: Signed, b: Signed): boolean {
  return a.tag === b.tag && a.round === b.round;
}

/**
 * The signing rules of consensus.md section 1.4 as they show from outside: no vote and no commit
 * vote in a round that was given up, no timeout that hides what was commit-voted.
 */
function outOfOrder(
  before: readonly Signed[],
  { tag, round, reported }: Signed,
): string | undefined {
  const highest = (of: string) =>
    before.reduce((most, past) => (past.tag === of ? Math.max(most, past.round) : most), 0);
  if (tag === 'TIMEOUT') {
    const committed = highest('COMMIT');
    return reported < committed ? `that reports ${reported} below ${committed}` : undefined;
  }
  const timedOut = highest('TIMEOUT');
  return round <= timedOut ? `after giving up ${timedOut}` : undefined;
}
