/**
 * The cadre of each epoch: the seats of the plan, then, one epoch after the other, the same with
 * one silent member's seat taken by a stand-in (docs/protocol/ledger.md, "Epochs"). A stand-in
 * comes from the plan's own window of ranks, so replacing widens nobody's choice of judges.
 */
import { equalBytes } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import { type Refusal, refuse } from '../base/verdict.ts';
import { isAdmissibleKey } from '../crypto/portable/ed25519.ts';
import { isSignedBy } from '../crypto/portable/signed.ts';
import { windowOf } from '../swarm/cadre-order.ts';
import { TAGS } from '../wire/tags.ts';
import type { OpenPlan } from './open-plan.ts';
import { type CadreEntry, cadreEntryBody, cadreRootOf } from './plan.ts';

export interface Cadre {
  /** How many seats were given to others since the plan began. */
  readonly epoch: number;
  /** By seat number. */
  readonly seats: readonly CadreEntry[];
  readonly cadreRoot: Digest;
}

/** The cadre after these stand-ins took their seats, oldest first. */
export function cadreAfter(plan: OpenPlan, standIns: readonly CadreEntry[]): Cadre {
  if (standIns.length === 0) return { epoch: 0, seats: plan.seats, cadreRoot: plan.cadreRoot };
  const seats = seatsAfter(plan.seats, standIns);
  return { epoch: standIns.length, seats, cadreRoot: cadreRootOf(seats) };
}

export function seatsAfter(
  first: readonly CadreEntry[],
  standIns: readonly CadreEntry[],
): readonly CadreEntry[] {
  const seats = [...first];
  for (const entry of standIns) seats[entry.seat] = entry;
  return seats;
}

/** True when the node, or the key, ever had a seat: neither gets a second one. */
export function wasSeated(
  plan: Pick<OpenPlan, 'seats'>,
  standIns: readonly CadreEntry[],
  { node, key }: Pick<CadreEntry, 'node' | 'key'>,
): boolean {
  const isSame = (other: CadreEntry) => equalBytes(other.node, node) || equalBytes(other.key, key);
  return plan.seats.some(isSame) || standIns.some(isSame);
}

/** Roster indexes of those that may still stand in, by rank. */
export function standInsLeft(plan: OpenPlan, standIns: readonly CadreEntry[]): readonly number[] {
  const nobody = new Uint8Array(0);
  return plan.cadreRanks
    .slice(0, windowOf(plan.policy.cadre))
    .filter((index) => !wasSeated(plan, standIns, { node: plan.nodes[index]!, key: nobody }));
}

/**
 * What is wrong with a stand-in's entry wherever the ledger stands. Reasons: `unknown-seat`,
 * `outside-window`, `bad-cadre-key`, `bad-cadre-signature`.
 */
export function standInProblem(plan: OpenPlan, entry: CadreEntry): Refusal | undefined {
  const { seat, node, key, signature } = entry;
  if (seat >= plan.seats.length) return refuse('unknown-seat');
  const index = plan.rosterIndexOf(node);
  const rank = index === undefined ? -1 : plan.cadreRanks.indexOf(index);
  if (rank < 0 || rank >= windowOf(plan.policy.cadre)) return refuse('outside-window');
  if (!isAdmissibleKey(key)) return refuse('bad-cadre-key');
  const body = cadreEntryBody(plan.planId, seat, key);
  const isSigned = isSignedBy(node, TAGS.signCadreEntry, body, signature);
  return isSigned ? undefined : refuse('bad-cadre-signature');
}
