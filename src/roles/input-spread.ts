/**
 * Who asks whom for a chunk of an input, so that a popular input spreads through the workers and
 * does not drain the requester (docs/protocol/blob.md, "Spreading"). Every worker of the plan
 * computes the same order from placement and `kernel.reads`; nothing is announced.
 *
 * The workers of the first wave that read a chunk are its readers, rotated by the chunk's index.
 * Each asks those before it, then the others. A reader fetches what it lacks for those behind it,
 * never for those before it, so nobody waits in a circle.
 */
import { toHex } from '../base/bytes.ts';
import { type Digest, type PeerId, peerIdOf } from '../base/ids.ts';
import { CHUNK_BYTES } from '../blob/chunks.ts';
import type { OpenPlan } from '../job/open-plan.ts';

/** Plans of more shards spread nothing: who reads what would cost more to tell than it saves. */
const SHARDS_MAX = 65_536;
/** Readers of a chunk that take part; more would only make a list longer. */
const READERS_MAX = 64;
/** First chunk times this plus last chunk: a number for each interval of chunks. */
const INTERVAL_BASE = 2 ** 20;

/** First and last chunk of each interval, one after the other, ascending and disjoint. */
type Intervals = readonly number[];

export class InputSpread {
  readonly #plan: OpenPlan;
  /** By root in hex: intervals of chunks by candidate. */
  readonly #intervals = new Map<string, ReadonlyMap<number, Intervals>>();

  constructor(plan: OpenPlan) {
    this.#plan = plan;
  }

  /** The readers of a chunk in its order; empty where nothing is spread. */
  readersOf(root: Digest, chunk: number): PeerId[] {
    const readers: PeerId[] = [];
    for (const [candidate, intervals] of this.#intervalsOf(root)) {
      if (!holds(intervals, chunk)) continue;
      readers.push(this.#peerOf(candidate));
      if (readers.length === READERS_MAX) break;
    }
    const first = readers.length === 0 ? 0 : chunk % readers.length;
    return [...readers.slice(first), ...readers.slice(0, first)];
  }

  /** Readers before this one; undefined when it is none. */
  before(root: Digest, chunk: number, peer: PeerId): PeerId[] | undefined {
    const readers = this.readersOf(root, chunk);
    const rank = readers.indexOf(peer);
    return rank === -1 ? undefined : readers.slice(0, rank);
  }

  #peerOf(candidate: number): PeerId {
    const { nodes, workers } = this.#plan;
    return peerIdOf(nodes[workers[candidate]!]!);
  }

  #intervalsOf(root: Digest): ReadonlyMap<number, Intervals> {
    const key = toHex(root);
    const known = this.#intervals.get(key);
    if (known !== undefined) return known;
    const intervals = this.#computeIntervals(key);
    this.#intervals.set(key, intervals);
    return intervals;
  }

  #computeIntervals(key: string): Map<number, Intervals> {
    const { spec, kernel, placement } = this.#plan;
    const intervals = new Map<number, Set<number>>();
    if (spec.shards > SHARDS_MAX) return new Map();
    // One blob may be several inputs.
    const inputs = spec.inputs.filter(({ root }) => toHex(root) === key);
    const names = new Set(inputs.map(({ name }) => name));
    for (let shard = 0; shard < spec.shards; shard++) {
      for (const { input, offset, length } of kernel.reads(spec.shards, shard)) {
        if (length === 0 || !names.has(input)) continue;
        const first = Math.floor(offset / CHUNK_BYTES);
        const last = Math.floor((offset + length - 1) / CHUNK_BYTES);
        for (const candidate of placement.firstWave(shard)) {
          const own = intervals.get(candidate) ?? new Set();
          intervals.set(candidate, own.add(first * INTERVAL_BASE + last));
        }
      }
    }
    // By candidate, so that everybody has the same order.
    const ordered = [...intervals].sort(([a], [b]) => a - b);
    return new Map(ordered.map(([candidate, own]) => [candidate, mergedIntervals(own)]));
  }
}

/** As numbers of intervals; merged where they overlap or touch, ascending. */
function mergedIntervals(numbers: ReadonlySet<number>): Intervals {
  const bounds: number[] = [];
  for (const interval of [...numbers].sort((a, b) => a - b)) {
    const first = Math.floor(interval / INTERVAL_BASE);
    const last = interval % INTERVAL_BASE;
    const end = bounds.at(-1);
    if (end !== undefined && first <= end + 1) bounds[bounds.length - 1] = Math.max(end, last);
    else bounds.push(first, last);
  }
  return bounds;
}

/** Binary search for the last interval that begins at or before the chunk. */
function holds(bounds: Intervals, chunk: number): boolean {
  let [low, high] = [0, bounds.length / 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[2 * middle]! <= chunk) low = middle + 1;
    else high = middle;
  }
  return low > 0 && chunk <= bounds[2 * low - 1]!;
}
