/**
 * When is a block final? Two rules that must never disagree, as predicates. Design consensus.md
 * section 1.5, where both are argued to be safe.
 */
import type { Qc } from './types.ts';

/** Rule A: q commit votes for one block. It and all its ancestors are final. */
export function isFinalByCommitVotes(commitVotes: number, quorum: number): boolean {
  return commitVotes >= quorum;
}

/**
 * Rule B: a certified block whose certified child is of the very next round. The ROUNDS must be
 * consecutive: parent links alone are the flaw that forked Fast-HotStuff (Twins paper, section 3).
 * A QC signs its block's round and its parent's round, so it alone shows this for the parent.
 */
export function finalisesParent(childQc: Pick<Qc, 'round' | 'parentRound'>): boolean {
  return childQc.parentRound > 0 && childQc.round === childQc.parentRound + 1;
}
