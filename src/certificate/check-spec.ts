/**
 * The job spec and plan of a certificate: policy, ids, and, where this build knows the kernel, that
 * digest, parameters and inputs are that kernel's (docs/protocol/certificate.md, section 5 step 2).
 */
import { equalBytes } from '../base/bytes.ts';
import { type Digest, publicKeyOf } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { planIdOf, seedOf } from '../job/plan.ts';
import { type JobSpec, jobIdOf } from '../job/spec.ts';
import type { ResolvedKernel } from '../kernel/contract.ts';
import { findKernel, kernelDigest } from '../kernel/registry.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type { Certificate } from './format.ts';

export interface SpecFacts {
  readonly spec: JobSpec;
  readonly jobId: Digest;
  readonly planId: Digest;
  readonly seed: Digest;
  /** Undefined when this build does not know the kernel's id. */
  readonly kernel: KnownKernel | undefined;
}

export interface KnownKernel {
  readonly resolved: ResolvedKernel;
  readonly numericContract: number;
}

/**
 * Reasons: `bad-policy`, `no-cadre`, `bad-requester`, `wrong-job-id`, `unsupported-seed-source`,
 * `wrong-kernel-digest`, `bad-kernel-arguments`, `too-many-shards`.
 */
export function checkSpec(certificate: Certificate): Checked<SpecFacts> {
  const { plan } = certificate;
  const { spec } = certificate.job;
  const { policy } = spec;
  if (policy.quorum > policy.replicas) return refuse('bad-policy');
  if (policy.cadre === 0) return refuse('no-cadre');
  if (publicKeyOf(spec.requester) === undefined) return refuse('bad-requester');
  const jobId = jobIdOf(spec);
  if (!equalBytes(plan.jobId, jobId)) return refuse('wrong-job-id');
  if (plan.seedSource.source !== 'requester') return refuse('unsupported-seed-source');
  const kernel = checkKernel(spec);
  if (!kernel.ok) return kernel;
  const planId = planIdOf(plan);
  return accept({ spec, jobId, planId, seed: seedOf(planId), kernel: kernel.value });
}

/**
 * A known name with another digest is refused: it would be printed under a name it does not have.
 */
function checkKernel(spec: JobSpec): Checked<KnownKernel | undefined> {
  const kernel = findKernel(spec.kernel);
  if (kernel === undefined) return accept(undefined);
  if (!equalBytes(kernelDigest(kernel), spec.kernelDigest)) return refuse('wrong-kernel-digest');
  const resolved = kernel.resolve(spec.parameters, spec.inputs);
  if (!resolved.ok) return refuse('bad-kernel-arguments', 'reject', resolved.detail);
  // The computation's identity is the parameters with defaults filled in, and nothing else.
  const complete = encodeCanonical(resolved.value.parameters);
  if (!equalBytes(complete, encodeCanonical(spec.parameters))) {
    return refuse('bad-kernel-arguments', 'reject', 'parameters without their defaults');
  }
  if (spec.shards > resolved.value.shardsMax) return refuse('too-many-shards');
  return accept({ resolved: resolved.value, numericContract: kernel.numericContract });
}
