/**
 * Building and judging job specs (job.md section 2, docs/protocol/job.md). The requester's mistakes
 * are thrown here, before anything is sent; the same rules, applied to a spec that a stranger
 * signed, give refusals.
 */
import { equalBytes } from '../base/bytes.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { KadreError } from '../base/errors.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { Signer } from '../base/ports.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { isSignedBy, signTagged } from '../crypto/portable/signed.ts';
import { type Kernel, kernelId, type Parameters, type ResolvedKernel } from '../kernel/contract.ts';
import { findKernel, KERNELS, kernelDigest } from '../kernel/registry.ts';
import type { Requirement } from '../swarm/requirement.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { TAGS } from '../wire/tags.ts';
import { checkPolicy } from './policy.ts';
import {
  type InputRef,
  type JobSpec,
  jobSpecShape,
  type Policy,
  type SignedJobSpec,
} from './spec.ts';

export interface SpecInit {
  /** `gemm.f32@1` */
  readonly kernelId: string;
  readonly parameters: Parameters;
  readonly inputs: readonly InputRef[];
  readonly shards: number;
  readonly policy: Policy;
  /** What workers' devices must be; absent: anything. */
  readonly requires?: Requirement | undefined;
  /** Workers must not answer from memory. Default: false. */
  readonly fresh?: boolean | undefined;
  readonly network: string;
  /** 16 fresh random bytes: two submissions of one computation are two jobs. */
  readonly nonce: Uint8Array;
}

export interface ResolvedSpec {
  readonly kernel: Kernel;
  readonly resolved: ResolvedKernel;
}

/**
 * Resolves and signs. Throws UNKNOWN_KERNEL, BAD_PARAMETER, BAD_INPUT, BAD_SHARD_COUNT, BAD_POLICY.
 */
export function buildSpec(init: SpecInit, signer: Signer): SignedJobSpec {
  const { kernel, resolved } = resolveJob(init);
  const policy = checkPolicy(init.policy);
  if (!policy.ok) throw new KadreError({ code: 'BAD_POLICY' }, policy.detail ?? policy.reason);
  const byName = new Map(init.inputs.map((input) => [input.name, input]));
  const spec: JobSpec = {
    v: 1,
    kernel: kernelId(kernel),
    kernelDigest: kernelDigest(kernel),
    parameters: resolved.parameters,
    inputs: resolved.inputs.map((input) => ({ ...input, root: byName.get(input.name)!.root })),
    shards: init.shards,
    policy: policy.value,
    ...(init.requires === undefined ? {} : { requires: init.requires }),
    ...(init.fresh === true ? { fresh: true } : {}),
    network: init.network,
    nonce: init.nonce,
    requester: signer.nodeId,
  };
  const body = encodeCanonical(spec);
  const problem = jobSpecShape(spec, '');
  if (problem !== undefined || body.length > LIMITS.jobSpecBytesMax) {
    const why =
      problem === undefined ? 'the job spec is too large' : `${problem.path}: ${problem.why}`;
    throw new KadreError({ code: 'BAD_PARAMETER' }, why);
  }
  return { spec, signature: signTagged(signer, TAGS.signJobSpec, body) };
}

/**
 * The kernel of a job about to be submitted, resolved. Throws as `buildSpec` does, apart from the
 * policy: use it to learn shapes and costs before the policy is derived.
 */
export function resolveJob(
  init: Pick<SpecInit, 'kernelId' | 'parameters' | 'inputs' | 'shards'>,
): ResolvedSpec {
  const kernel = findKernel(init.kernelId);
  if (kernel === undefined) throw unknownKernel(init.kernelId);
  const arrays = init.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const resolved = kernel.resolve(init.parameters, arrays);
  if (!resolved.ok) {
    const code: ErrorCode = resolved.reason === 'bad-input' ? 'BAD_INPUT' : 'BAD_PARAMETER';
    throw new KadreError({ code }, `${init.kernelId}: ${resolved.detail ?? resolved.reason}`);
  }
  const shardsMax = Math.min(resolved.value.shardsMax, LIMITS.shardsMax);
  if (!Number.isSafeInteger(init.shards) || init.shards < 1 || init.shards > shardsMax) {
    throw new KadreError(
      {
        code: 'BAD_SHARD_COUNT',
        advice: `choose a shard count in 1..${shardsMax}`,
        data: { shards: init.shards, shardsMax },
      },
      `${init.kernelId} on these inputs splits into 1..${shardsMax} shards, not ${init.shards}`,
    );
  }
  return { kernel, resolved: resolved.value };
}

export function unknownKernel(id: string): KadreError {
  const names = KERNELS.map(kernelId);
  const near = nearestName(id, names);
  const advice =
    near === undefined ? `known kernels: ${names.join(', ')}` : `did you mean ${near}?`;
  return new KadreError({ code: 'UNKNOWN_KERNEL', advice }, `no kernel ${JSON.stringify(id)}`);
}

/**
 * Judges a spec that someone else signed. Reasons: `unknown-kernel`, `wrong-kernel-digest`,
 * `bad-policy`, `bad-parameter`, `bad-input`, `bad-shard-count`, `not-resolved` (defaults or order
 * differ from what the kernel resolves to), `bad-signature`.
 */
export function checkSignedSpec(signed: SignedJobSpec): Checked<ResolvedSpec> {
  const { spec, signature } = signed;
  const kernel = findKernel(spec.kernel);
  if (kernel === undefined) return refuse('unknown-kernel', 'ignore', spec.kernel);
  if (!equalBytes(kernelDigest(kernel), spec.kernelDigest)) {
    return refuse('wrong-kernel-digest', 'ignore', spec.kernel);
  }
  const policy = checkPolicy(spec.policy);
  if (!policy.ok) return policy;
  const arrays = spec.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const resolved = kernel.resolve(spec.parameters, arrays);
  if (!resolved.ok) return resolved;
  if (spec.shards > resolved.value.shardsMax) return refuse('bad-shard-count');
  // One spelling per computation: defaults filled in, inputs in schema order.
  const { parameters, inputs } = resolved.value;
  const canonical = encodeCanonical({ parameters, inputs });
  const given = encodeCanonical({ parameters: spec.parameters, inputs: arrays });
  if (!equalBytes(canonical, given)) return refuse('not-resolved');
  const body = encodeCanonical(spec);
  if (!isSignedBy(spec.requester, TAGS.signJobSpec, body, signature)) {
    return refuse('bad-signature');
  }
  return accept({ kernel, resolved: resolved.value });
}
