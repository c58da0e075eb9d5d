/**
 * Making a plan: the requester freezes job and roster into a package, chosen nodes take their seats
 * (job.md section 2, docs/protocol/job.md "Plan"). Opening one is `open-plan.ts`.
 */
import type { Digest } from '../base/ids.ts';
import type { Signer } from '../base/ports.ts';
import { signTagged } from '../crypto/portable/signed.ts';
import type { Roster } from '../swarm/roster.ts';
import { TAGS } from '../wire/tags.ts';
import { type CadreEntry, cadreEntryBody, type PlanPackage } from './plan.ts';
import { jobIdOf, type SignedJobSpec } from './spec.ts';

export interface DraftInit {
  readonly job: SignedJobSpec;
  readonly roster: Roster;
  /** 0 at first; one more for every cadre of this job that was lost. */
  readonly instance: number;
  readonly requesterAddresses: readonly string[];
}

/** A package without a cadre: complete for `cadre: 0`, otherwise what candidates are asked with. */
export function draftPlan(init: DraftInit): PlanPackage {
  const { job, roster, instance, requesterAddresses } = init;
  const plan: PlanPackage['plan'] = {
    v: 1,
    jobId: jobIdOf(job.spec),
    instance,
    rosterRoot: roster.root,
    seedSource: { source: 'requester' },
  };
  return { job, plan, roster: roster.adverts, skipped: [], cadre: [], requesterAddresses };
}

/** Takes a seat: the identity key vouches for the consensus key made for this plan. */
export function signCadreEntry(
  identity: Signer,
  planId: Digest,
  seat: number,
  key: Uint8Array,
): CadreEntry {
  const signature = signTagged(identity, TAGS.signCadreEntry, cadreEntryBody(planId, seat, key));
  return { seat, node: identity.nodeId, key, signature };
}

/** The full package. `entries`: one per seat, in any order; `skipped`: ranks, ascending. */
export function seatCadre(
  draft: PlanPackage,
  skipped: readonly number[],
  entries: readonly CadreEntry[],
): PlanPackage {
  return { ...draft, skipped, cadre: entries.toSorted((a, b) => a.seat - b.seat) };
}
