/**
 * Writes test/vectors/placement.json and test/vectors/cadre-order.json, the golden values of
 * docs/protocol/placement.md. Run: node scripts/vectors/placement.ts
 */
import { writeFileSync } from 'node:fs';
import { compareBytes, toHex, u32 } from '../../src/base/bytes.ts';
import { nodeIdOfKey } from '../../src/base/ids.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { cadreOrder, faultsOf, quorumOf, windowOf } from '../../src/swarm/cadre-order.ts';
import { type Candidate, capWeights, place } from '../../src/swarm/placement.ts';
import { negativeLog2, Scorer, weightedScore } from '../../src/swarm/score.ts';

const LOGARITHMS = [
  '0000000000000000',
  '0000000000000001',
  '0000000000000003',
  '00000000ffffffff',
  '0000000100000000',
  '00000001fedcba98',
  '123456789abcdef0',
  '7fffffffffffffff',
  '8000000000000000',
  'b504f333f9de6484',
  'ffffffffffffffff',
];

const WEIGHTS = [
  [1],
  [5, 1000, 7],
  [1, 1, 1, 9_007_199_254_740_991],
  [1_000_000_000, 3_000_000_000, 200_000_000_000, 150_000_000],
  [9_007_199_254_740_991, 9_007_199_254_740_991, 1],
];

const PLACEMENTS = [
  { name: 'one worker, one shard', seed: 1, weights: [7], shards: 1, replicas: 1 },
  { name: 'equal weights, one replica', seed: 2, weights: [1, 1, 1, 1], shards: 8, replicas: 1 },
  {
    name: 'mixed weights, three replicas',
    seed: 3,
    weights: [100, 250, 90, 1_048_576, 500_000, 3, 777_777],
    shards: 24,
    replicas: 3,
  },
  { name: 'one saturated worker', seed: 4, weights: [1, 100, 1, 1], shards: 10, replicas: 2 },
  { name: 'everyone is needed', seed: 5, weights: [1, 9, 81], shards: 3, replicas: 3 },
  {
    name: 'a tight worker is taken before a preferred one',
    seed: 146,
    weights: [1, 1, 1, 1, 1],
    shards: 5,
    replicas: 3,
  },
];

const CADRES = [
  { seed: 11, nodes: 1 },
  { seed: 12, nodes: 7 },
  { seed: 13, nodes: 20 },
];

function numbered(number: number): Uint8Array {
  return sha256(u32(number));
}

function workersOf(weights: readonly number[]): Candidate[] {
  const candidates = weights.map((weight, i) => ({ node: nodeIdOfKey(numbered(i)), weight }));
  return candidates.sort((a, b) => compareBytes(a.node, b.node));
}

function placementVector(plan: (typeof PLACEMENTS)[number]) {
  const { name, weights, shards, replicas } = plan;
  const seed = numbered(plan.seed);
  const candidates = workersOf(weights);
  const placed = place({ seed, candidates, shardCount: shards, replicas });
  if (!placed.ok) throw new Error(`${name}: ${placed.reason}`);
  const scorer = new Scorer(seed);
  scorer.select(0);
  return {
    name,
    seed: toHex(seed),
    candidates: candidates.map(({ node, weight }) => ({ node: toHex(node), weight })),
    shards,
    replicas,
    bounds: placed.value.bounds,
    scoresOfShard0: candidates.map(({ node, weight }) => scorer.scoreOf(node, weight)),
    orderOfShard0: placed.value.order(0),
    firstWaves: Array.from({ length: shards }, (_, shard) => placed.value.firstWave(shard)),
  };
}

function cadreVector({ seed, nodes }: (typeof CADRES)[number]) {
  const candidates = workersOf(Array.from({ length: nodes }, () => 1));
  return {
    seed: toHex(numbered(seed)),
    nodes: candidates.map(({ node }) => toHex(node)),
    order: cadreOrder(numbered(seed), candidates),
  };
}

function write(name: string, value: unknown): void {
  const file = new URL(`../../test/vectors/${name}.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(value, undefined, 1)}\n`);
}

write('placement', {
  logarithms: LOGARITHMS.map((h) => ({
    h,
    logarithm: negativeLog2(Number.parseInt(h.slice(0, 8), 16), Number.parseInt(h.slice(8), 16)),
  })),
  scores: [1, 3, 1000, 1_048_576].map((weight) => ({
    logarithm: 123_456_789_012,
    weight,
    score: weightedScore(123_456_789_012, weight),
  })),
  weights: WEIGHTS.map((speeds) => ({ speeds, weights: capWeights(speeds) })),
  placements: PLACEMENTS.map(placementVector),
});
write('cadre-order', {
  sizes: [1, 2, 3, 4, 5, 7, 10, 64, 100].map((n) => ({
    n,
    quorum: quorumOf(n),
    faults: faultsOf(n),
    window: windowOf(n),
  })),
  orders: CADRES.map(cadreVector),
});
