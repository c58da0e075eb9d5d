/**
 * Integers in doubles, each operation exact for the ranges it names (docs/protocol/
 * federated-rules.md, section 8). Halves round up, towards plus infinity.
 */
import { ELEMENT_MAX } from '../fixed-point.ts';

const RATE_ONE = 2 ** 20;
const RATE_HALF = 2 ** 19;
const HALF_WORD = 2 ** 26;

/** Saturates instead of wrapping: a model that leaves its range stays at its edge. */
export function clampElement(value: number): number {
  return Math.min(Math.max(value, -ELEMENT_MAX), ELEMENT_MAX);
}

/** floor((a rate + 2^19) / 2^20), for |a| < 2^31 and 0 <= rate <= 2^21. */
export function scale(a: number, rate: number): number {
  return Math.floor((a * rate + RATE_HALF) / RATE_ONE);
}

/** The same for 0 <= a < 2^52 and 0 <= rate <= 2^20, in two halves. */
export function scaleWide(a: number, rate: number): number {
  const high = Math.floor(a / HALF_WORD);
  const low = a - high * HALF_WORD;
  return high * rate * 64 + Math.floor((low * rate + RATE_HALF) / RATE_ONE);
}

/** floor((2a + b) / 2b), for |a| <= 2^51 and 1 <= b <= 2^27. */
export function divHalfUp(a: number, b: number): number {
  return Math.floor((2 * a + b) / (2 * b));
}

/** Largest s with s^2 <= x, for 0 <= x < 2^52. ECMAScript only approximates a root. */
export function integerRoot(x: number): number {
  let s = Math.floor(Math.sqrt(x));
  while (s * s > x) s -= 1;
  while ((s + 1) * (s + 1) <= x) s += 1;
  return s;
}
