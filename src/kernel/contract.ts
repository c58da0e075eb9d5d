/**
 * The kernel contract: what a kernel is, apart from how any backend executes it. Everything here is
 * pure and integer, so requester, workers, cadre and the offline verifier derive the same shapes,
 * shards, regions and costs from a job spec alone (docs/protocol/kernel.md).
 */
import type { Checked } from '../base/verdict.ts';

/** `.npy` descriptors of the element types that kernels exchange. */
export const DTYPES = ['<f4', '<f8', '<i4', '<i8', '<u4', '<u8', '|i1', '|u1'] as const;
export type Dtype = (typeof DTYPES)[number];

/** Bytes per element. */
export const DTYPE_BYTES: Readonly<Record<Dtype, number>> = {
  '<f4': 4,
  '<f8': 8,
  '<i4': 4,
  '<i8': 8,
  '<u4': 4,
  '<u8': 8,
  '|i1': 1,
  '|u1': 1,
};

export type ParameterValue = number | string | boolean;
export type Parameters = Readonly<Record<string, ParameterValue>>;

export interface ParameterSchema {
  readonly name: string;
  readonly type: 'integer' | 'float' | 'text' | 'boolean';
  readonly min?: number;
  readonly max?: number;
  /** Of a text: the only ones possible. */
  readonly values?: readonly string[];
  /** Absent: the parameter must be given. */
  readonly default?: ParameterValue;
  readonly why: string;
}

export interface ArraySchema {
  readonly name: string;
  readonly dtype: Dtype;
  /** Number of dimensions. */
  readonly rank: number;
  /** Of an input: it may be left out. */
  readonly optional?: true;
  readonly why: string;
}

/** Hashed into the kernel digest together with name and major (docs/protocol/kernel.md). */
export interface KernelSchema {
  readonly parameters: readonly ParameterSchema[];
  readonly inputs: readonly ArraySchema[];
  readonly outputs: readonly ArraySchema[];
}

/** An array without its bytes: C order, little-endian. */
export interface ArraySpec {
  readonly name: string;
  readonly dtype: Dtype;
  /** Elements per dimension; zero-size only where the kernel says so. */
  readonly shape: readonly number[];
}

/** A box of one output: `offset` and `shape` have the output's rank. */
export interface Region {
  readonly offset: readonly number[];
  readonly shape: readonly number[];
}

/** A contiguous byte range of one input that a shard reads. */
export interface InputRange {
  readonly input: string;
  readonly offset: number;
  readonly length: number;
}

/** What one shard costs, for deadlines and load: an estimate, never checked. */
export interface Cost {
  /** Arithmetic operations. */
  readonly operations: number;
  /** Bytes read and written. */
  readonly bytes: number;
}

/** A kernel applied to parameters and input shapes: everything that follows from the two. */
export interface ResolvedKernel {
  /** Parameters with defaults filled in; this is what the job spec carries. */
  readonly parameters: Parameters;
  /** In schema order; optional ones that were not given are absent. */
  readonly inputs: readonly ArraySpec[];
  readonly outputs: readonly ArraySpec[];
  /** Shard counts from 1 to this are possible. */
  readonly shardsMax: number;
  /** The region of each output, in schema order, that this shard writes; regions tile exactly. */
  regions(shardCount: number, shard: number): readonly Region[];
  /** The input ranges that this shard reads. */
  reads(shardCount: number, shard: number): readonly InputRange[];
  cost(shardCount: number, shard: number): Cost;
}

export interface Kernel {
  readonly name: string;
  readonly major: number;
  readonly schema: KernelSchema;
  /** Version of docs/protocol/numeric-contract.md that its bits follow. */
  readonly numericContract: number;
  /** Version of its `regions`: a different tiling is a different kernel. */
  readonly planner: number;
  /** One sentence for lists. */
  readonly summary: string;
  /** Reasons: `bad-parameter`, `bad-input`. Never throws. */
  resolve(parameters: Parameters, inputs: readonly ArraySpec[]): Checked<ResolvedKernel>;
}

/** `gemm.f32@1`: how kernels are named everywhere. */
export function kernelId(kernel: Pick<Kernel, 'name' | 'major'>): string {
  return `${kernel.name}@${kernel.major}`;
}

/** Elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Bytes of an array in C order. */
export function arrayBytes(array: Pick<ArraySpec, 'dtype' | 'shape'>): number {
  return elementCount(array.shape) * DTYPE_BYTES[array.dtype];
}
