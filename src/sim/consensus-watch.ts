/**
 * Invariants I1 to I6 of consensus.md section 3.2, and "persist, then speak", judged from outside:
 * from what honest members sign, send and log. Nothing here uses `src/consensus`.
 */
import { toHex } from '../base/bytes.ts';
import type { Packet } from './sim-hub.ts';
import { type Signing, textOf } from './sim-keys.ts';
import type { SimNode } from './sim-node.ts';
import type { LogLine, WorldObserver } from './sim-world.ts';
import {
  blockIdOf,
  type Fields,
  fieldsAt,
  hexAt,
  numberAt,
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

export class ConsensusWatch implements WorldObserver {
  readonly faults: string[] = [];
  readonly #chains = new Map<string, Chain>();
  readonly #deliveries = new Map<string, Delivery>();
  /** I3: what every honest key signed, by key, kind and round. */
  readonly #signed = new Map<string, string>();
  /** By key: the highest round given up, and the highest commit-voted. */
  readonly #pasts = new Map<string, { timedOut: number; committed: number }>();
  /** Sent messages that were looked at. */
  readonly #seen = new Set<string>();
  readonly #isHonest: (node: SimNode) => boolean;

  constructor(isHonest: (node: SimNode) => boolean) {
    this.#isHonest = isHonest;
  }

  /** The final blocks of a plan in order of height, as far as they were seen without a gap. */
  finalBlocks(planId: string): BlockFacts[] {
    const chain = this.#chainOf(planId);
    const blocks: BlockFacts[] = [];
    for (let height = 1; ; height++) {
      const block = chain.blocks.get(chain.finals.get(height) ?? '');
      if (block === undefined) return blocks;
      blocks.push(block);
    }
  }

  /** I3: one honest key never signs two different messages of one kind and round. */
  signed(node: SimNode, { publicKey, message }: Signing): void {
    const signed = this.#isHonest(node) ? readSigned(message) : undefined;
    if (signed === undefined) return;
    // A proposal is signed by its id alone: its round is looked at when it is sent.
    const body = signed.tag === 'PROPOSAL' ? undefined : readFields(signed.body);
    if (body === undefined) return;
    const key = toHex(publicKey);
    this.#checkOrder(node, key, { tag: signed.tag, body });
    const round = `${signed.tag} of round ${numberAt(body, 'round')}`;
    this.#once(`${key} ${round}`, toHex(signed.body), () => {
      return `I3: node ${node.index} signed two ${round}`;
    });
  }

  sent(from: SimNode, { protocol, kind, bytes }: Packet): void {
    if (protocol !== 'consensus' || kind !== 'message') return;
    const name = `${from.index} ${textOf(bytes)}`;
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    const planId = toHex(bytes.subarray(0, 32));
    const message = readFields(bytes.subarray(32));
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
    if (SIGNED_KINDS.has(String(message.kind))) this.#checkDurable(from, message, bytes);
    this.#note(from, planId, message);
  }

  /** I1, I2, I6: deliveries come once, in order, from the first block on, and agree. */
  logged(node: SimNode, { event, fields }: LogLine): void {
    if (!this.#isHonest(node)) return;
    if (NEVER_LOGGED.has(event)) {
      this.faults.push(`node ${node.index} logs ${event}: ${fields.message ?? fields.reason}`);
    }
    if (event !== 'block-final') return;
    const planId = String(fields.planId);
    const height = Number(fields.height);
    const delivery = this.#deliveryOf(node, planId);
    if (height !== delivery.height + 1) {
      this.faults.push(`I6: node ${node.index} delivers ${height} after ${delivery.height}`);
    }
    delivery.height = height;
    this.#finalise(planId, height, { id: String(fields.blockId), rule: 'I1' });
  }

  /**
   * The signing rules of consensus.md section 1.4 as they show from outside: no vote and no commit
   * vote in a round that was given up, no timeout that hides what was commit-voted.
   */
  #checkOrder(node: SimNode, key: string, signed: { tag: string; body: Fields }): void {
    const past = this.#pasts.get(key) ?? { timedOut: 0, committed: 0 };
    this.#pasts.set(key, past);
    const round = numberAt(signed.body, 'round');
    const name = `node ${node.index} signed a ${signed.tag} of round ${round}`;
    if (signed.tag === 'TIMEOUT') {
      const reported = numberAt(signed.body, 'highQcRound');
      if (reported < past.committed) {
        this.faults.push(`I10: ${name} that reports ${reported} below ${past.committed}`);
      }
      past.timedOut = Math.max(past.timedOut, round);
      return;
    }
    if (round <= past.timedOut) this.faults.push(`I10: ${name} after giving up ${past.timedOut}`);
    if (signed.tag === 'COMMIT') past.committed = Math.max(past.committed, round);
  }

  #chainOf(planId: string): Chain {
    let chain = this.#chains.get(planId);
    if (chain === undefined) {
      chain = { finals: new Map(), certified: new Map(), blocks: new Map() };
      this.#chains.set(planId, chain);
    }
    return chain;
  }

  #deliveryOf(node: SimNode, planId: string): Delivery {
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
  #checkKept(node: SimNode, planId: string): void {
    const { height, promised } = this.#deliveryOf(node, planId);
    if (height < promised) this.faults.push(`I2: node ${node.index} forgot height ${promised}`);
  }

  /** Persist, then speak. */
  #checkDurable(node: SimNode, message: Fields, bytes: Uint8Array): void {
    if (node.disk.holds(bytes.subarray(32))) return;
    this.faults.push(`I9: node ${node.index} sent a ${message.kind} that is not durable`);
  }

  #note(from: SimNode, planId: string, message: Fields): void {
    const block = message.kind === 'proposal' ? fieldsAt(message, 'block') : undefined;
    if (block !== undefined) this.#noteProposal(from, planId, block);
    if (message.kind === 'blocks' && Array.isArray(message.blocks)) {
      for (const fetched of message.blocks) this.#noteBlock(planId, fetched as Fields);
    }
    const qcs = [fieldsAt(message, 'highQc'), fieldsAt(message, 'qc')];
    for (const qc of qcs) if (qc !== undefined) this.#noteQc(planId, qc);
  }

  #noteProposal(from: SimNode, planId: string, block: Fields): void {
    const { id, round } = this.#noteBlock(planId, block);
    const name = `${from.index} ${planId} PROPOSAL ${round}`;
    this.#once(name, id, () => `I3: node ${from.index} proposed twice in round ${round}`);
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

  #once(name: string, value: string, fault: () => string): void {
    const before = this.#signed.get(name);
    if (before !== undefined && before !== value) this.faults.push(fault());
    this.#signed.set(name, value);
  }
}
