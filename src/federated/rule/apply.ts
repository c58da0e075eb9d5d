/**
 * A decision applied to some of the coordinates, each on its own: any cut into shards gives the
 * same bytes (docs/protocol/federated-rules.md, section 6). Integers in doubles, none reaching
 * 2^53.
 */
import { assert } from '../../base/errors.ts';
import type { Decision } from './decide.ts';
import type { Basis } from './gram.ts';

/** Coordinates worked on at a time: their halves stay in the first-level cache. */
const TILE = 2048;

/** The aggregate over the coordinates of `basis`, in units, within ±(2^31 - 1). */
export function applyDecision(decision: Decision, basis: Basis): Int32Array {
  const out = new Int32Array(basis.reference.length);
  const vectors = [undefined, basis.reference, ...basis.updates];
  if (decision.kind === 'mix') mixRow(decision, vectors, out);
  else sortRows(decision, vectors, out);
  return out;
}

/** Index 0, the zero vector, is undefined. */
type Vectors = readonly (Int32Array | undefined)[];

interface Shares {
  readonly row: readonly number[];
  readonly total: number;
}

/** out[k] = div(sum of row[a] x vector a, total). */
function mixRow({ row, total }: Shares, vectors: Vectors, out: Int32Array): void {
  assert(row.length === vectors.length, 'one share for each vector of the basis');
  const used = row.flatMap((share, a) => {
    const vector = vectors[a];
    return share === 0 || vector === undefined ? [] : [{ share, vector }];
  });
  if (used.length === 1 && used[0]!.share === total) {
    out.set(used[0]!.vector);
    return;
  }
  const high = new Float64Array(TILE);
  const low = new Float64Array(TILE);
  for (let begin = 0; begin < out.length; begin += TILE) {
    const length = Math.min(TILE, out.length - begin);
    high.fill(0);
    low.fill(0);
    for (const { share, vector } of used) {
      for (let k = 0; k < length; k++) {
        const value = vector[begin + k]!;
        high[k]! += share * (value >> 16);
        low[k]! += share * (value & 0xffff);
      }
    }
    for (let k = 0; k < length; k++) out[begin + k] = divideHalves(high[k]!, low[k]!, total);
  }
}

/** div(high 2^16 + low, total) without a number of 2^53: section 6. */
function divideHalves(high: number, low: number, total: number): number {
  const quotient = Math.floor((2 * high) / (2 * total));
  const rest = 2 * high - 2 * total * quotient;
  return quotient * 65_536 + Math.floor((rest * 65_536 + 2 * low + total) / (2 * total));
}

/** floor((2 sum + count) / 2 count). */
export function divideHalfUp(sum: number, count: number): number {
  return Math.floor((2 * sum + count) / (2 * count));
}

function sortRows(
  { rows, total, pick }: Extract<Decision, { kind: 'sort' }>,
  vectors: Vectors,
  out: Int32Array,
): void {
  const values = rows.map((row) => {
    const only = row.indexOf(total);
    if (only > 0) return vectors[only]!;
    const mixed = new Int32Array(out.length);
    mixRow({ row, total }, vectors, mixed);
    return mixed;
  });
  const column = new Int32Array(values.length);
  for (let k = 0; k < out.length; k++) {
    for (let j = 0; j < values.length; j++) column[j] = values[j]![k]!;
    column.sort();
    out[k] =
      pick.name === 'median'
        ? medianOf(column)
        : pick.name === 'trim'
          ? meanOf(column, pick.faulty, column.length - pick.faulty)
          : closestMean(column, pick.keep);
  }
}

function medianOf(sorted: Int32Array): number {
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return divideHalfUp(sorted[middle - 1]! + sorted[middle]!, 2);
}

function meanOf(sorted: Int32Array, begin: number, end: number): number {
  let sum = 0;
  for (let j = begin; j < end; j++) sum += sorted[j]!;
  return divideHalfUp(sum, end - begin);
}

/** Mean of the `keep` values closest to the lower median, the lower one on a tie. */
function closestMean(sorted: Int32Array, keep: number): number {
  const start = (sorted.length - 1) >> 1;
  const centre = sorted[start]!;
  let begin = start;
  let end = start + 1;
  while (end - begin < keep) {
    const below = begin === 0 ? Number.POSITIVE_INFINITY : centre - sorted[begin - 1]!;
    const above = end === sorted.length ? Number.POSITIVE_INFINITY : sorted[end]! - centre;
    if (below <= above) begin -= 1;
    else end += 1;
  }
  return meanOf(sorted, begin, end);
}
