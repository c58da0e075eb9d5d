/** Every NaN that leaves a kernel has the same bits (docs/protocol/numeric-contract.md, "NaN"). */
const NAN_BITS = 0x7fc00000;

export function canonicaliseNan(values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) bits[i] = NAN_BITS;
}
