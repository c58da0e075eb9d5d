/**
 * Members of a cadre that lie. A two-faced one shows two blocks of one round to whom it likes,
 * votes for both, and hands out certificates with a flipped bit; a silent one holds its seat and
 * says nothing. Everything they send is properly signed: only the rules can stop it.
 */
import { concatBytes, equalBytes, toHex } from '../base/bytes.ts';
import { DIGEST_BYTES, type PeerId } from '../base/ids.ts';
import type { Network, ProtocolHandler, Signer } from '../base/ports.ts';
import {
  blockId,
  decodeMessage,
  encodeMessage,
  type MessageOf,
  proposalSigningBytes,
  voteSigningBytes,
} from '../consensus/messages.ts';
import type { Domain } from '../consensus/seats.ts';
import type { Block } from '../consensus/types.ts';
import { ENVELOPE_BYTES } from '../roles/envelope.ts';
import {
  decodeMessage as decodeJobMessage,
  encodeMessage as encodeJobMessage,
  jobAnswerShape,
} from '../roles/job-messages.ts';
import type { NodeHooks } from './node-hooks.ts';
import type { SeededRandom } from './seeded-random.ts';
import { silentNetwork, wrapNetwork } from './worker-behaviours.ts';

export const MEMBER_BEHAVIOURS = ['two-faced', 'silent'] as const;
export type MemberBehaviour = (typeof MEMBER_BEHAVIOURS)[number];

/** The keys that it made, each with the domain that it signs in once that is known. */
export interface PlanPen {
  readonly signer: Signer;
  readonly domain: Domain;
}

export interface MemberWorld {
  readonly random: SeededRandom;
  /** The pen that signed for this plan. */
  penOf(planId: Uint8Array): PlanPen | undefined;
  /** Hears of every certificate that was made up. */
  readonly onForged: (certificate: Uint8Array) => void;
}

export function memberHooksOf(behaviour: MemberBehaviour, world: MemberWorld): NodeHooks {
  if (behaviour === 'silent') return { wrapNetwork: silentNetwork };
  return { wrapNetwork: (network) => new TwoFaced(world, network).network };
}

interface Shown {
  /** Plan and epoch, as messages name them. */
  readonly head: Uint8Array;
  readonly pen: PlanPen;
  readonly proposal: MessageOf<'proposal'>;
}

const WRONG_ROOT_CHANCE = 0.2;

class TwoFaced {
  readonly network: Network;
  readonly #world: MemberWorld;
  readonly #inner: Network;
  /** Who sees the other face, by round and peer. */
  readonly #faces = new Map<string, boolean>();
  /** By the id of the block that its replica proposed. */
  readonly #twins = new Map<string, Block>();
  /** Blocks of a plan and round that it has seen, its own twins among them. */
  readonly #blocks = new Map<string, Block[]>();

