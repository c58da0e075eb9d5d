/**
 * The two-dimensional DCT of 64 x 64 tiles: forward in floats for encoders, inverse in integers for
 * everybody (docs/protocol/federated-codec.md, 3.7).
 */
import { DCT_COSINES } from './dct-table.ts';

export const TILE_SIDE = 64;
export const TILE_LOG2 = 12;
export const TILE_ELEMENTS = TILE_SIDE ** 2;
/** Bound of the sum of magnitudes of a tile's coefficients: keeps every partial sum below 2^53. */
export const TILE_SUM_MAX = 2 ** 35;

const SHIFT = 2 ** 18;

/** BASIS[64 u + x] = C[u][x]. */
const BASIS = Int32Array.from({ length: TILE_ELEMENTS }, (_, i) => {
  const [u, x] = [i >>> 6, i & 63];
  return u === 0 ? SHIFT / 8 : cosine((2 * x + 1) * u);
});

/** t(j) by the symmetries of the cosine: period 256, even about 0, odd about 64. */
function cosine(j: number): number {
  const turned = j % 256;
  const half = turned > 128 ? 256 - turned : turned;
  return half > 64 ? -DCT_COSINES[128 - half]! : DCT_COSINES[half]!;
}

/** Coefficients C X Cᵀ of one tile, each rounded to binary32. */
export function forwardTile(tile: Float32Array, out: Float32Array): void {
  const half = new Float64Array(TILE_ELEMENTS);
  for (let u = 0; u < TILE_SIDE; u++) {
    for (let x = 0; x < TILE_SIDE; x++) {
      const c = BASIS[TILE_SIDE * u + x]!;
      for (let y = 0; y < TILE_SIDE; y++) {
        half[TILE_SIDE * u + y]! += c * tile[TILE_SIDE * x + y]!;
      }
    }
  }
  for (let u = 0; u < TILE_SIDE; u++) {
    for (let v = 0; v < TILE_SIDE; v++) {
      let sum = 0;
      for (let y = 0; y < TILE_SIDE; y++) {
        sum += half[TILE_SIDE * u + y]! * BASIS[TILE_SIDE * v + y]!;
      }
      out[TILE_SIDE * u + v] = sum / SHIFT ** 2;
    }
  }
}

/** A tile's coefficients that are not zero: positions 64 u + v and values, sum within the bound. */
export interface SparseTile {
  readonly positions: Uint32Array;
  readonly values: Int32Array;
}

/** The elements of one tile into `out`; columns without a coefficient cost nothing. */
export function inverseTile({ positions, values }: SparseTile, out: Int32Array): void {
  const columns = new Map<number, Float64Array>();
  for (let i = 0; i < positions.length; i++) {
    const [u, v] = [positions[i]! >>> 6, positions[i]! & 63];
    const column = columns.get(v) ?? new Float64Array(TILE_SIDE);
    columns.set(v, column);
    for (let x = 0; x < TILE_SIDE; x++) column[x]! += BASIS[TILE_SIDE * u + x]! * values[i]!;
  }
  const sums = new Float64Array(TILE_ELEMENTS);
  for (const [v, column] of columns) {
    for (let x = 0; x < TILE_SIDE; x++) {
      const t = shifted(column[x]!);
      for (let y = 0; y < TILE_SIDE; y++) {
        sums[TILE_SIDE * x + y]! += BASIS[TILE_SIDE * v + y]! * t;
      }
    }
  }
  for (let i = 0; i < TILE_ELEMENTS; i++) out[i] = shifted(sums[i]!);
}

/** Division by 2^18, halves up. */
function shifted(sum: number): number {
  return Math.floor((sum + SHIFT / 2) / SHIFT);
}
