/** Commit votes of a block to a commit certificate (rule A). Design consensus.md section 1.5. */
import { equalBytes } from '../base/bytes.ts';
import { LIST_FORM } from '../crypto/portable/signature-scheme.ts';
import { type Ballots, bySeat, castBallot } from './ballots.ts';
import { isFinalByCommitVotes } from './commit-rule.ts';
import type { CommitVote } from './messages.ts';
import { rootsOf, sameRoots } from './roots.ts';
import { bitmapOf, quorumOf } from './seats.ts';
import { type CommitCert, markVerified, type Verified } from './types.ts';

/** Certified rounds whose commit votes are kept while none of them is final. */
export const COMMIT_ROUNDS_MAX = 32;

export type Commits = Ballots<Verified<CommitVote>>;

export interface CommitCounted {
  readonly commits: Commits;
  readonly cert?: Verified<CommitCert>;
  readonly conflict?: Verified<CommitVote>;
}

const same = (a: CommitVote, b: CommitVote): boolean =>
  a.height === b.height && equalBytes(a.blockId, b.blockId) && sameRoots(a, b);

export function countCommitVote(
  commits: Commits,
  vote: Verified<CommitVote>,
  seatCount: number,
  join = LIST_FORM.join,
): CommitCounted {
  const cast = castBallot(commits, vote, { same, roundsMax: COMMIT_ROUNDS_MAX });
  if (cast.kind === 'repeated') return { commits };
  if (cast.kind === 'conflict') return { commits, conflict: cast.first };
  const agreeing = bySeat(cast.round.filter((other) => same(other, vote)));
  const quorum = quorumOf(seatCount);
  const isComplete = isFinalByCommitVotes(agreeing.length, quorum);
  if (!isComplete || agreeing.length > quorum) return { commits: cast.ballots };
  const { epoch, round, height, blockId } = vote;
  const signers = bitmapOf(
    agreeing.map((other) => other.voter),
    seatCount,
  );
  const sigs = join(agreeing.map((other) => other.sig));
  const body = { epoch, round, height, blockId, ...rootsOf(vote) };
  return { commits: cast.ballots, cert: markVerified({ ...body, signers, sigs }) };
}
