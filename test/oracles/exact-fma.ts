/**
 * Fused multiply-add of binary32 by exact integer arithmetic, straight from IEEE 754: slow, and
 * sharing nothing with what it judges. Works on bit patterns.
 */
const NAN = 0x7fc00000;

interface Decoded {
  readonly negative: boolean;
  /** value = ± significand x 2^exponent */
  readonly significand: bigint;
  readonly exponent: number;
}

function decode(bits: number): Decoded | 'infinite' | 'nan' {
  const field = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (field === 0xff) return fraction === 0 ? 'infinite' : 'nan';
  const significand = BigInt(field === 0 ? fraction : fraction | 0x800000);
  return { negative: bits >>> 31 === 1, significand, exponent: Math.max(field, 1) - 150 };
}

const signed = ({ negative, significand }: Decoded) => (negative ? -significand : significand);
const signOf = (bits: number) => bits >>> 31;
const infinity = (sign: number) => ((sign << 31) | 0x7f800000) >>> 0;
const zero = (sign: number) => (sign << 31) >>> 0;

/** Any NaN result is 7fc00000. */
export function exactFma(a: number, b: number, c: number): number {
  const [x, y, z] = [decode(a), decode(b), decode(c)];
  if (x === 'nan' || y === 'nan' || z === 'nan') return NAN;
  const productSign = signOf(a) ^ signOf(b);
  if (x === 'infinite' || y === 'infinite') {
    const other = x === 'infinite' ? y : x;
    if (other !== 'infinite' && other.significand === 0n) return NAN;
    return z === 'infinite' && signOf(c) !== productSign ? NAN : infinity(productSign);
  }
  if (z === 'infinite') return infinity(signOf(c));
  // Everything over 2^-298, the last place of the smallest product.
  const product = (signed(x) * signed(y)) << BigInt(x.exponent + y.exponent + 298);
  const sum = product + (signed(z) << BigInt(z.exponent + 298));
  if (sum !== 0n) return round(sum);
  const bothNegative = productSign === 1 && signOf(c) === 1;
  const isExactZero = x.significand === 0n || y.significand === 0n;
  return zero(bothNegative && (isExactZero || z.significand === 0n) ? 1 : 0);
}

/** sum x 2^-298 to binary32, ties to even. */
function round(sum: bigint): number {
  const sign = sum < 0n ? 1 : 0;
  const magnitude = sum < 0n ? -sum : sum;
  const bitLength = magnitude.toString(2).length;
  // 24 bits are kept, fewer where the last place would fall below 2^-149.
  const shift = BigInt(Math.max(bitLength - 24, 298 - 149));
  const half = 1n << (shift - 1n);
  const kept = magnitude >> shift;
  const rest = magnitude & ((1n << shift) - 1n);
  const up = rest > half || (rest === half && (kept & 1n) === 1n);
  const significand = Number(kept + (up ? 1n : 0n));
  const exponent = Number(shift) - 298;
  // Adding, not or-ing: a carry out of the significand moves into the exponent field.
  const field = significand < 0x800000 && exponent === -149 ? 0 : exponent + 150 - 1;
  const bits = field * 0x800000 + significand;
  return bits >= 0x7f800000 ? infinity(sign) : (sign * 0x80000000 + bits) >>> 0;
}
