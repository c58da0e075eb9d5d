/**
 * Whether boxes tile an array exactly, in any number of dimensions and any order of boxes
 * (docs/protocol/certificate.md, section 3). Rule: the signed sum of corners over all boxes equals
 * that of the whole. Taking signed corners is taking one difference per dimension of "how many
 * boxes cover this element"; differences lose nothing of a function that is zero outside a bounded
 * set, so equal corners mean equal cover, and the whole covers every element once.
 */
import type { Region } from '../kernel/contract.ts';

/** True when the array's corners can be numbered exactly: the product of (extent + 1) is safe. */
export function isTileable(shape: readonly number[]): boolean {
  return shape.reduce((product, extent) => product * (extent + 1), 1) <= Number.MAX_SAFE_INTEGER;
}

/** True when the region lies inside the shape, dimension by dimension. */
export function isInside(region: Region, shape: readonly number[]): boolean {
  return shape.every((extent, d) => {
    const end = region.offset[d]! + region.shape[d]!;
    return Number.isSafeInteger(end) && end <= extent;
  });
}

/** Regions must lie inside the shape, which must be tileable. O(regions x 2^rank). */
export function tilesExactly(shape: readonly number[], regions: Iterable<Region>): boolean {
  const strides = cornerStrides(shape);
  /** Corner number to signed count; zero counts are removed. */
  const corners = new Map<number, number>();
  const whole: Region = { offset: shape.map(() => 0), shape };
  addCorners(corners, whole, strides, -1);
  for (const region of regions) addCorners(corners, region, strides, 1);
  return corners.size === 0;
}

/** Corner coordinates run from 0 to the extent, both included. */
function cornerStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape[d]! + 1;
  }
  return strides;
}

function addCorners(
  corners: Map<number, number>,
  region: Region,
  strides: readonly number[],
  weight: 1 | -1,
): void {
  const rank = strides.length;
  for (let far = 0; far < 1 << rank; far++) {
    let corner = 0;
    let sign: number = weight;
    for (let d = 0; d < rank; d++) {
      const isFar = ((far >> d) & 1) === 1;
      corner += (region.offset[d]! + (isFar ? region.shape[d]! : 0)) * strides[d]!;
      if (isFar) sign = -sign;
    }
    const sum = (corners.get(corner) ?? 0) + sign;
    if (sum === 0) corners.delete(corner);
    else corners.set(corner, sum);
  }
}
