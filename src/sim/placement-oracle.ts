/**
 * Placement written a second time, straight from docs/protocol/placement.md, with big integers and
 * full sorts and none of the code under test but the tagged hash: slow, and meant to be obvious.
 */
import { compareBytes, concatBytes, u64 } from '../base/bytes.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import type { PlacementInit } from '../swarm/placement.ts';
import { TAGS } from '../wire/tags.ts';

const TERMS_BITS = 128n;

/** log2(1 + index/1024) * 2^32, rounded, by the series of 2 atanh: not how the table was made. */
export function log2Entry(index: number): bigint {
  const one = 1n << TERMS_BITS;
  const ln2 = 2n * atanh(one / 3n, one);
  const ln = 2n * atanh((BigInt(index) * one) / BigInt(2048 + index), one);
  return ((ln << 33n) / ln2 + 1n) >> 1n;
}

/** x + x^3/3 + x^5/5 + ... in fixed point, for 0 <= x <= 1/3. */
function atanh(x: bigint, one: bigint): bigint {
  let sum = 0n;
  let power = x;
  for (let k = 1n; power > 0n; k += 2n) {
    sum += power / k;
    power = (((power * x) / one) * x) / one;
  }
  return sum;
}

const table = Array.from({ length: 1025 }, (_, index) => log2Entry(index));

export function referenceLog(h: bigint): bigint {
  const bits = (h === 0n ? 1n : h).toString(2).padStart(64, '0');
  const z = bits.indexOf('1');
  const f = BigInt(`0b${bits.slice(z + 1, z + 33).padEnd(32, '0')}`);
  const i = Number(f >> 22n);
  const r = f & 0x3fffffn;
  const g = table[i]! + (((table[i + 1]! - table[i]!) * r) >> 22n);
  return (BigInt(z + 1) << 32n) - g;
}

export function referenceScore(seed: Uint8Array, shard: number, worker: ReferenceWorker): bigint {
  const digest = taggedHash(TAGS.place, concatBytes([seed, u64(shard), worker.node]));
  const h = digest.subarray(0, 8).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return (referenceLog(h) << 14n) / BigInt(worker.weight);
}

type ReferenceWorker = PlacementInit['candidates'][number];

export interface ReferencePlacement {
  readonly bounds: number[];
  readonly preferences: number[][];
  readonly firstWaves: number[][];
  /** Shards whose wave is not the first R with room: tight candidates came before. */
  readonly forced: number[];
}

export function referencePlacement(init: PlacementInit): ReferencePlacement {
  const { seed, candidates, shardCount, replicas } = init;
  const bounds = referenceBounds(init);
  const loads = candidates.map(() => 0);
  const preferences: number[][] = [];
  const firstWaves: number[][] = [];
  const forced: number[] = [];
  for (let shard = 0; shard < shardCount; shard++) {
    const scores = candidates.map((candidate) => referenceScore(seed, shard, candidate));
    const preference = candidates.map((_, index) => index);
    preference.sort((a, b) => {
      if (scores[a] !== scores[b]) return scores[a]! < scores[b]! ? -1 : 1;
      return compareBytes(candidates[a]!.node, candidates[b]!.node);
    });
    const m = shardCount - shard;
    const spares = bounds.map((bound, index) => bound - loads[index]!);
    const slack = spares.reduce((sum, spare) => sum + Math.min(spare, m), 0) - replicas * m;
    const tight = preference.filter((index) => spares[index]! >= m);
    const wave = new Set(tight.slice(0, Math.max(0, tight.length - slack)));
    for (const index of preference) {
      if (wave.size < replicas && spares[index]! >= 1) wave.add(index);
    }
    const withRoom = preference.filter((index) => spares[index]! >= 1);
    if (withRoom.slice(0, replicas).some((index) => !wave.has(index))) forced.push(shard);
    for (const index of wave) loads[index]! += 1;
    preferences.push(preference);
    firstWaves.push(preference.filter((index) => wave.has(index)));
  }
  return { bounds, preferences, firstWaves, forced };
}

function referenceBounds({ candidates, shardCount, replicas }: PlacementInit): number[] {
  const order = candidates.map((_, index) => index);
  order.sort((a, b) => candidates[b]!.weight - candidates[a]!.weight || a - b);
  const bounds = candidates.map(() => shardCount);
  let r = BigInt(replicas);
  let total = candidates.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
  let rest = order;
  while (rest.length > 0 && BigInt(candidates[rest[0]!]!.weight) * r >= total) {
    total -= BigInt(candidates[rest[0]!]!.weight);
    r -= 1n;
    rest = rest.slice(1);
  }
  for (const index of rest) {
    const above = 5n * BigInt(shardCount) * r * BigInt(candidates[index]!.weight);
    const share = (above + 4n * total - 1n) / (4n * total);
    bounds[index] = Math.min(shardCount, Number(share));
  }
  return bounds;
}
