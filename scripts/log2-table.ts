/**
 * Writes src/swarm/log2-table.ts: T[i] = round(2^32 log2(1 + i/1024)), i = 0..1024, by the
 * digit-by-digit method in 160-bit integers (square the mantissa; a carry out is the next bit of
 * the logarithm). Run: node scripts/log2-table.ts
 */
import { writeFileSync } from 'node:fs';

const PRECISION = 160n;
const ONE = 1n << PRECISION;
const TABLE_BITS = 10n;
const FRACTION_BITS = 32;
/** Bits computed beyond the fraction, to round by. */
const GUARD_BITS = 32;

function log2Fixed(index: bigint): bigint {
  let mantissa = ONE + (index << (PRECISION - TABLE_BITS));
  if (mantissa === 2n * ONE) return 1n << BigInt(FRACTION_BITS);
  let digits = 0n;
  for (let bit = 0; bit < FRACTION_BITS + GUARD_BITS; bit++) {
    mantissa = (mantissa * mantissa) >> PRECISION;
    const carry = mantissa >= 2n * ONE;
    if (carry) mantissa >>= 1n;
    digits = (digits << 1n) | (carry ? 1n : 0n);
  }
  const half = 1n << BigInt(GUARD_BITS - 1);
  return (digits + half) >> BigInt(GUARD_BITS);
}

const rows: string[] = [];
for (let i = 0; i <= 1024; i += 8) {
  const entries: string[] = [];
  for (let j = i; j < i + 8 && j <= 1024; j++) entries.push(String(log2Fixed(BigInt(j))));
  rows.push(`  ${entries.join(', ')},`);
}
const text = `/**
 * Binary logarithms in fixed point: LOG2_TABLE[i] = round(2^32 log2(1 + i/1024)), i = 0..1024.
 * Written by scripts/log2-table.ts; placement depends on every digit (docs/protocol/placement.md).
 */
// biome-ignore format: a table of eight per row
export const LOG2_TABLE = Float64Array.of(
${rows.join('\n')}
);
`;
writeFileSync(new URL('../src/swarm/log2-table.ts', import.meta.url), text);
