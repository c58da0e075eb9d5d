/**
 * Whether an earlier job's certificate answers a new submission: a computation is a function of
 * what its `computationId` covers, so only the strength of the proof can differ. Rule:
 * docs/protocol/job.md, "Reuse".
 */
import { equalBytes } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import { isSameRequirement, type Requirement } from '../swarm/requirement.ts';
import { computationIdOf, type JobSpec, type Policy } from './spec.ts';

/** `own`: of the same requester key; `trusted`: of anybody, under an anchor, spot-checked here. */
export const REUSES = ['own', 'trusted', false] as const;
export type Reuse = (typeof REUSES)[number];

/** A submission as far as it decides which earlier job may stand for it. */
export interface WantedWork {
  readonly computationId: Digest;
  readonly kernelDigest: Digest;
  /** Undefined where the submitter left the count open. */
  readonly shards: number | undefined;
  readonly policy: Pick<Policy, 'replicas' | 'quorum' | 'cadre'>;
  readonly requires: Requirement | undefined;
  readonly network: string;
}

/**
 * True when the same values were, or are being, computed in the same cut, on the same kind of
 * devices, by at least as many who had to agree.
 */
export function standsFor(spec: JobSpec, wanted: WantedWork): boolean {
  const { replicas, quorum, cadre } = spec.policy;
  return (
    equalBytes(spec.kernelDigest, wanted.kernelDigest) &&
    spec.network === wanted.network &&
    (wanted.shards === undefined || spec.shards === wanted.shards) &&
    replicas >= wanted.policy.replicas &&
    quorum >= wanted.policy.quorum &&
    cadre >= wanted.policy.cadre &&
    isSameRequirement(spec.requires, wanted.requires) &&
    equalBytes(computationOf(spec), wanted.computationId)
  );
}

/** Specs on record are asked about with every submission, and their hash never changes. */
const known = new WeakMap<JobSpec, Digest>();

/** `computationIdOf`, hashed once per spec. */
export function computationOf(spec: JobSpec): Digest {
  const id = known.get(spec) ?? computationIdOf(spec);
  known.set(spec, id);
  return id;
}
