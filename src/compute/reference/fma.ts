/**
 * Fused multiply-add of binary32 in JavaScript, exact for every input: one rounding, to nearest
 * even (docs/protocol/numeric-contract.md, "Fused multiply-add"; Boldo and Melquiond, "Emulation of
 * FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
 *
 * A product of two binary32 is exact in binary64. The sum with the addend is rounded to binary64
 * and then to binary32, and the second rounding can go wrong only where the first one landed on the
 * middle between two neighbours. That is tested cheaply; only then is the sum rounded to odd.
 */
const f32 = Math.fround;

/** fma(a, b, c) of three binary32 values; a NaN result may have any payload. */
export function fma(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const rounded = f32(sum);
  const rest = sum - rounded;
  // From the middle between two neighbours, a step of the same length lands on the other one. An
  // overflow to infinity takes this way too; NaN and exact results do not.
  if (rest === 0 || f32(sum + rest) !== sum + rest) return rounded;
  return f32(roundedToOdd(product, c, sum));
}

const floats = new Float64Array(1);
const bits = new BigInt64Array(floats.buffer);

/** product + c, where `sum` is that rounded to nearest; inexact results get an odd last bit. */
function roundedToOdd(product: number, c: number, sum: number): number {
  // Knuth's two-sum: what the rounding dropped, exactly.
  const part = sum - product;
  const dropped = product - (sum - part) + (c - part);
  floats[0] = sum;
  if (dropped === 0 || (bits[0]! & 1n) === 1n) return sum;
  // Away from zero makes the bit pattern larger, whatever the sign.
  bits[0]! += dropped > 0 === sum > 0 ? 1n : -1n;
  return floats[0]!;
}
