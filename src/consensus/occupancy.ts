/**
 * How many entries a member's maps and queues hold, of those that others can fill: for the check
 * that every one of them is bounded, and for whoever wonders where memory goes.
 */
import type { Ballot, Ballots } from './ballots.ts';
import type { ReplicaState } from './replica-state.ts';

/** Entries by name; the bounds are in docs/bounds.md. */
export type Occupancy = Readonly<Record<string, number>>;

export function occupancyOf<S>(state: ReplicaState<S>): Occupancy {
  return {
    voteRounds: state.votes.size,
    votesOfRound: largestRound(state.votes),
    timeoutRounds: state.timeouts.size,
    timeoutsOfRound: largestRound(state.timeouts),
    commitRounds: state.commits.size,
    commitVotesOfRound: largestRound(state.commits),
    blocks: state.tree.entries.size,
    blocksWaiting: state.waiting.size,
    proposals: state.proposals.size,
    payloads: state.payloads.size,
    evidence: state.evidence.size,
    witnessed: state.witnessed.size,
    certifiedRounds: state.certified.size,
    /** Beside the root: what a quorum has certified and not made final. */
    roundsToFinal: Math.max(0, state.highQc.round - state.tree.root.round),
  };
}

function largestRound<B extends Ballot>(ballots: Ballots<B>): number {
  return Math.max(0, ...[...ballots.values()].map((round) => round.size));
}
