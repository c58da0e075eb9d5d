/**
 * Byte strings: comparison, joining, hex and fixed-width integers. Digests and ids are compared as
 * bytes, never as text; hex is for map keys, logs and JSON (docs/protocol/bytes.md).
 */
import { compare } from 'uint8arrays/compare';
import { concat } from 'uint8arrays/concat';
import { equals } from 'uint8arrays/equals';
import { fromString } from 'uint8arrays/from-string';
import { toString as bytesToString } from 'uint8arrays/to-string';

export { compare as compareBytes, concat as concatBytes, equals as equalBytes };

/** Lowercase hex of any byte string. */
export function toHex(bytes: Uint8Array): string {
  return bytesToString(bytes, 'base16');
}

/** Bytes of lowercase hex; `undefined` when the text is not lowercase hex of whole bytes. */
export function fromHex(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-f]{2})*$/.test(text) ? fromString(text, 'base16') : undefined;
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Big-endian u64 of a safe integer in 0..2^53-1. */
export function u64(value: number): Uint8Array {
  const out = new Uint8Array(8);
  writeU64(out, 0, value);
  return out;
}

/** Writes a safe integer as big-endian u64 at `offset`. Byte by byte: a view costs more. */
export function writeU64(out: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  for (let i = 0; i < 4; i++) {
    const shift = 24 - 8 * i;
    out[offset + i] = high >>> shift;
    out[offset + 4 + i] = value >>> shift;
  }
}

/** Big-endian u32 of an integer in 0..2^32-1. */
export function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}
