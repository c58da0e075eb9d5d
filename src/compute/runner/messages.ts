/** What the bodies of runner frames hold, and how results are laid out. */
import { ERROR_CODES, type ErrorCode } from '../../base/error-codes.ts';
import { DIGEST_BYTES } from '../../base/ids.ts';
import { regionBytes } from '../../kernel/assemble.ts';
import type { Parameters, ResolvedKernel } from '../../kernel/contract.ts';
import type { AddonFailure, BackendCandidate, GpuFacts } from '../addon.ts';
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
  /** GPUs in use. */
  readonly gpus: readonly GpuFacts[];
  /** All native backends that were looked at, best first, with why one is not used. */
  readonly candidates: readonly BackendCandidate[];
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

/** On the runner's side: a node that sends no JSON is a bug, and ends this process. */
export function parseJson<T>(body: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(body)) as T;
}

/** On the node's side: whatever a kernel did to its process, a frame of it never throws here. */
export function parseReady(body: Uint8Array): RunnerReady | undefined {
  const ready = fieldsOf(body) as Partial<RunnerReady>;
  const { backend, gpus, candidates, cpuFeatures, addonFailures, selftestFailures } = ready;
  const isReady =
    typeof (Object(backend) as Partial<Backend>).name === 'string' &&
    [gpus, candidates, cpuFeatures, addonFailures, selftestFailures].every(Array.isArray);
  return isReady ? (ready as RunnerReady) : undefined;
}

/** A failure that does not parse is one of the runner itself. */
export function parseFailure(body: Uint8Array): RunnerFailure {
  const { code, message } = fieldsOf(body);
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code)
    ? { code: code as ErrorCode, message: String(message) }
    : { code: 'RUNNER_FAILED', message: 'the runner process reports a failure without a code' };
}

function fieldsOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return Object(parseJson<unknown>(body)) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
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
