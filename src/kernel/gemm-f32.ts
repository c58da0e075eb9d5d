/**
 * `gemm.f32@1`: c = a b in binary32, each element one fma chain over ascending k from +0
 * (docs/protocol/numeric-contract.md, "Matrix product"). Shards are row bands; beyond one shard per
 * row, each row is cut into column runs, so up to one shard per element is possible.
 */
import { accept, refuse } from '../base/verdict.ts';
import type { Region, ResolvedKernel } from './contract.ts';
import { defineKernel, type KernelPlan } from './define.ts';
import { isBounded } from './parameters.ts';
import { pieceHolding, pieceOf, SHARDS_MAX } from './split.ts';

const F32_BYTES = 4;

interface Extents {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** Rows and columns of c that a shard computes. */
interface Tile {
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
}

export const gemmF32 = defineKernel({
  name: 'gemm.f32',
  major: 1,
  schema: {
    parameters: [],
    inputs: [
      { name: 'a', dtype: '<f4', rank: 2, why: 'left factor, m x k; m >= 1, k >= 0' },
      { name: 'b', dtype: '<f4', rank: 2, why: 'right factor, k x n; n >= 1' },
    ],
    outputs: [{ name: 'c', dtype: '<f4', rank: 2, why: 'product, m x n; zeros when k = 0' }],
  },
  numericContract: 1,
  planner: 1,
  summary: 'Matrix product c = a b of binary32 matrices, exact to the bit on every backend.',
  plan(_, inputs) {
    const [m, k] = inputs[0]!.shape as [number, number];
    const [bRows, n] = inputs[1]!.shape as [number, number];
    if (bRows !== k) {
      return refuse('bad-input', 'reject', `a is ${m} x ${k} but b is ${bRows} x ${n}`);
    }
    const c = { name: 'c', dtype: '<f4', shape: [m, n] } as const;
    if (m < 1 || n < 1) return refuse('bad-input', 'reject', 'the product would have no elements');
    if (!isBounded(c)) return refuse('bad-input', 'reject', 'the product is too large');
    return accept({ outputs: [c], ...planOf({ m, k, n }) });
  },
});

function planOf(extents: Extents): Omit<KernelPlan, 'outputs'> {
  const { m, k, n } = extents;
  return {
    shardsMax: Math.min(m * n, SHARDS_MAX),
    regions: (shardCount, shard) => [regionOf(tileOf(extents, shardCount, shard))],
    reads: (shardCount, shard) => readsOf(extents, tileOf(extents, shardCount, shard)),
    cost: (shardCount, shard) => {
      const { rows, columns } = tileOf(extents, shardCount, shard);
      return {
        operations: 2 * rows * columns * k,
        bytes: F32_BYTES * (rows * k + k * columns + rows * columns),
      };
    },
  };
}

function tileOf({ m, n }: Extents, shardCount: number, shard: number): Tile {
  if (shardCount <= m) {
    const { offset, length } = pieceOf(m, shardCount, shard);
    return { row: offset, rows: length, column: 0, columns: n };
  }
  // Each row is one band; the shards are dealt to the rows near-evenly, in order.
  const { index: row, within } = pieceHolding(shardCount, m, shard);
  const run = pieceOf(n, pieceOf(shardCount, m, row).length, within);
  return { row, rows: 1, column: run.offset, columns: run.length };
}

function regionOf(tile: Tile): Region {
  return { offset: [tile.row, tile.column], shape: [tile.rows, tile.columns] };
}

/** Rows of a, and of b one range from the first to the last element that the columns need. */
function readsOf({ k, n }: Extents, tile: Tile): ReturnType<ResolvedKernel['reads']> {
  if (k === 0) return [];
  return [
    { input: 'a', offset: tile.row * k * F32_BYTES, length: tile.rows * k * F32_BYTES },
    {
      input: 'b',
      offset: tile.column * F32_BYTES,
      length: ((k - 1) * n + tile.columns) * F32_BYTES,
    },
  ];
}
