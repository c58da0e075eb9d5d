/**
 * The plan: one frozen roster, one seed, one cadre for one job (job.md section 2). Ids are derived
 * in one direction: jobId and rosterRoot give planId, planId gives the seed, the seed gives cadre
 * and placement, and consensus keys are made per plan.
 */
import { type Digest, NODE_ID_BYTES, SIGNATURE_BYTES } from '../base/ids.ts';
import { countedRoot, taggedHash } from '../crypto/portable/hash.ts';
import { leafHash, treeHash } from '../crypto/portable/merkle.ts';
import { signedAdvertShape } from '../swarm/advert.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  list,
  oneOf,
  struct,
  text,
  variant,
} from '../wire/shape.ts';
import { TAGS } from '../wire/tags.ts';
import { signedJobSpecShape } from './spec.ts';

/** `beacon` is reserved: the format carries it, no version reads it yet. */
export const seedSourceShape = variant('source', {
  requester: struct({ source: oneOf('requester') }),
  beacon: struct({ source: oneOf('beacon'), round: integer(0), proof: bytesUpTo(1024) }),
});

export const planShape = struct({
  v: oneOf(1),
  jobId: bytes(32),
  /** 0 at first; a lost cadre is replaced by the next instance of the same job. */
  instance: integer(0, 1024),
  rosterRoot: bytes(32),
  seedSource: seedSourceShape,
});
export type Plan = Infer<typeof planShape>;

export const cadreEntryShape = struct({
  seat: integer(0, LIMITS.cadreSeatsMax - 1),
  node: bytes(NODE_ID_BYTES),
  /** Ed25519 public key made for this plan only. */
  key: bytes(32),
  /** Identity key over tag signCadreEntry and canonical {planId, seat, key}. */
  signature: bytes(SIGNATURE_BYTES),
});
export type CadreEntry = Infer<typeof cadreEntryShape>;

/** Everything a member or worker needs to recompute the plan for itself. */
export const planPackageShape = struct({
  job: signedJobSpecShape,
  plan: planShape,
  /** Sorted by node id, no duplicates. */
  roster: list(signedAdvertShape, LIMITS.rosterAdvertsMax, 1),
  /** Ranks of the cadre order that were skipped as unreachable, ascending. */
  skipped: list(integer(0, LIMITS.rosterAdvertsMax), LIMITS.cadreSeatsMax),
  cadre: list(cadreEntryShape, LIMITS.cadreSeatsMax),
  /** Where the requester can be dialled for inputs; hints, not signed. */
  requesterAddresses: list(text(256), 16),
});
export type PlanPackage = Infer<typeof planPackageShape>;

export function planIdOf(plan: Plan): Digest {
  return taggedHash(TAGS.plan, encodeCanonical(plan));
}

/** Empty beacon value while the seed source is the requester. */
export function seedOf(planId: Digest, beaconValue: Uint8Array = new Uint8Array(0)): Digest {
  return taggedHash(TAGS.seed, planId, beaconValue);
}

/** What a member signs when it takes a seat. */
export function cadreEntryBody(planId: Digest, seat: number, key: Uint8Array): Uint8Array {
  return encodeCanonical({ planId, seat, key });
}

/** Commits to seats, nodes, keys and signatures; every consensus signature binds it. */
export function cadreRootOf(entries: readonly CadreEntry[]): Digest {
  const leaves = entries.map((entry) => leafHash(encodeCanonical(entry)));
  return countedRoot(TAGS.cadre, entries.length, treeHash(leaves));
}
