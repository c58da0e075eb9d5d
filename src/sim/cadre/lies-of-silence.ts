/** Lies by leaving out, and by answering with something else. */
import { ZERO_DIGEST } from '../../base/ids.ts';
import { leaderOf, leaderOrder, NO_RECORD } from '../../consensus/leader.ts';
import {
  BLOCKS_PER_ANSWER_MAX,
  blockId,
  type Message,
  type MessageOf,
} from '../../consensus/messages.ts';
import type { Block } from '../../consensus/types.ts';
import { type Liar, type Lie, stableChoice } from './liar.ts';

/** Tells each thing to some seats only, and answers few questions. */
export function withholder(liar: Liar): Lie {
  const tells = stableChoice(liar.random, 0.5);
  const name = (message: Message): string => {
    switch (message.kind) {
      case 'proposal':
        return `proposal ${message.block.round}`;
      case 'vote':
      case 'timeout':
      case 'commit':
        return `${message.kind} ${message.round}`;
      default:
        return message.kind;
    }
  };
  return { say: (to, message) => (tells(`${to} ${name(message)}`) ? [message] : []) };
}

/** Rounds that a made-up chain fills: whoever took it in would have no room for their proposals. */
const MADE_UP_BLOCKS = 40;

/**
 * Answers requests for blocks and payloads with others, with too many, with none, or with a chain
 * that it made up, in the names of the leaders to come. Some withhold their votes as well.
 */
export function lyingServer(liar: Liar): Lie {
  const { random } = liar;
  const isSilent = random.chance(0.5);
  const blocks = (message: MessageOf<'blocks'>): Message[] => {
    const bent = message.blocks.map((block) => ({ ...block, timeMs: block.timeMs + 1 }));
    const wrong = message.blocks.map((block) => ({ ...block, stateRoot: random.bytes(32) }));
    switch (random.integer(9)) {
      case 0:
        return [{ ...message, blocks: bent }];
      case 5:
        return [{ ...message, blocks: wrong }];
      case 1:
        return [{ ...message, blocks: message.blocks.toReversed() }];
      case 2:
        return [{ ...message, blocks: [] }];
      case 3:
        // True at its head, made up behind it.
        return [
          { ...message, blocks: message.blocks.map((block, i) => (i === 0 ? block : bent[i]!)) },
        ];
      case 4:
        return [];
      default:
        return [{ ...message, blocks: madeUp(liar, message.blocks) }];
    }
  };
  const payload = (message: MessageOf<'payload'>): Message[] => {
    const { bytes, ...rest } = message;
    const other = new Uint8Array([...(bytes ?? []), 33]).slice(-64);
    return random.chance(0.3) ? [rest] : [{ ...rest, bytes: other }];
  };
  const snapshot = (message: MessageOf<'snapshot'>): Message[] => {
    const { total, bytes } = message;
    const bent = Uint8Array.from(bytes, (byte) => byte ^ Number(random.chance(0.01)));
    switch (random.integer(4)) {
      case 0:
        return [];
      case 1:
        return [{ ...message, total: 0, bytes: new Uint8Array() }];
      case 2:
        return [{ ...message, total: total + 1 }];
      default:
        return [{ ...message, bytes: bent }];
    }
  };
  return {
    say: (_, message) => {
      if (message.kind === 'blocks') return blocks(message);
      if (message.kind === 'snapshot') return snapshot(message);
      if (message.kind === 'payload') return payload(message);
      if (isSilent && message.kind === 'vote') return [];
      return message.kind === 'seen' ? [{ ...message, messages: [] }] : [message];
    },
  };
}

/** Newest first: blocks that nobody proposed, on the parent of the one that was asked for. */
function madeUp({ seats }: Liar, [head, ...rest]: readonly Block[]): Block[] {
  if (head === undefined) return [];
  const order = leaderOrder(seats, seats.seats.length);
  const chain: Block[] = [];
  let { qc, parentId, height } = head;
  for (let round = head.round; round < head.round + MADE_UP_BLOCKS; round++) {
    const author = leaderOf(order, NO_RECORD, round);
    const block = { ...head, round, author, qc, parentId, height, payloadRefs: [] };
    const roots = rest[0] ?? { stateRoot: ZERO_DIGEST, resultsRoot: ZERO_DIGEST };
    const { stateRoot, resultsRoot } = roots;
    chain.unshift({ ...block, stateRoot, resultsRoot });
    parentId = blockId(chain[0]!);
    qc = { ...qc, round, parentRound: round - 1, blockId: parentId };
    height += 1;
  }
  return [...chain, ...rest].slice(0, BLOCKS_PER_ANSWER_MAX);
}
