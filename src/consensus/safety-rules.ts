/**
 * The four signing decisions, and nothing else may sign. Each takes the durable safety state and
 * returns the next one together with the signed message; the caller makes both durable before the
 * message leaves. Design consensus.md section 1.4.
 *
 * Deliberately absent: "block.qc.round >= lockRound" when voting. It looks safer and recreates the
 * hidden-lock livelock, because a TC legally may not contain the lock of up to f honest seats.
 */
import { equalBytes } from '../base/bytes.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { TreeEntry } from './block-tree.ts';
import {
  blockId,
  type CommitVote,
  commitSigningBytes,
  type Proposal,
  proposalSigningBytes,
  type Timeout,
  timeoutSigningBytes,
  voteSigningBytes,
} from './messages.ts';
import { rootsOf } from './roots.ts';
import { checkEntry, type Electorate } from './signature-checks.ts';
import {
  type Block,
  type CommitCert,
  markVerified,
  type Qc,
  type Tc,
  type Verified,
  type Vote,
} from './types.ts';

/** What a seat must never forget. Rounds are 0 before the first. */
export interface SafetyState {
  readonly epoch: number;
  readonly lastVotedRound: number;
  readonly lastProposedRound: number;
  /** Highest round of a QC under anything signed: no timeout may report less. */
  readonly lockRound: number;
  readonly highestTimeoutRound: number;
  readonly lastCommitRound: number;
  readonly lastProposal?: Verified<Proposal>;
  readonly lastVote?: Verified<Vote>;
  readonly lastTimeout?: Verified<Timeout>;
  readonly lastCommitVote?: Verified<CommitVote>;
}

/** Who signs, and with what. Ed25519 is deterministic, so signing is a pure function. */
export interface Pen {
  readonly seats: Electorate;
  sign(message: Uint8Array): Uint8Array;
}

export interface Signed<M> {
  readonly safety: SafetyState;
  readonly message: Verified<M>;
}

export function initialSafety(epoch: number): SafetyState {
  return {
    epoch,
    lastVotedRound: 0,
    lastProposedRound: 0,
    lockRound: 0,
    highestTimeoutRound: 0,
    lastCommitRound: 0,
  };
}

export interface ProposalDraft {
  readonly round: number;
  /** Who leads that round. */
  readonly leader: number;
  readonly block: Block;
  /** The verified certificate inside `block`. */
  readonly qc: Verified<Qc>;
  readonly tc?: Verified<Tc>;
  readonly cc?: Verified<CommitCert>;
}

/** Propose iff leader, once per round, not after voting or timing out, and justified as a vote. */
export function signProposal(
  pen: Pen,
  safety: SafetyState,
  draft: ProposalDraft,
): Checked<Signed<Proposal>> {
  const { block, qc, round, leader, tc, cc } = draft;
  const { seats } = pen;
  if (block.epoch !== safety.epoch) return refuse('wrong-epoch');
  if (leader !== seats.self || block.author !== seats.self) {
    return refuse('not-leader');
  }
  if (block.round !== round || round <= safety.lastProposedRound) return refuse('already-proposed');
  if (round <= safety.lastVotedRound) return refuse('already-voted');
  if (block.qc.round !== qc.round || !equalBytes(block.parentId, qc.blockId)) {
    return refuse('parent-link');
  }
  const unjustified = checkEntry(round, qc, tc);
  if (unjustified !== undefined) return unjustified;
  const sig = pen.sign(proposalSigningBytes(seats, blockId(block)));
  const message = markVerified<Proposal>({
    kind: 'proposal',
    block,
    sig,
    ...(tc && { tc }),
    ...(cc && { cc }),
  });
  return accept({
    safety: { ...safety, lastProposedRound: round, lastProposal: message },
    message,
  });
}

export interface VoteRequest<S> {
  /** The replica's round. */
  readonly round: number;
  /** An executed block: holding one proves payloads held, valid, and the claimed roots. */
  readonly entry: TreeEntry<S>;
  readonly qc: Verified<Qc>;
  readonly tc: Verified<Tc> | undefined;
}

/**
 * Vote iff the block is of the current round, above everything voted or timed out, and either its
 * QC is of the round before, or a TC of the round before does not report a higher QC.
 */
