/**
 * Everything about a piece of work that can be refused before anyone is dialled: kernel, parameters,
 * dtypes, shapes, shard count, policy (contract.md, exit 2: "nothing was sent").
 */
import type { ErrorCode } from '../base/error-codes.ts';
import { KadreError } from '../base/errors.ts';
import { suggestion } from '../base/nearest.ts';
import {
  type ArraySpec,
  arrayBytes,
  type Kernel,
  kernelId,
  type Parameters,
  type ResolvedKernel,
} from '../kernel/contract.ts';
import { dtypeOf, type NdArray } from '../kernel/nd-array.ts';
import { findKernel, KERNELS } from '../kernel/registry.ts';
import { LIMITS } from '../wire/limits.ts';
import type { SubmitOptions } from './types.ts';

export interface CheckedWork {
  readonly kernel: Kernel;
  readonly resolved: ResolvedKernel;
}

/** Errors: UNKNOWN_KERNEL. */
export function requireKernel(id: string): Kernel {
  const kernel = findKernel(id);
  if (kernel !== undefined) return kernel;
  const known = KERNELS.map(kernelId);
  const advice = suggestion(id, known) || `known kernels: ${known.join(', ')}`;
  throw new KadreError({ code: 'UNKNOWN_KERNEL', advice }, `no kernel \`${id.slice(0, 64)}\``);
}

/** Errors: UNKNOWN_KERNEL, BAD_PARAMETER, BAD_INPUT, BAD_SHARD_COUNT. */
export function checkWork(
  id: string,
  parameters: Parameters,
  inputs: readonly ArraySpec[],
  shards: number | undefined,
): CheckedWork {
  const kernel = requireKernel(id);
  const resolved = kernel.resolve(parameters, inputs);
  if (!resolved.ok) {
    const code: ErrorCode = resolved.reason === 'bad-parameter' ? 'BAD_PARAMETER' : 'BAD_INPUT';
    throw new KadreError({ code }, `${id}: ${resolved.detail ?? resolved.reason}`);
  }
  const max = Math.min(resolved.value.shardsMax, LIMITS.shardsMax);
  if (shards !== undefined && !(Number.isInteger(shards) && shards >= 1 && shards <= max)) {
    const message = `${shards} shards; ${id} can split this work into 1 to ${max}`;
    throw new KadreError({ code: 'BAD_SHARD_COUNT', data: { max } }, message);
  }
  return { kernel, resolved: resolved.value };
}

/** What an array is, apart from its bytes. Errors: BAD_INPUT. */
export function specOfArray(name: string, array: NdArray): ArraySpec {
  const dtype = dtypeOf(array.data);
  if (dtype === undefined) {
    const type = array.data?.constructor?.name ?? typeof array.data;
    throw new KadreError({ code: 'BAD_INPUT' }, `input \`${name}\`: no kernel takes a ${type}`);
  }
  const spec: ArraySpec = { name, dtype, shape: array.shape };
  if (arrayBytes(spec) !== array.data.byteLength) {
    const message = `input \`${name}\`: shape [${array.shape}] does not fit ${array.data.length} elements`;
    throw new KadreError({ code: 'BAD_INPUT' }, message);
  }
  return spec;
}

/** Errors: BAD_POLICY. Absent values are the network's to choose. */
export function checkSubmitOptions(options: SubmitOptions): void {
  const bad = (message: string) => new KadreError({ code: 'BAD_POLICY' }, message);
  const { replicas, quorum, cadre, deadlineMs } = options;
  const within = (name: string, value: number | undefined, min: number, max: number) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= min && value <= max)) {
      throw bad(`${name} must be ${min} to ${max}, not ${value}`);
    }
  };
  within('replicas', replicas, 1, LIMITS.replicasMax);
  within('quorum', quorum, 1, LIMITS.replicasMax);
  within('cadre', cadre, 0, LIMITS.cadreSeatsMax);
  within('the deadline in ms', deadlineMs, 1, Number.MAX_SAFE_INTEGER);
  if (replicas !== undefined && quorum !== undefined && quorum > replicas) {
    throw bad(`a quorum of ${quorum} needs at least as many replicas, not ${replicas}`);
  }
}
