/** Lies by leaving out, and by answering with something else. */
import type { Message, MessageOf } from '../../consensus/messages.ts';
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

/** Answers requests for blocks and payloads with others, with too many, with none. */
export function lyingServer(liar: Liar): Lie {
  const { random } = liar;
  const blocks = (message: MessageOf<'blocks'>): Message[] => {
    const bent = message.blocks.map((block) => ({ ...block, timeMs: block.timeMs + 1 }));
    switch (random.integer(5)) {
      case 0:
        return [{ ...message, blocks: bent }];
      case 1:
        return [{ ...message, blocks: message.blocks.toReversed() }];
      case 2:
        return [{ ...message, blocks: [] }];
      case 3:
        // True at its head, made up behind it.
        return [
          { ...message, blocks: message.blocks.map((block, i) => (i === 0 ? block : bent[i]!)) },
        ];
      default:
        return [];
    }
  };
  const payload = (message: MessageOf<'payload'>): Message[] => {
    const { bytes, ...rest } = message;
    const other = new Uint8Array([...(bytes ?? []), 33]).slice(-64);
    return random.chance(0.3) ? [rest] : [{ ...rest, bytes: other }];
  };
  return {
    say: (_, message) => {
      if (message.kind === 'blocks') return blocks(message);
      if (message.kind === 'payload') return payload(message);
      return message.kind === 'seen' ? [{ ...message, messages: [] }] : [message];
    },
  };
}
