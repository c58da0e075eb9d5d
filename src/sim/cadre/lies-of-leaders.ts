/** Lies about the block of a round: two of them, or one with roots that nothing gives. */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { blockId, type Message } from '../../consensus/messages.ts';
import type { Block } from '../../consensus/types.ts';
import { type Liar, type Lie, signedAgain, stableChoice } from './liar.ts';

/**
 * Shows one block to some and its twin to the others, and votes for whatever there is to vote for,
 * to each seat first for what that seat was shown.
 */
export function equivocator(liar: Liar): Lie {
  const isOther = stableChoice(liar.random, 0.5);
  const shown = new RoundBlocks();
  return {
    hear: (message) => shown.note(message),
    say: (to, message) => {
      if (message.kind === 'proposal') {
        const twin = { ...message.block, timeMs: message.block.timeMs + 1 };
        shown.add(message.block);
        shown.add(twin);
        const other = isOther(`${message.block.round} ${to}`);
        return [other ? signedAgain(liar, { ...message, block: twin }) : message];
      }
      if (message.kind !== 'vote') return [message];
      const others = shown
        .idsOf(message.round)
        .filter((id) => !equalBytes(id, message.blockId))
        .map((id) => signedAgain(liar, { ...message, blockId: id }));
      const isFirst = isOther(`${message.round} ${to}`);
      return isFirst ? [...others, message] : [message, ...others];
    },
  };
}

/** Claims roots that executing the block does not give, votes for them, and commit-votes them. */
export function falseRoot(liar: Liar): Lie {
  const lies = stableChoice(liar.random, 0.7);
  const flip = (root: Uint8Array) => root.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  const bent = (block: Block): Block =>
    lies(`state ${block.round}`)
      ? { ...block, stateRoot: flip(block.stateRoot) }
      : { ...block, resultsRoot: flip(block.resultsRoot) };
  const bentIds = new Map<string, Uint8Array>();
  const says = (message: Message): Message => {
    switch (message.kind) {
      case 'proposal': {
        if (!lies(`${message.block.round}`)) return message;
        const block = bent(message.block);
        bentIds.set(toHex(blockId(message.block)), blockId(block));
        return signedAgain(liar, { ...message, block });
      }
      case 'vote': {
        const id = bentIds.get(toHex(message.blockId));
        return id === undefined ? message : signedAgain(liar, { ...message, blockId: id });
      }
      case 'commit':
        return lies(`commit ${message.round}`)
          ? signedAgain(liar, { ...message, resultsRoot: flip(message.resultsRoot) })
          : message;
      default:
        return message;
    }
  };
  return { say: (_, message) => [says(message)] };
}

/** The blocks that were seen of the last rounds. */
export class RoundBlocks {
  readonly #blocks = new Map<number, Map<string, Block>>();

  note(message: Message): void {
    if (message.kind === 'proposal') this.add(message.block);
    if (message.kind === 'blocks') for (const block of message.blocks) this.add(block);
  }

  add(block: Block): void {
    const round = this.#blocks.get(block.round) ?? new Map<string, Block>();
    this.#blocks.set(block.round, round.set(toHex(blockId(block)), block));
  }

  idsOf(round: number): Uint8Array[] {
    return this.blocksOf(round).map(blockId);
  }

  blocksOf(round: number): Block[] {
    return [...(this.#blocks.get(round)?.values() ?? [])];
  }

  withId(id: Uint8Array): Block | undefined {
    const key = toHex(id);
    for (const round of this.#blocks.values()) {
      const block = round.get(key);
      if (block !== undefined) return block;
    }
    return undefined;
  }
}