export function signVote<S>(
  pen: Pen,
  safety: SafetyState,
  request: VoteRequest<S>,
): Checked<Signed<Vote>> {
  const { entry, qc, round, tc } = request;
  const { block } = entry;
  if (block === undefined || block.epoch !== safety.epoch) return refuse('wrong-epoch');
  if (block.round !== round) return refuse('not-current-round', 'ignore');
  if (round <= safety.lastVotedRound) return refuse('already-voted', 'ignore');
  if (block.qc.round !== qc.round || !equalBytes(block.parentId, qc.blockId)) {
    return refuse('parent-link');
  }
  const unjustified = checkEntry(round, qc, tc);
  if (unjustified !== undefined) return unjustified;
  const body = { round, blockId: entry.id, parentRound: qc.round };
  const { seats } = pen;
  const message = markVerified<Vote>({
    kind: 'vote',
    epoch: safety.epoch,
    ...body,
    voter: seats.self,
    sig: pen.sign(voteSigningBytes(seats, body)),
  });
  const lockRound = Math.max(safety.lockRound, qc.round);
  return accept({
    safety: { ...safety, lastVotedRound: round, lockRound, lastVote: message },
    message,
  });
}

export interface TimeoutRequest {
  /** The replica's round. */
  readonly round: number;
  readonly highQc: Verified<Qc>;
  readonly highTc: Verified<Tc> | undefined;
  readonly highCc: Verified<CommitCert> | undefined;
}

/**
 * Time out iff it is the current round, none above it was voted or timed out, the round is proven,
 * and the reported QC is not below the lock. One timeout per round; asked again, the same.
 */
export function signTimeout(
  pen: Pen,
  safety: SafetyState,
  request: TimeoutRequest,
): Checked<Signed<Timeout>> {
  const { round, highQc, highTc, highCc } = request;
  if (round < safety.lastVotedRound) return refuse('already-voted', 'ignore');
  if (round <= safety.highestTimeoutRound) return refuse('already-timed-out', 'ignore');
  if (highQc.round < safety.lockRound) return refuse('below-lock');
  const tc = highQc.round + 1 === round ? undefined : highTc;
  if (tc === undefined ? highQc.round + 1 !== round : tc.round + 1 !== round) {
    return refuse('round-unproven');
  }
  const body = { round, highQcRound: highQc.round };
  const { seats } = pen;
  const message = markVerified<Timeout>({
    kind: 'timeout',
    epoch: safety.epoch,
    ...body,
    voter: seats.self,
    sig: pen.sign(timeoutSigningBytes(seats, body)),
    highQc,
    ...(tc && { tc }),
    ...(highCc && { cc: highCc }),
  });
  const next = {
    ...safety,
    lastVotedRound: Math.max(safety.lastVotedRound, round),
    highestTimeoutRound: round,
    lastTimeout: message,
  };
  return accept({ safety: next, message });
}

/**
 * Commit-vote for a certified, executed block iff its round is above every round timed out. The
 * lock rises first. It forbids no later timeout: a commit phase that blocks view change locks up
 * (neo-go#2552). Only rising rounds, so one key never signs two of one round.
 */
export function signCommitVote<S>(
  pen: Pen,
  safety: SafetyState,
  request: { readonly qc: Verified<Qc>; readonly entry: TreeEntry<S> },
): Checked<Signed<CommitVote>> {
  const { qc, entry } = request;
  const { block } = entry;
  if (block === undefined || block.epoch !== safety.epoch) return refuse('wrong-epoch');
  if (block.round !== qc.round || !equalBytes(entry.id, qc.blockId)) return refuse('qc-mismatch');
  if (qc.round <= safety.highestTimeoutRound) return refuse('timed-out', 'ignore');
  if (qc.round <= safety.lastCommitRound) return refuse('already-committed', 'ignore');
  const { round, height } = block;
  const body = { round, height, blockId: entry.id, ...rootsOf(block) };
  const { seats } = pen;
  const message = markVerified<CommitVote>({
    kind: 'commit',
    epoch: safety.epoch,
    ...body,
    voter: seats.self,
    sig: pen.sign(commitSigningBytes(seats, body)),
    qc,
  });
  const lockRound = Math.max(safety.lockRound, round);
  const next = { ...safety, lockRound, lastCommitRound: round, lastCommitVote: message };
  return accept({ safety: next, message });
}
