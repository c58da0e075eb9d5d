/** Lies in bulk: floods, messages of other epochs, messages with something changed in them. */
import { encodeMessage, type Message, type SignedMessage } from '../../consensus/messages.ts';
import type { Qc } from '../../consensus/types.ts';
import { type Liar, type Lie, signedAgain } from './liar.ts';
import { Past } from './lies-of-history.ts';

/** Messages that one flooder sends beside its own. */
const FLOOD_MAX = 400;
const FLOOD_BURST = 6;

/** Everything that costs the hearer a map entry, a signature check or an answer, and again. */
export function flooder(liar: Liar): Lie {
  let left = FLOOD_MAX;
  return {
    say: (_, message) => {
      const said: Message[] = [message, message];
      for (let i = 0; i < FLOOD_BURST && left > 0; i++, left--) said.push(noise(liar, message));
      return said;
    },
  };
}

function noise(liar: Liar, like: Message): Message {
  const { random } = liar;
  const id = () => random.bytes(32);
  switch (random.integer(6)) {
    case 0:
      return { kind: 'want-blocks', blockId: id(), count: 64 };
    case 1:
      return { kind: 'want-payloads', ids: [id(), id(), id()] };
    case 2:
      return { kind: 'want-seen' };
    case 3:
      return { kind: 'payload', id: id(), bytes: random.bytes(40) };
    case 4:
      return { kind: 'blocks', blockId: id(), blocks: [] };
    default: {
      const round = 1 + random.integer(60);
      const parentRound = random.integer(round);
      const names = { epoch: liar.seats.epoch, voter: liar.seats.self, sig: new Uint8Array(64) };
      const vote = { kind: 'vote', ...names, round, parentRound, blockId: id() } as const;
      return like.kind === 'sync' ? like : signedAgain(liar, vote);
    }
  }
}

/** Says everything again as of the epoch before or after, and hands on certificates as theirs. */
export function epochShifter(liar: Liar): Lie {
  const shift = (qc: Qc, by: number): Qc => ({ ...qc, epoch: qc.epoch + by });
  return {
    say: (_, message) => {
      switch (message.kind) {
        case 'vote':
        case 'timeout':
        case 'commit': {
          const signed = message as SignedMessage & { epoch: number };
          const next = { ...signed, epoch: signed.epoch + 1 } as SignedMessage;
          // Signed for the next epoch and named so; named so alone; signed so alone.
          return [message, signedAgain(liar, next, 1), next, signedAgain(liar, signed, 1)];
        }
        case 'sync':
          return [message, { ...message, highQc: shift(message.highQc, 1) }];
        default:
          return [message];
      }
    },
  };
}

/** Changes one field and signs it again, hands certificates on as of other rounds, flips bits. */
export function mutator(liar: Liar): Lie {
  const past = new Past(liar);
  const { random } = liar;
  const relabelled = (qc: Qc): Qc => {
    const by = 1 + random.integer(3);
    return random.chance(0.5)
      ? { ...qc, round: qc.round + by }
      : { ...qc, parentRound: Math.max(0, qc.parentRound - by) };
  };
  const bent = (message: Message): readonly (Message | Uint8Array)[] => {
    switch (random.integer(5)) {
      case 0: {
        const bytes = encodeMessage(message).slice();
        bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
        return [bytes];
      }
      case 1:
        return [message, { kind: 'sync', highQc: relabelled(past.qcs().at(-1)!) }];
      case 2:
        return [relabelledCert(message, relabelled), message];
      default:
        return [message, otherNumbers(liar, message)];
    }
  };
  return {
    hear: (message) => past.note(message),
    say: (_, message) => {
      past.note(message);
      return random.chance(0.4) ? bent(message) : [message];
    },
  };
}

function relabelledCert(message: Message, relabelled: (qc: Qc) => Qc): Message {
  if (message.kind === 'sync') return { ...message, highQc: relabelled(message.highQc) };
  if (message.kind === 'commit') return { ...message, qc: relabelled(message.qc) };
  return message.kind === 'timeout' ? { ...message, highQc: relabelled(message.highQc) } : message;
}

function otherNumbers(liar: Liar, message: Message): Message {
  const by = 1 + liar.random.integer(3);
  switch (message.kind) {
    case 'vote':
      return signedAgain(liar, { ...message, parentRound: Math.max(0, message.parentRound - by) });
    case 'timeout':
      return signedAgain(liar, { ...message, highQcRound: message.highQcRound + by });
    case 'commit':
      return signedAgain(liar, { ...message, height: message.height + by });
    case 'proposal': {
      const { block } = message;
      const height = Math.max(1, block.height + liar.random.pick([-1, 1]));
      return signedAgain(liar, { ...message, block: { ...block, height } });
    }
    default:
      return message;
  }
}
