/** Votes of a round to a quorum certificate. Design consensus.md sections 1.3 and 4. */
import { equalBytes } from '../base/bytes.ts';
import { LIST_FORM } from '../crypto/portable/signature-scheme.ts';
import { type Ballots, bySeat, castBallot } from './ballots.ts';
import { bitmapOf, quorumOf } from './seats.ts';
import { markVerified, type Qc, type Verified, type Vote } from './types.ts';

/** Rounds of votes kept; votes of at most VOTE_ROUNDS_AHEAD rounds ahead are let in. */
export const VOTE_ROUNDS_MAX = 32;
export const VOTE_ROUNDS_AHEAD = 16;

export type Votes = Ballots<Verified<Vote>>;

export interface VoteCounted {
  readonly votes: Votes;
  /** Set by the vote that completes the quorum. */
  readonly qc?: Verified<Qc>;
  /** An earlier, different vote of the same seat and round. */
  readonly conflict?: Verified<Vote>;
}

const same = (a: Vote, b: Vote): boolean =>
  a.parentRound === b.parentRound && equalBytes(a.blockId, b.blockId);

export function countVote(
  votes: Votes,
  vote: Verified<Vote>,
  seatCount: number,
  join = LIST_FORM.join,
): VoteCounted {
  const cast = castBallot(votes, vote, { same, roundsMax: VOTE_ROUNDS_MAX });
  if (cast.kind === 'repeated') return { votes };
  if (cast.kind === 'conflict') return { votes, conflict: cast.first };
  const agreeing = bySeat(cast.round.filter((other) => same(other, vote)));
  if (agreeing.length !== quorumOf(seatCount)) return { votes: cast.ballots };
  const { epoch, round, blockId, parentRound } = vote;
  const signers = bitmapOf(
    agreeing.map((other) => other.voter),
    seatCount,
  );
  const sigs = join(agreeing.map((other) => other.sig));
  const qc = markVerified({ epoch, round, blockId, parentRound, signers, sigs });
  return { votes: cast.ballots, qc };
}
