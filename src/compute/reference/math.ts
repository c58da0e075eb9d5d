/**
 * Binary32 functions built of the numeric contract's operations, operation by operation the same as
 * in src/native/portable/math.h: exp, log, and the inverse normal distribution function
 * (docs/protocol/numeric-contract.md, "Functions").
 */
import { fma } from './fma.ts';

const f32 = Math.fround;
const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

function bitsOf(value: number): number {
  floats[0] = value;
  return words[0]!;
}

function floatOf(bits: number): number {
  words[0] = bits;
  return floats[0]!;
}

/** First coefficient first; one fma for each further one. */
function horner(coefficients: readonly number[], x: number): number {
  let sum = coefficients[0]!;
  for (let i = 1; i < coefficients.length; i++) sum = fma(sum, x, coefficients[i]!);
  return sum;
}

const binary32 = (...values: number[]) => values.map(f32);

/** 1.5 x 2^23: adding it rounds to a whole number, which the low bits then hold. */
const ROUNDER = 12582912;
const ROUNDER_BITS = 0x4b400000;
const LOG2_E = f32(1.4426950216293335);
/** ln 2 as the sum of two binary32 values. */
const LN2_HIGH = f32(0.693359375);
const LN2_LOW = f32(-0.00021219444170128554);
const EXP = binary32(
  0.0013941393699496984,
  0.008363335393369198,
  0.04166637361049652,
  0.16666576266288757,
  0.5,
);

/** e^x for -87 <= x <= 88, other x taken as the nearer bound; within 1.2 ulp. Not for NaN. */
export function exp(given: number): number {
  const x = Math.min(Math.max(given, -87), 88);
  const shifted = fma(x, LOG2_E, ROUNDER);
  const n = f32(shifted - ROUNDER);
  const r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x));
  const p = horner(EXP, r);
  const power = floatOf((bitsOf(shifted) - ROUNDER_BITS + 127) << 23);
  return f32(f32(fma(f32(p * r), r, r) + 1) * power);
}

/** The binary32 below sqrt(1/2). */
const HALF_ROOT_BITS = 0x3f3504f3;
const LOG = binary32(
  0.06921885162591934,
  -0.1178240105509758,
  0.118656687438488,
  -0.12385322153568268,
  0.14219924807548523,
  -0.16669225692749023,
  0.20002150535583496,
  -0.24999986588954926,
  0.3333331048488617,
);

/** ln x for positive normal x; within 1 ulp, and exactly 0 at 1. */
export function log(x: number): number {
  // x = 2^n (1 + f), 1 + f between the roots of 1/2 and 2.
  const offset = (bitsOf(x) - HALF_ROOT_BITS) | 0;
  const n = offset >> 23;
  const f = f32(floatOf((offset & 0x007fffff) + HALF_ROOT_BITS) - 1);
  const square = f32(f * f);
  const p = fma(f32(horner(LOG, f) * f), square, f32(n * LN2_LOW));
  return fma(n, LN2_HIGH, f32(fma(-0.5, square, p) + f));
}

const CENTRE = binary32(
  3.384974078812775e-8,
  4.849066499446053e-7,
  -4.909447852696758e-6,
  -6.204893452377291e-6,
  0.00030883439467288554,
  -0.0017730511026456952,
  -0.005907778162509203,
  0.34880268573760986,
  2.1233134269714355,
);
const TAIL = binary32(
  -0.00021032628137618303,
  9.35871503315866e-5,
  0.0018131614197045565,
  -0.005145002156496048,
  0.00815765280276537,
  -0.01079374086111784,
  0.013342728838324547,
  1.4165819883346558,
  4.006434440612793,
);

/**
 * A standard normal number from 32 random bits: the inverse distribution function at
 * ((bits >>> 8) + 1/2) / 2^24 (Giles, "Approximating the erfinv function", 2011; coefficients are
 * minimax fits of our own).
 */
export function normal(bits: number): number {
  const x = ((bits >>> 8) * 2 + 1 - 2 ** 24) * 2 ** -24;
  const w = -log(fma(-x, x, 1));
  const p = w < 5 ? horner(CENTRE, f32(w - 2.5)) : horner(TAIL, f32(f32(Math.sqrt(w)) - 3));
  return f32(p * x);
}
