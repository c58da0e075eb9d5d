/**
 * A submission as far as this side can judge it, with every default filled in: whatever is wrong
 * with it is told before anything is stored or sent (contract.md, exit 2).
 */
import { KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import { derivePolicy, type PolicyChoice } from '../job/policy.ts';
import { REUSES, type Reuse, type WantedWork } from '../job/reuse.ts';
import { computationIdOf, type InputRef, type Policy } from '../job/spec.ts';
import type { ArraySpec, Parameters, ResolvedKernel } from '../kernel/contract.ts';
import { kernelDigest } from '../kernel/registry.ts';
import type { NetworkPolicy } from '../swarm/network-file.ts';
import type { Requirement } from '../swarm/requirement.ts';
import { checkWork, requirementOf, specOfArray } from './check-work.ts';
import type { SubmitOptions, Work } from './types.ts';

const WAIT_PEERS_MS = 10_000;

export interface Submission {
  readonly kernel: string;
  readonly kernelDigest: Digest;
  readonly resolved: ResolvedKernel;
  readonly parameters: Parameters;
  /** In the order in which the caller gave them. */
  readonly arrays: readonly ArraySpec[];
  readonly shards: number | undefined;
  readonly asked: PolicyChoice;
  /** Before the job's cost is known: its times are the least ones. */
  readonly policy: Policy;
  readonly requires: Requirement | undefined;
  readonly waitPeersMs: number;
  readonly detached: boolean;
  readonly reuse: Reuse;
}

/** Errors: UNKNOWN_KERNEL, BAD_PARAMETER, BAD_INPUT, BAD_SHARD_COUNT, BAD_POLICY, USAGE. */
export function readSubmission(
  kernelId: string,
  work: Work,
  options: SubmitOptions & { readonly network: NetworkPolicy },
): Submission {
  const { waitPeersMs = WAIT_PEERS_MS, detached = false, reuse = 'own' } = options;
  const { replicas, quorum, cadre, deadlineMs, network } = options;
  const chosen = { replicas, quorum, cadre, deadlineMs };
  const given = Object.entries(chosen).filter(([, value]) => value !== undefined);
  const asked: PolicyChoice = { ...network, ...Object.fromEntries(given) };
  if (!REUSES.includes(reuse)) {
    const advice = "choose 'own', 'trusted' or false";
    throw new KadreError({ code: 'USAGE', advice }, `reuse cannot be ${String(reuse)}`);
  }
  const arrays = Object.entries(work.inputs ?? {}).map(([name, array]) => specOfArray(name, array));
  const requires = requirementOf(options.requires);
  const { kernel, resolved } = checkWork(kernelId, work, { ...asked, waitPeersMs });
  return {
    kernel: kernelId,
    kernelDigest: kernelDigest(kernel),
    resolved,
    parameters: work.parameters ?? {},
    arrays,
    shards: work.shards,
    asked,
    policy: derivePolicy(asked),
    requires,
    waitPeersMs,
    detached,
    reuse,
  };
}

/** What an earlier job must be to answer this submission. */
export function wantedOf(
  submission: Submission,
  inputs: readonly InputRef[],
  network: string,
): WantedWork {
  const { resolved, shards, policy, requires } = submission;
  const roots = new Map(inputs.map(({ name, root }) => [name, root]));
  const computationId = computationIdOf({
    kernelDigest: submission.kernelDigest,
    parameters: resolved.parameters,
    inputs: resolved.inputs.map(({ name, dtype, shape }) => {
      return { name, dtype, shape: [...shape], root: roots.get(name)! };
    }),
  });
  const { kernelDigest: digest } = submission;
  return { computationId, kernelDigest: digest, shards, policy, requires, network };
}
