/**
 * Packing of codes and trits into bytes, lowest bit first, and back. Left-over bits must be zero:
 * one value has one spelling (docs/protocol/federated-codec.md, "Container").
 */

/** Bytes of `count` codes of `bits` bits. */
export function packedBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/** Codes of 1 to 8 bits, one per byte of `codes`, into `out` of exactly packedBytes. */
export function packCodes(codes: Uint8Array, bits: number, out: Uint8Array): void {
  if (bits === 8) {
    out.set(codes);
    return;
  }
  let held = 0;
  let heldBits = 0;
  let at = 0;
  for (let i = 0; i < codes.length; i++) {
    held |= codes[i]! << heldBits;
    heldBits += bits;
    if (heldBits >= 8) {
      out[at++] = held;
      held >>>= 8;
      heldBits -= 8;
    }
  }
  if (heldBits > 0) out[at] = held;
}

/** The codes back; undefined when a left-over bit is not zero. */
export function unpackCodes(
  bytes: Uint8Array,
  bits: number,
  count: number,
): Uint8Array | undefined {
  if (bits === 8) return bytes.slice(0, count);
  const codes = new Uint8Array(count);
  const mask = (1 << bits) - 1;
  let held = 0;
  let heldBits = 0;
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (heldBits < bits) {
      held |= bytes[at++]! << heldBits;
      heldBits += 8;
    }
    codes[i] = held & mask;
    held >>>= bits;
    heldBits -= bits;
  }
  return held === 0 ? codes : undefined;
}

const TRITS = 5;
const POWERS = [1, 3, 9, 27, 81] as const;
/** 3^5: bytes from here on stand for nothing. */
const TRIT_BYTE_END = 243;

export function tritBytes(count: number): number {
  return Math.ceil(count / TRITS);
}

/** Trits 0, 1, 2, five to a byte. */
export function packTrits(trits: Uint8Array, out: Uint8Array): void {
  out.fill(0);
  for (let i = 0; i < trits.length; i++) out[Math.floor(i / TRITS)]! += trits[i]! * POWERS[i % 5]!;
}

/** The trits back, or the reason of the first byte that is wrong. */
export function unpackTrits(
  bytes: Uint8Array,
  count: number,
): Uint8Array | 'padding-not-zero' | 'code-refused' {
  const trits = new Uint8Array(count);
  const left = bytes.length * TRITS - count;
  const last = bytes.at(-1) ?? 0;
  if (left > 0 && last < TRIT_BYTE_END && last >= 3 ** (TRITS - left)) return 'padding-not-zero';
  let i = 0;
  for (const byte of bytes) {
    if (byte >= TRIT_BYTE_END) return 'code-refused';
    let rest = byte;
    for (let t = 0; t < TRITS && i < count; t++) {
      trits[i++] = rest % 3;
      rest = Math.floor(rest / 3);
    }
  }
  return trits;
}
