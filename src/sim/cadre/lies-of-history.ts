/** Lies about what is known: blocks on old certificates, timeouts that report less than it saw. */
import { ZERO_DIGEST } from '../../base/ids.ts';
import type { Message, MessageOf } from '../../consensus/messages.ts';
import { genesisQc } from '../../consensus/seats.ts';
import type { Block, Qc, Tc } from '../../consensus/types.ts';
import { type Liar, type Lie, signedAgain, stableChoice } from './liar.ts';
import { RoundBlocks } from './lies-of-leaders.ts';

/**
 * Builds on a certificate that is older than it may be, with whatever timeout certificate it has to
 * excuse it: what was final would be replaced, if anybody followed.
 */
export function forker(liar: Liar): Lie {
  const past = new Past(liar);
  const forks = stableChoice(liar.random, 0.8);
  const blocks = new Map<number, Block | undefined>();
  const forkOf = (message: MessageOf<'proposal'>) => {
    const { round } = message.block;
    if (!blocks.has(round)) {
      const older = past.qcs().filter((qc) => qc.round < message.block.qc.round);
      const qc = older.length === 0 ? undefined : liar.random.pick(older);
      blocks.set(round, qc && past.emptyBlockOn(qc, message.block));
    }
    const block = blocks.get(round);
    const tc = message.tc ?? past.tcOf(round - 1);
    return block && signedAgain(liar, { ...message, block, ...(tc && { tc }) });
  };
  return {
    hear: (message) => past.note(message),
    say: (_, message) => {
      past.note(message);
      if (message.kind !== 'proposal' || !forks(`${message.block.round}`)) return [message];
      return [forkOf(message) ?? message];
    },
  };
}

/** Always the oldest certificate that the rules still allow, in proposals and in timeouts. */
export function staleQc(liar: Liar): Lie {
  const past = new Past(liar);
  const proposal = (message: MessageOf<'proposal'>): Message => {
    const { tc, block } = message;
    if (tc === undefined) return message;
    const floor = Math.max(...tc.highQcRounds);
    const allowed = past.qcs().filter((qc) => qc.round >= floor && qc.round < block.qc.round);
    const qc = allowed[0];
    const older = qc && past.emptyBlockOn(qc, block);
    return older === undefined ? message : signedAgain(liar, { ...message, block: older });
  };
  const timeout = (message: MessageOf<'timeout'>): Message => {
    const tc = message.tc ?? past.tcOf(message.round - 1);
    const highQc = past.qcs()[0];
    if (tc === undefined || highQc === undefined || highQc.round >= message.highQcRound) {
      return message;
    }
    return signedAgain(liar, { ...message, tc, highQc, highQcRound: highQc.round });
  };
  return {
    hear: (message) => past.note(message),
    say: (_, message) => {
      past.note(message);
      if (message.kind === 'proposal') return [proposal(message)];
      return [message.kind === 'timeout' ? timeout(message) : message];
    },
  };
}

/** Certificates and blocks that went by. */
export class Past {
  readonly #qcs = new Map<number, Qc>();
  readonly #tcs = new Map<number, Tc>();
  readonly #blocks = new RoundBlocks();

  constructor(liar: Liar) {
    this.#qcs.set(0, genesisQc(liar.seats));
  }

  note(message: Message): void {
    this.#blocks.note(message);
    switch (message.kind) {
      case 'proposal':
        this.#note(message.block.qc, message.tc);
        return;
      case 'timeout':
      case 'sync':
        this.#note(message.highQc, message.kind === 'sync' ? message.highTc : message.tc);
        return;
      case 'commit':
        this.#note(message.qc);
        return;
      default:
      // The others carry no certificate.
    }
  }

  /** Oldest first. */
  qcs(): Qc[] {
    return [...this.#qcs.values()].sort((a, b) => a.round - b.round);
  }

  tcOf(round: number): Tc | undefined {
    return this.#tcs.get(round);
  }

  /** A block without payloads, hence with its parent's roots; undefined when that is unknown. */
  emptyBlockOn(qc: Qc, { round, author, timeMs, ...rest }: Block): Block | undefined {
    const parent = qc.round === 0 ? undefined : this.#blocks.withId(qc.blockId);
    if (qc.round > 0 && parent === undefined) return undefined;
    const roots = {
      stateRoot: parent?.stateRoot ?? ZERO_DIGEST,
      resultsRoot: parent?.resultsRoot ?? ZERO_DIGEST,
    };
    const height = (parent?.height ?? 0) + 1;
    const links = { qc, parentId: qc.blockId, height, payloadRefs: [] };
    return { ...rest, round, author, timeMs, ...links, ...roots };
  }

  #note(qc: Qc, tc?: Tc): void {
    this.#qcs.set(qc.round, qc);
    if (tc === undefined) return;
    this.#tcs.set(tc.round, tc);
    this.#qcs.set(tc.highQc.round, tc.highQc);
  }
}
