/** CRC-32C (Castagnoli, reflected polynomial 82f63b78), as RFC 3720 appendix B.4 shows it. */
const POLYNOMIAL = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value >>> 0;
});

/** Checksum of `bytes` behind what `before` is the checksum of, as an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (let i = 0; i < bytes.length; i++) {
    value = table[(value ^ bytes[i]!) & 0xff]! ^ (value >>> 8);
  }
  return ~value >>> 0;
}