  constructor(world: MemberWorld, inner: Network) {
    this.#world = world;
    this.#inner = inner;
    this.network = wrapNetwork(inner, {
      send: (peer, protocol, body) => {
        if (protocol === 'consensus') this.#sendConsensus(peer, body);
        else inner.send(peer, protocol, body);
      },
      handle: (protocol, handler) => inner.handle(protocol, this.#listening(protocol, handler)),
    });
  }

  #sendConsensus(peer: PeerId, body: Uint8Array): void {
    const head = body.slice(0, ENVELOPE_BYTES);
    const message = decodeMessage(body.subarray(ENVELOPE_BYTES));
    const pen = this.#world.penOf(head.subarray(0, DIGEST_BYTES));
    let bodies = [body];
    if (message.ok && pen !== undefined) {
      if (message.value.kind === 'proposal') {
        bodies = [this.#faceOf(peer, { head, pen, proposal: message.value }) ?? body];
      } else if (message.value.kind === 'vote') {
        const others = this.#otherVotes(head, pen, message.value);
        const isOther = this.#isOtherFace(peer, roundName(head, message.value.round));
        // The first one counts: who saw the other block gets the other vote first.
        bodies = isOther ? [...others, body] : [body, ...others];
      }
    }
    for (const bytes of bodies) this.#inner.send(peer, 'consensus', bytes);
  }

  /** The block that this peer is shown, where that is another one than its replica made. */
  #faceOf(peer: PeerId, { head, pen, proposal }: Shown): Uint8Array | undefined {
    const twin = this.#twinOf(head, proposal.block);
    if (!this.#isOtherFace(peer, roundName(head, proposal.block.round))) return undefined;
    return concatBytes([head, this.#proposalOf(pen, proposal, twin)]);
  }

  /** Votes for every other block of the round. */
  #otherVotes(head: Uint8Array, pen: PlanPen, vote: MessageOf<'vote'>): Uint8Array[] {
    const ids = (this.#blocks.get(roundName(head, vote.round)) ?? []).map(blockId);
    return ids
      .filter((id) => !equalBytes(id, vote.blockId))
      .map((id) => concatBytes([head, voteFor(pen, vote, id)]));
  }

  #isOtherFace(peer: PeerId, round: string): boolean {
    const name = `${round}/${peer}`;
    let face = this.#faces.get(name);
    if (face === undefined) {
      face = this.#world.random.chance(0.5);
      this.#faces.set(name, face);
    }
    return face;
  }

  /** The same block at another moment, as valid; or with a root that is none of its payloads'. */
  #twinOf(head: Uint8Array, block: Block): Block {
    const key = toHex(blockId(block));
    let twin = this.#twins.get(key);
    if (twin === undefined) {
      const { random } = this.#world;
      const wrong = (root: Uint8Array) =>
        random.chance(WRONG_ROOT_CHANCE) ? root.map((byte) => byte ^ 1) : root;
      const roots = { stateRoot: wrong(block.stateRoot), resultsRoot: wrong(block.resultsRoot) };
      twin = { ...block, ...roots, timeMs: block.timeMs + 1 };
      this.#twins.set(key, twin);
      this.#remember(head, block);
      this.#remember(head, twin);
    }
    return twin;
  }

  #proposalOf(pen: PlanPen, proposal: MessageOf<'proposal'>, block: Block): Uint8Array {
    const sig = pen.signer.sign(proposalSigningBytes(pen.domain, blockId(block)));
    return encodeMessage({ ...proposal, block, sig });
  }

  #remember(head: Uint8Array, block: Block): void {
    const name = roundName(head, block.round);
    const known = this.#blocks.get(name) ?? [];
    if (known.some((other) => equalBytes(blockId(other), blockId(block)))) return;
    this.#blocks.set(name, [...known, block]);
  }

  #listening(protocol: string, handler: ProtocolHandler): ProtocolHandler {
    if (protocol === 'consensus') {
      return {
        ...handler,
        message: (from, body) => {
          const message = decodeMessage(body.subarray(ENVELOPE_BYTES));
          if (message.ok && message.value.kind === 'proposal') {
            this.#remember(body.slice(0, ENVELOPE_BYTES), message.value.block);
          }
          handler.message?.(from, body);
        },
      };
    }
    const { request } = handler;
    if (protocol !== 'job' || request === undefined) return handler;
    return {
      ...handler,
      request: async (from, body, options) => this.#forged(await request(from, body, options)),
    };
  }

  #forged(answer: Uint8Array): Uint8Array {
    const { random } = this.#world;
    const read = decodeJobMessage(answer, jobAnswerShape);
    if (!read.ok || read.value.t !== 'certificate' || read.value.content === undefined)
      return answer;
    const content = read.value.content.slice();
    content[random.integer(content.length)]! ^= 1 << random.integer(8);
    this.#world.onForged(content);
    return encodeJobMessage({ ...read.value, content });
  }
}

function voteFor(pen: PlanPen, vote: MessageOf<'vote'>, id: Uint8Array): Uint8Array {
  const body = { round: vote.round, blockId: id, parentRound: vote.parentRound };
  return encodeMessage({
    ...vote,
    ...body,
    sig: pen.signer.sign(voteSigningBytes(pen.domain, body)),
  });
}

function roundName(head: Uint8Array, round: number): string {
  return `${toHex(head)}/${round}`;
}
