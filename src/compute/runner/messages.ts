/** What the bodies of runner frames hold, and how results are laid out. */
import type { ErrorCode } from '../../base/error-codes.ts';
import { DIGEST_BYTES } from '../../base/ids.ts';
import { regionBytes } from '../../kernel/assemble.ts';
import type { Parameters, ResolvedKernel } from '../../kernel/contract.ts';
import type { AddonFailure } from '../addon.ts';
import type { Backend, ExecutionRequest, InputSegment, ShardResult } from '../executor.ts';
import type { SelftestRow } from '../selftest.ts';

/** A job as the runner keeps it. */
export interface OpenedJob {
  readonly kernel: string;
  readonly parameters: Parameters;
  readonly shardCount: number;
  readonly inputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    /** Byte ranges whose content follows, in this order. */
    readonly runs: readonly InputRun[];
  }[];
}

/** Adjacent segments joined: what a kernel can read in place. */
export interface InputRun {
  readonly offset: number;
  readonly length: number;
}

export interface RunnerReady {
  readonly backend: Backend;
  readonly cpuFeatures: readonly string[];
  /** Why no native backend is used; empty when one is. */
  readonly addonFailures: readonly AddonFailure[];
  /** Kernels that a better backend got wrong, and how. */
  readonly selftestFailures: readonly SelftestRow[];
}

export interface RunnerFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Bytes of a JSON body. */
export const JSON_BYTES_MAX = 4 * 1024 * 1024;

export function jsonBody(value: OpenedJob | RunnerReady | RunnerFailure): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function parseJson<T>(body: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(body)) as T;
}

export function openedJob(request: ExecutionRequest): OpenedJob {
  return {
    kernel: request.kernel,
    parameters: request.parameters,
    shardCount: request.shardCount,
    inputs: request.inputs.map(({ name, shape, segments }) => ({
      name,
      shape,
      runs: runsOf(segments),
    })),
  };
}

function runsOf(segments: readonly InputSegment[]): InputRun[] {
  const runs: { offset: number; length: number }[] = [];
  for (const { offset, bytes } of segments) {
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += bytes.length;
    else if (bytes.length > 0) runs.push({ offset, length: bytes.length });
  }
  return runs;
}

export function shardsBody(shards: readonly number[]): Uint8Array {
  const body = new Uint8Array(shards.length * 4);
  const view = new DataView(body.buffer);
  for (let i = 0; i < shards.length; i++) view.setUint32(i * 4, shards[i]!, true);
  return body;
}

export function shardsOf(body: Uint8Array): number[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Array.from({ length: body.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}

/** Content bytes of each output of one shard. */
export function outputBytes(resolved: ResolvedKernel, shardCount: number, shard: number): number[] {
  const regions = resolved.regions(shardCount, shard);
  return resolved.outputs.map((output, i) => regionBytes(output.dtype, regions[i]!));
}

/** All roots, 32 bytes each, in shard and output order; the contents follow in the same order. */
export function rootsOf(results: readonly ShardResult[]): Uint8Array {
  const outputs = results.flatMap((result) => result.outputs);
  const roots = new Uint8Array(outputs.length * DIGEST_BYTES);
  for (let i = 0; i < outputs.length; i++) roots.set(outputs[i]!.root, i * DIGEST_BYTES);
  return roots;
}

/** The body that answers a RUN of these shards is exactly this long. */
export function resultBytes(expected: readonly (readonly number[])[]): number {
  let total = 0;
  for (const sizes of expected) for (const size of sizes) total += DIGEST_BYTES + size;
  return total;
}

/** `expected` has the output sizes of each shard; the body has `resultBytes(expected)` bytes. */
export function parseResults(
  body: Uint8Array,
  shards: readonly number[],
  expected: readonly (readonly number[])[],
): ShardResult[] {
  let root = 0;
  let content = expected.reduce((count, sizes) => count + sizes.length, 0) * DIGEST_BYTES;
  return shards.map((shard, i) => ({
    shard,
    outputs: expected[i]!.map((size) => {
      const output = {
        root: body.subarray(root, root + DIGEST_BYTES),
        content: body.subarray(content, content + size),
      };
      root += DIGEST_BYTES;
      content += size;
      return output;
    }),
  }));
}
