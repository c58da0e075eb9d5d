/**
 * The three ways into a seat: its requester opens the plan, members hand over a silent colleague's
 * seat in a plan that runs, or this node's own log has it from before a restart. Each ends with
 * what a member begins from, or with why there is none.
 */
import { equalBytes } from '../base/bytes.ts';
import { EarlyMessages } from '../base/early-messages.ts';
import { KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Network, Signer } from '../base/ports.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { PlanStore, RecoveredPlan, StoredPlan } from '../store/plan-store.ts';
import type { Draft } from './cadre-drafts.ts';
import type { CadreMember } from './cadre-member.ts';
import { fetchHandover, openHandover } from './handover.ts';
import { type JobRequest, refusedAnswer } from './job-messages.ts';
import type { MemberEpochsInit } from './member-epochs.ts';
import type { PlanCache } from './plan-cache.ts';

export interface TakeSeatComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly signer: Signer;
  readonly plans: PlanCache;
  readonly store: PlanStore;
  readonly keys: { signer(seed: Uint8Array): Signer };
}

export interface TakenSeat {
  readonly plan: OpenPlan;
  readonly seat: number;
  readonly planKey: Signer;
  readonly requester: PeerId;
  readonly stored: StoredPlan;
  readonly first: MemberEpochsInit['first'];
  readonly early: EarlyMessages<CadreMember>;
}

/** The cadre is complete. A refusal as the answer's bytes when the seat in it is not ours. */
export async function openSeat(
  { plans, store, signer, keys }: TakeSeatComponents,
  draft: Draft,
  { skipped, cadre, detached }: Extract<JobRequest, { t: 'open' }>,
): Promise<TakenSeat | Uint8Array> {
  const plan = plans.open({ ...draft.package, skipped, cadre });
  if (!plan.ok) return refusedAnswer(plan.reason, plan.detail ?? '');
  const seat = plan.value.seatOf(signer.nodeId);
  if (seat === undefined) return refusedAnswer('not-seated');
  const { planId, keySeed, requester, early } = draft;
  const planKey = keys.signer(keySeed);
  if (!equalBytes(plan.value.seats[seat]!.key, planKey.publicKey)) {
    return refusedAnswer('wrong-key');
  }
  draft.expiry.cancel();
  // What was checked, which a known plan's later packages need not be.
  const stored = { planId, keySeed, package: plan.value.package, detached };
  const first = { log: await store.create(stored), keyIsNew: true, handover: undefined };
  return { plan: plan.value, seat, planKey, requester, stored, first, early };
}

/** A member speaks in an epoch that we are to sit in. Undefined when it does not prove that. */
export async function joinSeat(
  { network, clock, store, keys }: TakeSeatComponents,
  draft: Draft,
  from: PeerId,
): Promise<TakenSeat | undefined> {
  const { planId, keySeed, requester, early, standIn } = draft;
  if (standIn === undefined) return undefined;
  const { plan, detached } = standIn;
  const fetched = await fetchHandover({ network, clock }, from, planId, {});
  const opened = await openHandover(plan, fetched, clock);
  if (!opened.ok) {
    network.penalise(from, opened.penalty, opened.reason);
    return undefined;
  }
  const planKey = keys.signer(keySeed);
  const { seats } = opened.value.cadre;
  const seat = seats.findIndex(({ key }) => equalBytes(key, planKey.publicKey));
  if (seat < 0) return undefined;
  const stored = { planId, keySeed, package: plan.package, detached };
  const log = await store.begin(stored, opened.value);
  const first = { log, keyIsNew: true, handover: opened.value };
  return { plan, seat, planKey, requester, stored, first, early };
}

/**
 * From a log of this node's. Undefined when the plan gives it no seat (any more). Errors:
 * DATA_DIR_DAMAGED when what the log says of its epoch does not hold.
 */
export async function resumeSeat(
  { plans, signer, keys, clock }: TakeSeatComponents,
  { plan: stored, handover, log }: RecoveredPlan,
): Promise<TakenSeat | undefined> {
  const plan = plans.open(stored.package);
  if (!plan.ok) return undefined;
  const opened = handover && (await openHandover(plan.value, handover, clock));
  if (opened?.ok === false) {
    throw new KadreError({ code: 'DATA_DIR_DAMAGED' }, `a handover in the log: ${opened.reason}`);
  }
  const { seats } = opened?.value.cadre ?? plan.value;
  const seat = seats.findIndex(({ node }) => equalBytes(node, signer.nodeId));
  if (seat < 0) return undefined;
  const requester = peerIdOf(plan.value.spec.requester);
  const planKey = keys.signer(stored.keySeed);
  const first = { log, keyIsNew: false, handover: opened?.value };
  const early = new EarlyMessages<CadreMember>();
  return { plan: plan.value, seat, planKey, requester, stored, first, early };
}
