/**
 * The numbers of the certified path: every element of an update is an integer in units of 2^-F,
 * sums are exact integers held in doubles, and the few roundings there are have one answer on every
 * machine (docs/protocol/federated-codec.md, "Fixed point").
 */
import { accept, type Checked, refuse } from '../base/verdict.ts';

/** Elements are integers with |v| < 2^31: an int32 without its odd one out. */
export const ELEMENT_MAX = 2 ** 31 - 1;
/** Sum of the integer weights of one aggregate: keeps every weighted sum below 2^51. */
export const WEIGHT_TOTAL_MAX = 2 ** 20;
/** F, the fraction bits of a plan: 24 gives a range of ±128 in steps of 6e-8. */
export const FRACTION_BITS_DEFAULT = 24;
export const FRACTION_BITS_MIN = 8;
export const FRACTION_BITS_MAX = 30;

/** 1.5 x 2^52: adding and subtracting it rounds a double to an integer, ties to even. */
const ROUNDER = 6_755_399_441_055_744;

/** A decoded message with one value per element, in units of 2^-F. */
export interface DenseUpdate {
  readonly form: 'dense';
  readonly values: Int32Array;
}

/** A decoded message that names its elements: `indices` ascend strictly, no value is zero. */
export interface SparseUpdate {
  readonly form: 'sparse';
  /** Length of the vector that the indices point into. */
  readonly elements: number;
  readonly indices: Uint32Array;
  readonly values: Int32Array;
}

export type Update = DenseUpdate | SparseUpdate;

/** Nearest integer, ties to even, of |x| < 2^51. `Math.round` rounds halves up; C++ does not. */
export function roundHalfEven(x: number): number {
  return x + ROUNDER - ROUNDER;
}

/** floor((2 sum + W) / 2W): the mean with halves up; |sum| <= 2^51, 1 <= W <= 2^20. Exact. */
export function roundedMean(sum: number, weight: number): number {
  // Dividend and divisor times quotient stay below 2^53, so the double quotient's floor is exact.
  return Math.floor((2 * sum + weight) / (2 * weight));
}

/** The nearest element of a finite number, clamped to ±ELEMENT_MAX. Client side only. */
export function toFixed(x: number, fractionBits: number): number {
  const scaled = x * 2 ** fractionBits;
  if (scaled >= ELEMENT_MAX) return ELEMENT_MAX;
  if (scaled <= -ELEMENT_MAX) return -ELEMENT_MAX;
  // A sum with zero: -0 has no place among integers.
  return roundHalfEven(scaled) + 0;
}

/**
 * binary32 of elements: one rounding each, ties to even. A loop: `Float32Array.from` takes a
 * hundred times as long.
 */
export function toFloats(values: Int32Array, fractionBits: number): Float32Array {
  const step = 2 ** -fractionBits;
  const floats = new Float32Array(values.length);
  for (let k = 0; k < values.length; k++) floats[k] = values[k]! * step;
  return floats;
}

/** One value per element; absent ones of a sparse update are zero. A dense one is not copied. */
export function toDense(update: Update): Int32Array {
  if (update.form === 'dense') return update.values;
  const dense = new Int32Array(update.elements);
  for (let i = 0; i < update.indices.length; i++) dense[update.indices[i]!] = update.values[i]!;
  return dense;
}

/**
 * sum += weight x update, exactly: `sum` holds integers below 2^53 as long as all weights added up
 * stay within WEIGHT_TOTAL_MAX, which the caller counts. In any order the same sums.
 */
export function accumulate(sum: Float64Array, update: Update, weight: number): void {
  const { values } = update;
  if (update.form === 'dense') {
    for (let i = 0; i < values.length; i++) sum[i]! += weight * values[i]!;
    return;
  }
  const { indices } = update;
  for (let i = 0; i < values.length; i++) sum[indices[i]!]! += weight * values[i]!;
}

/**
 * estimate += update, for receivers that keep a dense estimate per client (EF21). Nothing changes
 * when an element would leave ±ELEMENT_MAX: reason `estimate-overflow`.
 */
export function addToEstimate(estimate: Int32Array, update: Update): Checked<Int32Array> {
  const { values } = update;
  const indices = update.form === 'sparse' ? update.indices : undefined;
  for (let i = 0; i < values.length; i++) {
    const next = estimate[indices === undefined ? i : indices[i]!]! + values[i]!;
    if (Math.abs(next) > ELEMENT_MAX) return refuse('estimate-overflow');
  }
  for (let i = 0; i < values.length; i++) {
    estimate[indices === undefined ? i : indices[i]!]! += values[i]!;
  }
  return accept(estimate);
}
