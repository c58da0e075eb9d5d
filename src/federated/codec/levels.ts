/**
 * What the codes of a block stand for: integers, in three kinds of table
 * (docs/protocol/federated-codec.md, "Levels").
 */

export type LevelKind = 'even' | 'odd' | 'lloyd' | 'tail';
export type LevelBits = 1 | 2 | 3 | 4 | 8;

export interface Levels {
  readonly kind: LevelKind;
  readonly bits: LevelBits;
  /** The level of each code; the code that even levels refuse has 0. */
  readonly table: Int16Array;
  /** Largest magnitude. */
  readonly max: number;
  /** Magnitudes by their number j, for the kinds with a sign bit. */
  readonly magnitudes: readonly number[];
}

/** Near the best levels for Gaussian values; no two pairs have the same ratio. */
const LLOYD: Partial<Record<LevelBits, readonly number[]>> = {
  2: [3, 10],
  3: [3, 9, 16, 26],
  4: [2, 6, 10, 14, 19, 24, 31, 41],
};

/** The largest values of a vector lie close together: 1 and 3 would waste the second bit. */
const TAIL = [3, 4];

/** Level units per standard deviation, chosen with the tables. */
export const LLOYD_UNIT: Partial<Record<LevelBits, number>> = { 2: 6.621, 3: 12.034, 4: 15.004 };

/** Two's complement without its most negative code. */
export function evenLevels(bits: LevelBits): Levels {
  const half = 1 << (bits - 1);
  const table = Int16Array.from({ length: 2 * half }, (_, code) =>
    code < half ? code : code - 2 * half,
  );
  table[half] = 0;
  return { kind: 'even', bits, table, max: half - 1, magnitudes: [] };
}

/** ±1, ±3, ...: no zero. */
export function oddLevels(bits: LevelBits): Levels {
  const half = 1 << (bits - 1);
  return signed(
    'odd',
    bits,
    Array.from({ length: half }, (_, j) => 2 * j + 1),
  );
}

/** What sparse lists use: never zero; with two bits, levels for values above a threshold. */
export function sparseLevels(bits: LevelBits): Levels {
  return bits === 2 ? signed('tail', bits, TAIL) : oddLevels(bits);
}

export function lloydLevels(bits: 2 | 3 | 4): Levels {
  return signed('lloyd', bits, LLOYD[bits]!);
}

/** The top bit of a code is the sign, the others number the magnitude. */
function signed(kind: LevelKind, bits: LevelBits, magnitudes: readonly number[]): Levels {
  const positive = magnitudes.length;
  const table = Int16Array.from({ length: 2 * positive }, (_, code) =>
    code < positive ? magnitudes[code]! : -magnitudes[code - positive]!,
  );
  return { kind, bits, table, max: magnitudes.at(-1)!, magnitudes };
}

/** Tables have no two pairs of one ratio; even and odd levels do, and need another rule. */
export function isTable({ kind }: Levels): boolean {
  return kind === 'lloyd' || kind === 'tail';
}

/** The code that even levels do not use; -1 for the other kinds. */
export function refusedCode(levels: Levels): number {
  return levels.kind === 'even' ? 1 << (levels.bits - 1) : -1;
}

/** Bits 0 and 1 of a container's flags. */
export function levelFlag({ kind }: Levels): number {
  return ['even', 'odd', 'lloyd', 'tail'].indexOf(kind);
}
