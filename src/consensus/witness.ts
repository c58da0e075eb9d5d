/**
 * What each seat bound itself to lately, so that a timeout which forgets it is seen; and what is
 * done about a contradiction: it is held for a block, told to the others and to the operator.
 * Bounded: a few messages of every seat, and one proof of every fault of it. Design consensus.md
 * section 1.12.
 */
import { equalBytes } from '../base/bytes.ts';
import { isRemembered } from './eras.ts';
import {
  evidenceOf,
  faultName,
  forgets,
  type HeldEvidence,
  holdEvidence,
  proofOf,
} from './evidence.ts';
import type { CarriedFault } from './leader.ts';
import type { CommitVote, SignedMessage, Timeout } from './messages.ts';
import type { Draft } from './replica-state.ts';
import type { Verified, Vote } from './types.ts';

/** Votes and commit votes together, and timeouts, that are remembered of a seat: the newest. */
export const WITNESSED_MAX = 8;
/** Proofs held beside the final chain: those that blocks refer to, beside one of each fault. */
export const EVIDENCE_HELD_MAX = 512;

/** Votes and commit votes of a seat, and its timeouts. */
export interface Witnessed {
  readonly bonds: readonly (Vote | CommitVote)[];
  readonly timeouts: readonly Timeout[];
}

/** Remembers a checked message and accuses its seat when it contradicts an earlier one. */
export function witness<S>(draft: Draft<S>, message: Verified<Vote | CommitVote | Timeout>): void {
  const seat = message.voter;
  if (seat === draft.config.pen.seats.self) return;
  const known = draft.witnessed.get(seat) ?? { bonds: [], timeouts: [] };
  const contradicted =
    message.kind === 'timeout'
      ? known.bonds.find((bond) => forgets(bond, message))
      : known.timeouts.find((timeout) => forgets(message, timeout));
  if (contradicted !== undefined) accuse(draft, seat, [contradicted, message]);
  const next =
    message.kind === 'timeout'
      ? { ...known, timeouts: [...known.timeouts, message].slice(-WITNESSED_MAX) }
      : { ...known, bonds: [...known.bonds, message].slice(-WITNESSED_MAX) };
  draft.witnessed = new Map(draft.witnessed).set(seat, next);
}

/** Both messages were checked: what they prove is held here, and everyone is told once. */
export function accuse<S>(
  draft: Draft<S>,
  seat: number,
  messages: readonly [SignedMessage, SignedMessage],
): void {
  const { seats } = draft.config.pen;
  const evidence = evidenceOf(seats, seat, messages);
  const proof = proofOf(seats, evidence);
  if (!proof.ok) return;
  const held = holdEvidence(seats, evidence, proof.value.fault);
  if (!takeEvidence(draft, held)) return;
  draft.effects.push({
    kind: 'send',
    to: 'others',
    message: { kind: 'evidence', evidence: held.bytes },
  });
}

/** Holds checked evidence; false when its fault is known already and no block waits for it. */
export function takeEvidence<S>(draft: Draft<S>, held: HeldEvidence): boolean {
  const isKnown = knowsFault(draft, held);
  const isAwaited = [...draft.waiting.values()].some(({ block }) =>
    block.evidence.some((id) => equalBytes(id, held.id)),
  );
  if (draft.evidence.has(held.key) || (isKnown && !isAwaited)) return false;
  const evidence = new Map(draft.evidence).set(held.key, held);
  if (evidence.size > EVIDENCE_HELD_MAX) evidence.delete(evidence.keys().next().value!);
  draft.evidence = evidence;
  if (!isKnown) draft.effects.push({ kind: 'evidence', held });
  return !isKnown;
}

/** True when this fault of this seat is on the final chain, or held for it. */
export function knowsFault<S>(
  state: Pick<Draft<S>, 'evidence' | 'leaders' | 'tree'>,
  held: Pick<HeldEvidence, 'seat' | 'fault'>,
): boolean {
  const name = faultName(held);
  const height = state.tree.root.height + 1;
  const isOnRecord = (fault: CarriedFault) =>
    fault.name === name && isRemembered(fault.height, height);
  if (state.leaders.faults.some(isOnRecord)) return true;
  return [...state.evidence.values()].some((other) => faultName(other) === name);
}
