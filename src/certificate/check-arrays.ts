/**
 * Whether an array in someone's hands is the one that a certificate speaks of: element type, shape
 * and every byte (docs/protocol/certificate.md, section 5, "Outputs").
 */
import { equalBytes } from '../base/bytes.ts';
import { type Refusal, refuse } from '../base/verdict.ts';
import { blobRoot } from '../blob/tree.ts';
import type { InputRef } from '../job/spec.ts';
import {
  type ArraySpec,
  arrayBytes,
  DTYPE_BYTES,
  type Dtype,
  type Region,
} from '../kernel/contract.ts';
import { dtypeOf, type TypedArray } from '../kernel/nd-array.ts';
import type { ResultColumns } from './result-columns.ts';

/** An array to check: C order. */
export interface CheckedArray {
  /** A typed array, or, with `dtype`, the little-endian bytes. */
  readonly data: TypedArray;
  readonly shape: readonly number[];
  /** Needed only where `data` is raw bytes; otherwise it follows from the typed array. */
  readonly dtype?: Dtype;
}

/** Reasons: `unknown-input`, `input-dtype`, `input-shape`, `input-mismatch`. */
export function checkInput(
  inputs: readonly InputRef[],
  name: string,
  array: CheckedArray,
): Refusal | undefined {
  const input = inputs.find((candidate) => candidate.name === name);
  if (input === undefined) return refuse('unknown-input', 'reject', name);
  const bytes = bytesOf(array, input, 'input');
  if (!(bytes instanceof Uint8Array)) return bytes;
  return equalBytes(blobRoot(bytes), input.root)
    ? undefined
    : refuse('input-mismatch', 'reject', name);
}

/** Reasons: `unknown-output`, `output-dtype`, `output-shape`, `output-mismatch`. */
export function checkOutput(
  results: ResultColumns,
  name: string,
  array: CheckedArray,
): Refusal | undefined {
  const output = results.outputs.findIndex((candidate) => candidate.name === name);
  const spec = results.outputs[output];
  if (spec === undefined) return refuse('unknown-output', 'reject', name);
  const bytes = bytesOf(array, spec, 'output');
  if (!(bytes instanceof Uint8Array)) return bytes;
  for (let shard = 0; shard < results.shardCount; shard++) {
    const part = gatherRegion(bytes, spec, results.region(shard, output));
    if (!equalBytes(blobRoot(part), results.digest(shard, output))) {
      return refuse('output-mismatch', 'reject', `${name}: shard ${shard} differs`);
    }
  }
  return undefined;
}

/** The array's bytes, when it is of the stated dtype and shape. */
function bytesOf(
  array: CheckedArray,
  spec: ArraySpec,
  side: 'input' | 'output',
): Uint8Array | Refusal {
  const { data, shape } = array;
  const held = dtypeOf(data);
  // Raw bytes with a dtype beside them are what a file holds.
  const dtype = held === '|u1' ? (array.dtype ?? held) : held;
  if (dtype !== spec.dtype || (array.dtype ?? dtype) !== dtype) {
    return refuse(`${side}-dtype`, 'reject', `${spec.name}: ${dtype}, not ${spec.dtype}`);
  }
  const sameShape =
    shape.length === spec.shape.length && shape.every((extent, d) => extent === spec.shape[d]);
  if (!sameShape || data.byteLength !== arrayBytes(spec)) {
    return refuse(`${side}-shape`, 'reject', `${spec.name}: [${shape}], not [${spec.shape}]`);
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The region's bytes in C order; a view, not a copy, where they are contiguous. */
export function gatherRegion(
  bytes: Uint8Array,
  array: Pick<ArraySpec, 'dtype' | 'shape'>,
  region: Region,
): Uint8Array {
  const unit = DTYPE_BYTES[array.dtype];
  const { outer, run } = contiguousRun(array.shape, region);
  const strides = stridesOf(array.shape);
  const base = region.offset.reduce((sum, offset, d) => sum + offset * strides[d]!, 0);
  const rows = region.shape.slice(0, outer).reduce((product, extent) => product * extent, 1);
  if (rows === 1) return bytes.subarray(base * unit, (base + run) * unit);
  const gathered = new Uint8Array(rows * run * unit);
  const index = new Array<number>(outer).fill(0);
  for (let row = 0; row < rows; row++) {
    const start = base + index.reduce((sum, i, d) => sum + i * strides[d]!, 0);
    gathered.set(bytes.subarray(start * unit, (start + run) * unit), row * run * unit);
    advance(index, region.shape);
  }
  return gathered;
}

/** Dimensions that need a loop, and the elements that lie together inside the innermost of them. */
function contiguousRun(shape: readonly number[], region: Region): { outer: number; run: number } {
  let outer = shape.length;
  let run = 1;
  while (outer > 0) {
    outer -= 1;
    run *= region.shape[outer]!;
    if (region.shape[outer] !== shape[outer]) break;
  }
  return { outer, run };
}

function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape[d]!;
  }
  return strides;
}

/** Counts up in C order over the first dimensions. */
function advance(index: number[], shape: readonly number[]): void {
  for (let d = index.length - 1; d >= 0; d--) {
    index[d]! += 1;
    if (index[d]! < shape[d]!) return;
    index[d] = 0;
  }
}
