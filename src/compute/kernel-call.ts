/**
 * One kernel call, as backends inside a process see it: a resolved kernel, one shard, the bytes of
 * each range that the shard reads. Checking a request and finding those bytes happens here, once
 * for all backends.
 */
import { assert, KadreError } from '../base/errors.ts';
import { regionBytes } from '../kernel/assemble.ts';
import {
  type ArraySpec,
  type InputRange,
  type Kernel,
  kernelId,
  type ResolvedKernel,
} from '../kernel/contract.ts';
import { findKernel } from '../kernel/registry.ts';
import type { ExecutionInput, ExecutionRequest, InputSegment } from './executor.ts';

export interface KernelCall {
  readonly kernel: string;
  readonly resolved: ResolvedKernel;
  readonly shardCount: number;
  readonly shard: number;
  /** One per entry of `resolved.reads`, in that order; aligned to 4 bytes. */
  readonly reads: readonly Uint8Array[];
}

/** One way of running kernels in this process. */
export interface KernelBackend {
  readonly name: string;
  readonly kernels: readonly string[];
  /** Has threads of its own: calls may be started while others run. */
  readonly concurrent: boolean;
  /** Operations after which a caller of many short calls lets other work run: some 20 ms. */
  readonly pauseOperations: number;
  /** The outputs' bytes in schema order, at once for short calls. */
  run(call: KernelCall): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
}

/** A request that has been checked: kernel known, parameters and inputs right, shards in range. */
export interface PreparedRequest {
  readonly kernel: Kernel;
  readonly resolved: ResolvedKernel;
}

/** Throws UNKNOWN_KERNEL, BAD_PARAMETER, BAD_INPUT or BAD_SHARD_COUNT. */
export function prepareRequest(request: ExecutionRequest): PreparedRequest {
  const kernel = findKernel(request.kernel);
  if (kernel === undefined) {
    const known = { code: 'UNKNOWN_KERNEL', data: { kernel: request.kernel } } as const;
    throw new KadreError(known, `no kernel ${request.kernel}`);
  }
  const resolved = kernel.resolve(request.parameters, inputSpecs(kernel, request.inputs));
  if (!resolved.ok) {
    const code = resolved.reason === 'bad-parameter' ? 'BAD_PARAMETER' : 'BAD_INPUT';
    throw new KadreError({ code }, `${kernelId(kernel)}: ${resolved.detail ?? resolved.reason}`);
  }
  checkShards(request, resolved.value.shardsMax);
  return { kernel, resolved: resolved.value };
}

function inputSpecs(kernel: Kernel, inputs: readonly ExecutionInput[]): ArraySpec[] {
  return inputs.map(({ name, shape }) => {
    // An unknown name is refused by `resolve`, whatever its dtype would be.
    const dtype = kernel.schema.inputs.find((input) => input.name === name)?.dtype ?? '|u1';
    return { name, dtype, shape };
  });
}

function checkShards({ shardCount, shards }: ExecutionRequest, shardsMax: number): void {
  const isCount = Number.isSafeInteger(shardCount) && shardCount >= 1 && shardCount <= shardsMax;
  const isShard = (shard: number) =>
    Number.isSafeInteger(shard) && shard >= 0 && shard < shardCount;
  if (isCount && shards.every(isShard)) return;
  const data = { shardCount, shardsMax };
  throw new KadreError(
    { code: 'BAD_SHARD_COUNT', data },
    `shard count ${shardCount} is not in 1..${shardsMax}, or a shard is not below it`,
  );
}

/** The call of one shard; throws BAD_INPUT when a range that it reads was not supplied. */
export function callOf(
  prepared: PreparedRequest,
  request: ExecutionRequest,
  shard: number,
): KernelCall {
  const { resolved } = prepared;
  const reads = resolved.reads(request.shardCount, shard).map((range) => {
    const input = request.inputs.find(({ name }) => name === range.input);
    assert(input !== undefined, 'a kernel reads only its own inputs');
    const bytes = readRange(input.segments, range);
    if (bytes !== undefined) return bytes;
    const data = { shard, ...range };
    const missing = `${range.length} bytes of ${range.input} from ${range.offset}`;
    throw new KadreError({ code: 'BAD_INPUT', data }, `shard ${shard} needs ${missing}`);
  });
  return { kernel: request.kernel, resolved, shardCount: request.shardCount, shard, reads };
}

/** A range out of sorted, disjoint segments; in place when one aligned segment holds all of it. */
export function readRange(
  segments: readonly InputSegment[],
  range: Pick<InputRange, 'offset' | 'length'>,
): Uint8Array | undefined {
  const end = range.offset + range.length;
  let bytes: Uint8Array | undefined;
  let reached = range.offset;
  for (const segment of segments) {
    const segmentEnd = segment.offset + segment.bytes.length;
    if (segmentEnd <= reached) continue;
    if (segment.offset > reached) break;
    const from = reached - segment.offset;
    const piece = segment.bytes.subarray(from, from + Math.min(segmentEnd, end) - reached);
    if (piece.length === range.length && piece.byteOffset % 4 === 0) return piece;
    bytes ??= new Uint8Array(range.length);
    bytes.set(piece, reached - range.offset);
    reached += piece.length;
    if (reached === end) return bytes;
  }
  return range.length === 0 ? new Uint8Array(0) : undefined;
}

/** Fresh buffers for what a shard writes, one per output. */
export function outputBuffers(call: KernelCall): Uint8Array[] {
  const regions = call.resolved.regions(call.shardCount, call.shard);
  return call.resolved.outputs.map(
    (output, i) => new Uint8Array(regionBytes(output.dtype, regions[i]!)),
  );
}
