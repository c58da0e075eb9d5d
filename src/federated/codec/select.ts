/**
 * The k elements of largest magnitude, exactly: ties go to the lower index, zeros are never chosen
 * (docs/protocol/federated-codec.md, "Top-k"). By radix on the bits of the magnitude, which order
 * finite floats as their values do.
 */
const MAGNITUDE = 0x7fffffff;
/** Digits of a magnitude from the top: 8 bits of exponent, then the mantissa. */
const DIGITS = [
  { shift: 23, bits: 8 },
  { shift: 15, bits: 8 },
  { shift: 7, bits: 8 },
  { shift: 0, bits: 7 },
] as const;

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Indices of the chosen elements of a range, ascending; fewer than k when there are more zeros. */
export function selectLargest(x: Float32Array, { from, to }: Range, k: number): Uint32Array {
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length).subarray(from, to);
  const { threshold, ties } = cutOf(bits, k);
  const chosen = new Uint32Array(Math.min(k, bits.length));
  let count = 0;
  let tiesLeft = ties;
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & MAGNITUDE;
    if (magnitude > threshold || (magnitude === threshold && tiesLeft-- > 0)) {
      chosen[count++] = from + i;
    }
  }
  return chosen.subarray(0, count);
}

/** The largest of every chunk, ascending over the whole vector. */
export function selectChunks(x: Float32Array, chunkLog2: number, keep: number): Uint32Array {
  const size = 2 ** chunkLog2;
  const chosen = new Uint32Array(Math.ceil(x.length / size) * keep);
  let count = 0;
  for (let from = 0; from < x.length; from += size) {
    const range = { from, to: Math.min(from + size, x.length) };
    const picked = selectLargest(x, range, keep);
    chosen.set(picked, count);
    count += picked.length;
  }
  return chosen.subarray(0, count);
}

interface Cut {
  /** Everything above is chosen ... */
  readonly threshold: number;
  /** ... and so many of those equal to it. */
  readonly ties: number;
}

function cutOf(bits: Uint32Array, k: number): Cut {
  if (k >= bits.length) return { threshold: 0, ties: 0 };
  let prefix = 0;
  let wanted = k;
  for (const digit of DIGITS) {
    const counts = countDigits(bits, prefix, digit);
    let value = counts.length - 1;
    // Stops at the digit in which the k-th largest lies; the counts add up to at least `wanted`.
    for (; counts[value]! < wanted; value--) wanted -= counts[value]!;
    prefix |= value << digit.shift;
  }
  return { threshold: prefix, ties: prefix === 0 ? 0 : wanted };
}

/** How often each digit occurs among the magnitudes that start with `prefix`. */
function countDigits(
  bits: Uint32Array,
  prefix: number,
  { shift, bits: width }: (typeof DIGITS)[number],
): Uint32Array {
  const counts = new Uint32Array(1 << width);
  const above = shift + width;
  const wanted = above === 31 ? 0 : prefix >>> above;
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & MAGNITUDE;
    if (above === 31 || magnitude >>> above === wanted) {
      counts[(magnitude >>> shift) & (counts.length - 1)]! += 1;
    }
  }
  return counts;
}
