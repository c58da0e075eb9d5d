/**
 * Timeouts of a round to a timeout certificate, and the f + 1 that make everyone time out. Counted
 * per round: timeouts of different rounds never add up. Design consensus.md sections 1.3, 1.6.
 */
import { LIST_FORM, type SignatureForm } from '../crypto/portable/signature-scheme.ts';
import { type Ballots, bySeat, castBallot } from './ballots.ts';
import type { Timeout } from './messages.ts';
import { bitmapOf, oneHonestOf, quorumOf } from './seats.ts';
import { markVerified, type Tc, type Verified } from './types.ts';

/** A timeout proves its round, so only the current round is ever counted; a few for overlap. */
export const TIMEOUT_ROUNDS_MAX = 4;

export type Timeouts = Ballots<Verified<Timeout>>;

export interface TimeoutCounted {
  readonly timeouts: Timeouts;
  readonly tc?: Verified<Tc>;
  /** f + 1 seats timed out: at least one honest timer fired. */
  readonly amplify: boolean;
  readonly conflict?: Verified<Timeout>;
}

const same = (a: Timeout, b: Timeout): boolean => a.highQcRound === b.highQcRound;

export function countTimeout(
  timeouts: Timeouts,
  timeout: Verified<Timeout>,
  seatCount: number,
  join = LIST_FORM.join,
): TimeoutCounted {
  const cast = castBallot(timeouts, timeout, { same, roundsMax: TIMEOUT_ROUNDS_MAX });
  if (cast.kind === 'repeated') return { timeouts, amplify: false };
  if (cast.kind === 'conflict') return { timeouts, amplify: false, conflict: cast.first };
  const amplify = cast.round.length >= oneHonestOf(seatCount);
  const counted = { timeouts: cast.ballots, amplify };
  if (cast.round.length !== quorumOf(seatCount)) return counted;
  return { ...counted, tc: assemble(bySeat(cast.round), seatCount, join) };
}

function assemble(
  timeouts: readonly Verified<Timeout>[],
  seatCount: number,
  join: SignatureForm['join'],
): Verified<Tc> {
  const { epoch, round } = timeouts[0]!;
  const highest = timeouts.reduce((a, b) => (b.highQcRound > a.highQcRound ? b : a));
  return markVerified({
    epoch,
    round,
    signers: bitmapOf(
      timeouts.map((timeout) => timeout.voter),
      seatCount,
    ),
    highQcRounds: timeouts.map((timeout) => timeout.highQcRound),
    sigs: join(timeouts.map((timeout) => timeout.sig)),
    highQc: highest.highQc,
  });
}
