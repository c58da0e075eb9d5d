/**
 * Makes certificates with real keys: a small swarm, a job, seats, results, seals and votes, each
 * step built from the one before, so that a test can bend one step and have everything after it
 * signed properly. All randomness comes from labels: the same recipe gives the same bytes.
 */
import type { Signer } from '../../src/base/ports.ts';
import { composeCertificate } from '../../src/certificate/build.ts';
import { type Certificate, encodeCertificate } from '../../src/certificate/format.ts';
import { signTagged } from '../../src/crypto/portable/signed.ts';
import type { Plan, PlanPackage } from '../../src/job/plan.ts';
import { type RevealRecord, recordIdOf, type SealRecord } from '../../src/job/records.ts';
import { type JobSpec, jobIdOf } from '../../src/job/spec.ts';
import type { NdArray } from '../../src/kernel/nd-array.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import { TAGS } from '../../src/wire/tags.ts';
import { makeCommit, type Voters } from './certificate/commit.ts';
import { makeEpochs } from './certificate/epochs.ts';
import { makeRoster, makeSeats, makeSpec } from './certificate/parties.ts';
import { namedSigner, type Recipe } from './certificate/recipe.ts';
import { makeResults } from './certificate/results.ts';

export interface MadeCertificate {
  readonly bytes: Uint8Array;
  readonly certificate: Certificate;
  readonly package: PlanPackage;
  /** Who can vote on a commit body of this plan, and with which keys. */
  readonly voters: Voters;
  /** Identities in roster order. */
  readonly nodes: readonly Signer[];
  readonly spec: JobSpec;
  readonly requester: Signer;
  readonly outputs: Readonly<Record<string, NdArray>>;
  readonly inputs: Readonly<Record<string, NdArray>>;
  readonly seals: readonly SealRecord[];
  readonly reveals: readonly RevealRecord[];
}

export function makeCertificate(recipe: Recipe = {}): MadeCertificate {
  const label = recipe.label ?? 'certificate';
  const requester = namedSigner(`${label}/requester`);
  const inputs = recipe.inputs ?? {};
  const plain = makeSpec(recipe, requester);
  const spec = recipe.bend?.spec?.(plain) ?? plain;
  const job = { spec, signature: signTagged(requester, TAGS.signJobSpec, encodeCanonical(spec)) };
  const swarm = makeRoster(recipe, spec);
  const drafted: Plan = {
    v: 1,
    jobId: jobIdOf(spec),
    instance: 0,
    rosterRoot: swarm.root,
    seedSource: { source: 'requester' },
  };
  const plan = recipe.bend?.plan?.(drafted) ?? drafted;
  const seats = makeSeats(recipe, plan, swarm);
  const pkg = {
    job,
    plan,
    roster: swarm.adverts,
    skipped: recipe.skipped ?? [],
    cadre: seats.entries,
    requesterAddresses: [],
  };
  const work = makeResults(recipe, { plain, spec, plan, swarm, seats });
  const { links, last } = makeEpochs(recipe, plan, seats);
  const commit = makeCommit(recipe, {
    plan,
    seats: last,
    swarm,
    leaves: work.leaves,
    outputs: work.specs,
  });
  const composed = composeCertificate({
    package: pkg,
    outputs: work.specs,
    commit,
    epochs: links,
    shards: work.leaves,
    seals: (recipe.receipts === false ? [] : work.seals).map((record) => ({
      id: recordIdOf(encodeCanonical(record)),
      record,
    })),
    reveals: work.reveals.map((record) => ({ record })),
  });
  const certificate = recipe.bend?.certificate?.(composed) ?? composed;
  const { arrays: outputs, seals, reveals } = work;
  return {
    bytes: encodeCertificate(certificate),
    certificate,
    package: pkg,
    voters: { plan, ...seats, votes: recipe.votes ?? [...seats.keys.keys()] },
    nodes: swarm.signers,
    spec,
    requester,
    outputs,
    inputs,
    seals,
    reveals,
  };
}

export { voteFor } from './certificate/commit.ts';
export type { Recipe } from './certificate/recipe.ts';
export { NETWORK, namedSigner } from './certificate/recipe.ts';
