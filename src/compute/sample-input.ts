/**
 * Inputs made by a formula, for self-tests and speed measurement: the same on every machine and
 * easy to write down (docs/protocol/kernel.md, "Golden digests").
 */

/** Which binary32 bit patterns a sample holds. */
export type SampleKind = 'moderate' | 'unit' | 'tiny' | 'any-bits';

/** Exponent fields: where they start and how many there are. */
const EXPONENTS: Readonly<Record<Exclude<SampleKind, 'any-bits'>, [first: number, count: number]>> =
  {
    // 2^-7 to 2^8
    moderate: [120, 16],
    // 1/2 to 2: products of hundreds stay in range
    unit: [126, 2],
    // 2^-77 to 2^-62: products fall among the subnormals, some below them
    tiny: [50, 16],
  };

/** The state after one step of xorshift32 (Marsaglia 2003); the state is never zero. */
export function xorshift32(state: number): number {
  let next = state ^ (state << 13);
  next ^= next >>> 17;
  next ^= next << 5;
  return next >>> 0;
}

/** `count` binary32 values as little-endian bytes. */
export function sampleFloats(kind: SampleKind, count: number, seed: number): Uint8Array {
  const words = new Uint32Array(count);
  let word = seed;
  for (let i = 0; i < count; i++) {
    word = xorshift32(word);
    words[i] = kind === 'any-bits' ? word : withExponent(word, EXPONENTS[kind]);
  }
  return new Uint8Array(words.buffer);
}

/** Values of the formula that a speed sample repeats: more than caches hold of one tile. */
const REPEATED = 65_536;

/**
 * As `sampleFloats`, but the same values over and over, made in a fraction of the time: for speed,
 * which does not depend on them.
 */
export function repeatedFloats(kind: SampleKind, count: number, seed: number): Uint8Array {
  const first = sampleFloats(kind, Math.min(count, REPEATED), seed);
  const bytes = new Uint8Array(count * 4);
  for (let at = 0; at < bytes.length; at += first.length) {
    bytes.set(first.subarray(0, bytes.length - at), at);
  }
  return bytes;
}

/** Keeps sign and fraction; the exponent comes from the field's own low bits. */
function withExponent(word: number, [first, count]: readonly [number, number]): number {
  const field = first + (((word >>> 23) & 0xff) % count);
  return (word & 0x807f_ffff) | (field << 23);
}
