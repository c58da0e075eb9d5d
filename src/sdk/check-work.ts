/**
 * Everything about a piece of work that can be refused before anyone is dialled: kernel, dtypes,
 * parameters, shapes, shard count, policy (contract.md, exit 2: nothing was sent).
 */
import { KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import { type ResolvedSpec, resolveJob, unknownKernel } from '../job/build-spec.ts';
import { checkWaitPeers, derivePolicy, type PolicyChoice } from '../job/policy.ts';
import type { InputRef } from '../job/spec.ts';
import { type ArraySpec, arrayBytes, type Kernel, type Parameters } from '../kernel/contract.ts';
import { dtypeOf, type InputArray } from '../kernel/nd-array.ts';
import { findKernel } from '../kernel/registry.ts';
import { parseRequirement, type Requirement } from '../swarm/requirement.ts';
import type { Work } from './types.ts';

/** Stands for a root where only dtypes and shapes matter. */
const NO_ROOT: Digest = new Uint8Array(32);

/**
 * `options`: what the caller chose over the network's own defaults.
 * Errors: UNKNOWN_KERNEL, BAD_PARAMETER, BAD_INPUT, BAD_SHARD_COUNT, BAD_POLICY.
 */
export function checkWork(
  kernel: string,
  work: Work,
  options: PolicyChoice & { readonly waitPeersMs?: number | undefined },
): ResolvedSpec {
  const inputs = Object.entries(work.inputs ?? {}).map(([name, array]): InputRef => {
    const { dtype, shape } = specOfArray(name, array);
    return { name, dtype, shape: [...shape], root: NO_ROOT };
  });
  const parameters: Parameters = work.parameters ?? {};
  const resolved = resolveJob({ kernelId: kernel, parameters, inputs, shards: work.shards ?? 1 });
  const { replicas, quorum, cadre, deadlineMs, waitPeersMs = 0 } = options;
  derivePolicy({ replicas, quorum, cadre, deadlineMs });
  checkWaitPeers(waitPeersMs);
  return resolved;
}

/** Reads `SubmitOptions.requires`. Errors: BAD_POLICY. */
export function requirementOf(text: string | undefined): Requirement | undefined {
  if (text === undefined) return undefined;
  const parsed = parseRequirement(text);
  if (parsed.ok) return parsed.value;
  throw new KadreError({ code: 'BAD_POLICY' }, parsed.detail ?? parsed.reason);
}

/** Errors: UNKNOWN_KERNEL, with the nearest known name. */
export function requireKernel(id: string): Kernel {
  const kernel = findKernel(id);
  if (kernel === undefined) throw unknownKernel(id);
  return kernel;
}

/** What an array is, apart from its bytes. Errors: BAD_INPUT. */
export function specOfArray(name: string, array: InputArray): ArraySpec {
  if ('source' in array) {
    const { dtype, shape, source } = array;
    const spec: ArraySpec = { name, dtype, shape };
    if (arrayBytes(spec) === source.bytes) return spec;
    const message = `input \`${name}\`: shape [${shape}] does not fit ${source.bytes} bytes`;
    throw new KadreError({ code: 'BAD_INPUT' }, message);
  }
  const dtype = dtypeOf(array.data);
  if (dtype === undefined) {
    const type = array.data?.constructor?.name ?? typeof array.data;
    throw new KadreError({ code: 'BAD_INPUT' }, `input \`${name}\`: no kernel takes a ${type}`);
  }
  const spec: ArraySpec = { name, dtype, shape: array.shape };
  if (arrayBytes(spec) === array.data.byteLength) return spec;
  const held = `${array.data.length} elements`;
  const message = `input \`${name}\`: shape [${array.shape}] does not fit ${held}`;
  throw new KadreError({ code: 'BAD_INPUT' }, message);
}
