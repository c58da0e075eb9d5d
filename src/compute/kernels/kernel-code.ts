/**
 * How one kernel is executed, in one place: the reference, the call into native code, the samples
 * by which any backend is tested and measured. `table.ts` lists them all; a new kernel is its
 * declaration in src/kernel, its code here, its reference, and its C++ source.
 */
import type { Parameters } from '../../kernel/contract.ts';
import type { Addon } from '../addon.ts';
import type { ExecutionInput, ExecutionRequest } from '../executor.ts';
import type { KernelCall } from '../kernel-call.ts';
import { repeatedFloats, type SampleKind, sampleFloats } from '../sample-input.ts';

/** What native code gets besides the outputs; meanings in src/native/cpu. */
export interface NativeArguments {
  readonly extents: readonly number[];
  readonly inputs: readonly Uint8Array[];
}

/** The addon as a composed kernel uses it. */
export interface NativeLoops {
  readonly addon: Addon;
  /** `avx2`: the instruction set of the backend. */
  readonly variant: string;
  readonly threads: number;
}

export interface SelftestCase {
  readonly name: string;
  /** All shards. */
  readonly request: ExecutionRequest;
}

/** A sample of some size and how much more work the next larger one is. */
export interface SpeedLadder {
  readonly growth: number;
  readonly steps: number;
  request(step: number): ExecutionRequest;
}

export interface KernelCode {
  /** `gemm.f32@1` */
  readonly id: string;
  /** enum kadre_kernel in src/native/backend.h, and how it is called; absent: reference only. */
  readonly nativeKernel?: number;
  readonly native?: (call: KernelCall) => NativeArguments;
  /**
   * Absent where one native call does it all: the course of this kernel depends on its bytes, and
   * loops of the addon do the heavy parts. Returns the outputs.
   */
  readonly composed?: (call: KernelCall, native: NativeLoops) => readonly Uint8Array[];
  /** Fills the outputs, in steps of some ten milliseconds: the meaning of the kernel. */
  reference(call: KernelCall, outputs: readonly Uint8Array[]): Iterator<void>;
  /** Small, and hard where bits go wrong: rounding, edges, odd sizes. At least one. */
  selftest(): readonly SelftestCase[];
  readonly speed: SpeedLadder;
}

/** What a request runs: its kernel's parameters, inputs and number of shards. */
interface SampleInit {
  readonly kernel: string;
  readonly parameters?: Parameters;
  readonly inputs?: readonly ExecutionInput[];
  /** Default 1. */
  readonly shardCount?: number;
}

/** A request for all shards. */
export function sampleRequest(init: SampleInit): ExecutionRequest {
  const { kernel, parameters = {}, inputs = [], shardCount = 1 } = init;
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  return { kernel, parameters, inputs, shardCount, shards };
}

/** A binary32 input made by formula. */
export function sampleArray(
  name: string,
  kind: SampleKind,
  shape: readonly number[],
  seed: number,
): ExecutionInput {
  return inputOf(name, shape, sampleFloats(kind, elementsOf(shape), seed));
}

/** A binary32 input of moderate values for measuring speed. */
export function speedArray(name: string, shape: readonly number[], seed: number): ExecutionInput {
  return inputOf(name, shape, repeatedFloats('moderate', elementsOf(shape), seed));
}

function inputOf(name: string, shape: readonly number[], bytes: Uint8Array): ExecutionInput {
  return { name, shape, segments: [{ offset: 0, bytes }] };
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** The bytes of numbers, for arguments that are no whole numbers. */
export function bytesOf(numbers: Float32Array | Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** First index and count, along the first axis, of what a call computes. */
export function rowsOf(call: KernelCall): { first: number; count: number } {
  const { offset, shape } = call.resolved.regions(call.shardCount, call.shard)[0]!;
  return { first: offset[0]!, count: shape[0]! };
}
