/**
 * Regions of an output and its whole: cutting one out, putting one in. Both sides are C-order
 * little-endian bytes (docs/protocol/kernel.md, "Regions").
 */
import { assert } from '../base/errors.ts';
import {
  type ArraySpec,
  arrayBytes,
  DTYPE_BYTES,
  type Dtype,
  elementCount,
  type Region,
} from './contract.ts';

type ArrayLayout = Pick<ArraySpec, 'dtype' | 'shape'>;

export function regionBytes(dtype: Dtype, region: Region): number {
  return elementCount(region.shape) * DTYPE_BYTES[dtype];
}

/** Copies a region's bytes to their place in the whole array's bytes. */
export function placeRegion(
  whole: Uint8Array,
  array: ArrayLayout,
  region: Region,
  content: Uint8Array,
): void {
  assert(whole.length === arrayBytes(array), 'the whole has the bytes of its shape');
  assert(
    content.length === regionBytes(array.dtype, region),
    'content has the bytes of its region',
  );
  for (const run of runsOf(array, region)) {
    whole.set(content.subarray(run.inRegion, run.inRegion + run.length), run.inWhole);
  }
}

/** The bytes of one region of a whole array. */
export function cutRegion(whole: Uint8Array, array: ArrayLayout, region: Region): Uint8Array {
  const content = new Uint8Array(regionBytes(array.dtype, region));
  for (const run of runsOf(array, region)) {
    content.set(whole.subarray(run.inWhole, run.inWhole + run.length), run.inRegion);
  }
  return content;
}

interface Run {
  readonly inWhole: number;
  readonly inRegion: number;
  readonly length: number;
}

/**
 * The region as contiguous runs of bytes. Trailing dimensions that the region spans in full fold
 * into the run, so a band of whole rows is a single one.
 */
function* runsOf(array: ArrayLayout, region: Region): Generator<Run> {
  const itemBytes = DTYPE_BYTES[array.dtype];
  const rank = array.shape.length;
  if (elementCount(region.shape) === 0) return;
  let inner = rank;
  let folded = 1;
  while (inner > 0 && region.shape[inner - 1] === array.shape[inner - 1]) {
    inner -= 1;
    folded *= array.shape[inner]!;
  }
  // One more dimension is contiguous even when only a part of it is taken.
  const outer = Math.max(inner - 1, 0);
  const length = (inner > 0 ? region.shape[inner - 1]! * folded : folded) * itemBytes;
  const runCount = elementCount(region.shape.slice(0, outer));
  for (let run = 0; run < runCount; run++) {
    yield {
      inWhole: startOf(array, region, outer, run) * itemBytes,
      inRegion: run * length,
      length,
    };
  }
}

/** Element offset in the whole of run number `run`, counted over the outer dimensions. */
function startOf(array: ArrayLayout, region: Region, outer: number, run: number): number {
  let rest = run;
  let stride = 1;
  let start = 0;
  for (let axis = array.shape.length - 1; axis >= 0; axis--) {
    let position = region.offset[axis]!;
    if (axis < outer) {
      const extent = region.shape[axis]!;
      position += rest % extent;
      rest = Math.floor(rest / extent);
    }
    start += position * stride;
    stride *= array.shape[axis]!;
  }
  return start;
}
