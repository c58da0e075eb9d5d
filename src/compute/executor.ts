/**
 * Running shards: the port between roles and backends. Implementations: the runner process with
 * the native addon, the plain JavaScript reference, and the lab's lying wrappers.
 */
import type { Digest } from '../base/ids.ts';
import type { SignalOption } from '../base/ports.ts';
import type { Parameters } from '../kernel/contract.ts';

/** One piece of an input that has been fetched: bytes from `offset` on. */
export interface InputSegment {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface ExecutionInput {
  readonly name: string;
  readonly shape: readonly number[];
  /** Disjoint, sorted by offset; together they cover what the shards read. */
  readonly segments: readonly InputSegment[];
}

/** Several shards of one job in one call; each is its own kernel call. */
export interface ExecutionRequest {
  readonly kernel: string;
  readonly parameters: Parameters;
  readonly inputs: readonly ExecutionInput[];
  readonly shardCount: number;
  readonly shards: readonly number[];
}

export interface ShardOutput {
  /** Blob root of the region's bytes (docs/protocol/blob.md). */
  readonly root: Digest;
  /** C order, little-endian. */
  readonly content: Uint8Array;
}

export interface ShardResult {
  readonly shard: number;
  /** In the kernel's output order. */
  readonly outputs: readonly ShardOutput[];
}

export interface Backend {
  /** `cpu/avx2`, `cpu/js`, later `cuda/sm_90`. */
  readonly name: string;
  /** Kernel ids it can run. */
  readonly kernels: readonly string[];
  /** Of these, the ones that another backend runs: kernel id to its name. */
  readonly elsewhere?: Readonly<Record<string, string>>;
}

/** The backend that runs a kernel: what an advert says of it. */
export function backendFor(backend: Backend, kernel: string): string {
  return backend.elsewhere?.[kernel] ?? backend.name;
}

export interface Executor {
  readonly backend: Backend;
  /** Results in the order of `shards`. Errors: KERNEL_FAILED, RUNNER_FAILED, INTERRUPTED. */
  run(request: ExecutionRequest, options?: SignalOption): Promise<readonly ShardResult[]>;
}
