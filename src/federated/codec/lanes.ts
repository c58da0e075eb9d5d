/**
 * Sums of floats whose bits do not depend on how wide the machine's vectors are: sixteen lanes,
 * folded in halves (docs/protocol/federated-codec.md, "Codecs"). Encoders only; decoding has no
 * floats.
 */
const LANES = 16;

/** Sum of |x[i]| for from <= i < to, in binary64. */
export function sumOfMagnitudes(x: Float32Array, from: number, to: number): number {
  const lanes = new Float64Array(LANES);
  for (let i = from; i < to; i++) lanes[(i - from) % LANES]! += Math.abs(x[i]!);
  return fold(lanes);
}

/** Sum of x[i]² for from <= i < to; each square of a binary32 is exact in binary64. */
export function sumOfSquares(x: Float32Array, from: number, to: number): number {
  const lanes = new Float64Array(LANES);
  for (let i = from; i < to; i++) lanes[(i - from) % LANES]! += x[i]! * x[i]!;
  return fold(lanes);
}

/** Lane l plus lane l + width, for widths of half, a quarter, ..., one. */
export function fold(lanes: Float64Array): number {
  for (let width = lanes.length / 2; width >= 1; width /= 2) {
    for (let l = 0; l < width; l++) lanes[l]! += lanes[l + width]!;
  }
  return lanes[0]!;
}

/** Largest |x[i]| for from <= i < to; 0 for none. */
export function largestMagnitude(x: Float32Array, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i++) largest = Math.max(largest, Math.abs(x[i]!));
  return largest;
}
