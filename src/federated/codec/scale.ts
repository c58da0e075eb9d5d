/**
 * Scales: 11 bits of mantissa and 5 of exponent in one u16, with one spelling per value. An even or
 * odd level times a scale is exact in binary32, so residuals need no second opinion
 * (docs/protocol/federated-codec.md, "Scales").
 */
import { ELEMENT_MAX, roundHalfEven } from '../fixed-point.ts';

const MANTISSA_BITS = 11;
const MANTISSA_END = 1 << MANTISSA_BITS;
const EXPONENT_MAX = 31;
const SCALE_MAX = (EXPONENT_MAX << MANTISSA_BITS) | (MANTISSA_END - 1);

/** m · 2^e, an integer below 2^42. */
export function scaleValue(scale: number): number {
  return (scale & (MANTISSA_END - 1)) * 2 ** (scale >>> MANTISSA_BITS);
}

/** True for the one spelling of a value: m >= 1024, or e = 0. */
export function isNormalScale(scale: number): boolean {
  return (scale & (MANTISSA_END >> 1)) !== 0 || scale < MANTISSA_END;
}

/** The scale nearest to a real r >= 0, ties to the even mantissa; beyond the range the largest. */
export function nearestScale(r: number): number {
  return scaleOf(r, roundHalfEven);
}

/** The least scale >= r, for encoders that must not clip. */
export function scaleAbove(r: number): number {
  return scaleOf(r, Math.ceil);
}

function scaleOf(r: number, round: (x: number) => number): number {
  let exponent = 0;
  let mantissa = Math.min(r, 2 ** 42);
  for (; mantissa >= MANTISSA_END; mantissa /= 2) exponent += 1;
  mantissa = round(mantissa);
  if (mantissa === MANTISSA_END) {
    mantissa /= 2;
    exponent += 1;
  }
  return exponent > EXPONENT_MAX ? SCALE_MAX : (exponent << MANTISSA_BITS) | mantissa;
}

/** Stepped down until a level of `levelMax` stays an element. */
export function limitScale(scale: number, levelMax: number): number {
  let limited = scale;
  while (scaleValue(limited) * levelMax > ELEMENT_MAX) limited = scaleBelow(limited);
  return limited;
}

/** Normal forms in order are consecutive, except that each exponent starts at mantissa 1024. */
function scaleBelow(scale: number): number {
  return isNormalScale(scale - 1) ? scale - 1 : scale - 1 - (MANTISSA_END >> 1);
}

/** Greatest common divisor of two integers >= 0; gcd(0, n) = n. */
export function gcd(a: number, b: number): number {
  let [large, small] = [a, b];
  while (small !== 0) [large, small] = [small, large % small];
  return large;
}
