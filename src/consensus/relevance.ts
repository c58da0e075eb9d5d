/**
 * Is a message worth checking signatures for? Pure, before any cryptography: what is stale, too far
 * ahead or already known costs nothing. The replica judges again afterwards.
 */
import { equalBytes } from '../base/bytes.ts';
import type { SignedMessage, SyncInfo } from './messages.ts';
import { isBehind } from './replica.ts';
import { type ReplicaState, roundOf } from './replica-state.ts';
import { VOTE_ROUNDS_AHEAD } from './vote-collector.ts';

export type Judged =
  /** Check this; certificates that cannot change anything are left out. */
  | { readonly kind: 'check'; readonly message: SignedMessage | SyncInfo }
  /** Not worth checking, but its sender needs our certificates. */
  | { readonly kind: 'behind' }
  | { readonly kind: 'stale' };

const STALE: Judged = { kind: 'stale' };

export function judge<S>(state: ReplicaState<S>, message: SignedMessage | SyncInfo): Judged {
  const round = roundOf(state);
  const commitRound = state.highCc?.round ?? 0;
  switch (message.kind) {
    case 'vote': {
      const isWanted = message.round > state.highQc.round;
      if (!isWanted || message.round > round + VOTE_ROUNDS_AHEAD) return STALE;
      const counted = state.votes.get(message.round)?.get(message.voter);
      const isKnown = counted !== undefined && equalBytes(counted.blockId, message.blockId);
      return isKnown ? STALE : { kind: 'check', message };
    }
    case 'commit':
      return message.round > commitRound ? { kind: 'check', message } : STALE;
    case 'timeout':
      if (message.round < round) return { kind: 'behind' };
      return { kind: 'check', message: withoutOldCert(message, commitRound) };
    case 'proposal': {
      const { block } = message;
      if (block.round <= state.tree.root.round) return STALE;
      return { kind: 'check', message: withoutOldCert(message, commitRound) };
    }
    case 'sync':
      if (brings(state, message)) return { kind: 'check', message };
      return isBehind(state, message) ? { kind: 'behind' } : STALE;
  }
}

function withoutOldCert<M extends Extract<SignedMessage, { kind: 'proposal' | 'timeout' }>>(
  message: M,
  commitRound: number,
): M {
  if (message.cc === undefined || message.cc.round > commitRound) return message;
  const { cc: _, ...rest } = message;
  return rest as M;
}

/** True when it names a certificate above ours. */
function brings<S>(state: ReplicaState<S>, message: SyncInfo): boolean {
  return (
    message.highQc.round > state.highQc.round ||
    (message.highTc?.round ?? 0) >= roundOf(state) ||
    (message.highCc?.round ?? 0) > (state.highCc?.round ?? 0)
  );
}
