import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capWeights, type PlacementInit, place } from '../../../src/swarm/placement.ts';
import { WEIGHT_MAX } from '../../../src/swarm/score.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { nodeNumber, seedNumber, workersOf } from '../../support/workers.ts';

const good: PlacementInit = {
  seed: seedNumber(1),
  candidates: workersOf([1, 2, 3, 4]),
  shardCount: 12,
  replicas: 2,
};

function reasonFor(change: Partial<PlacementInit>): string {
  const placed = place({ ...good, ...change });
  return placed.ok ? 'accepted' : placed.reason;
}

test('each bad input is refused for its own reason', () => {
  const { candidates } = good;
  const withWeight = (weight: number) => [{ node: candidates[0]!.node, weight }, candidates[1]!];
  assert.equal(reasonFor({}), 'accepted');
  assert.equal(reasonFor({ seed: new Uint8Array(31) }), 'bad-seed');
  assert.equal(reasonFor({ replicas: 5 }), 'too-few-workers');
  assert.equal(reasonFor({ candidates: [] }), 'too-few-workers');
  for (const replicas of [0, -1, 1.5, Number.NaN, LIMITS.replicasMax + 1]) {
    assert.equal(reasonFor({ replicas }), 'bad-replicas');
  }
  for (const shardCount of [0, 0.5, Number.NaN, LIMITS.shardsMax + 1, 1e9]) {
    assert.equal(reasonFor({ shardCount }), 'bad-shard-count');
  }
  for (const weight of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, WEIGHT_MAX + 1]) {
    assert.equal(reasonFor({ candidates: withWeight(weight) }), 'bad-weight');
  }
  assert.equal(reasonFor({ candidates: candidates.toReversed() }), 'unsorted-candidates');
  const twice = [candidates[0]!, candidates[0]!];
  assert.equal(reasonFor({ candidates: twice }), 'unsorted-candidates');
  const short = [{ node: nodeNumber(1).subarray(1), weight: 1 }, ...candidates];
  assert.equal(reasonFor({ candidates: short }), 'bad-node-id');
  const crowd = workersOf(Array.from({ length: LIMITS.rosterAdvertsMax + 1 }, () => 1));
  assert.equal(reasonFor({ candidates: crowd }), 'too-many-workers');
  const full = workersOf(Array.from({ length: LIMITS.rosterAdvertsMax }, () => 1));
  assert.equal(reasonFor({ candidates: full, shardCount: 32_769 }), 'too-much-work');
});

test('the first wave heads the order, and shardsOf is its inverse', () => {
  const placed = place(good);
  assert.ok(placed.ok);
  const { value } = placed;
  const held = good.candidates.map((_, candidate) => value.shardsOf(candidate));
  for (let shard = 0; shard < good.shardCount; shard++) {
    assert.deepEqual(value.order(shard).slice(0, 2), value.firstWave(shard));
    const holders = held.flatMap((shards, i) => (shards.includes(shard) ? [i] : []));
    assert.deepEqual(holders, [...value.firstWave(shard)].sort());
  }
  assert.equal(held.flat().length, good.shardCount * good.replicas);
});

test('changing a candidate after placing changes nothing', () => {
  const candidates = workersOf([1, 2, 3, 4]).map((worker) => ({ ...worker }));
  const placed = place({ ...good, candidates });
  assert.ok(placed.ok);
  const before = placed.value.order(3);
  candidates[0]!.weight = WEIGHT_MAX;
  assert.deepEqual(placed.value.order(3), before);
});

test('seed, shard and node each decide', () => {
  const waves = (init: PlacementInit) => {
    const placed = place(init);
    assert.ok(placed.ok);
    return Array.from({ length: init.shardCount }, (_, shard) => placed.value.order(shard).join());
  };
  const base = waves(good);
  assert.ok(new Set(base).size > 1);
  assert.notDeepEqual(waves({ ...good, seed: seedNumber(2) }), base);
  assert.notDeepEqual(waves({ ...good, candidates: workersOf([1, 2, 3, 4], 9) }), base);
});

test('a claimed speed is worth 64 medians at most', () => {
  assert.deepEqual(capWeights([10, 1_000_000, 10]), [10, 640, 10]);
  // The lower median of two: the smaller one judges the greater.
  assert.deepEqual(capWeights([1, 100]), [1, 64]);
  assert.deepEqual(capWeights([]), []);
});

test('weights keep their ratios when scaled into range, and none is lost', () => {
  const speeds = [2e12, 1e12, 5e11, 3];
  const weights = capWeights(speeds);
  assert.ok(weights[0]! <= WEIGHT_MAX && weights[0]! > WEIGHT_MAX / 2);
  assert.ok(Math.abs(weights[0]! / weights[1]! - 2) < 1e-5);
  assert.ok(Math.abs(weights[1]! / weights[2]! - 2) < 1e-5);
  assert.equal(weights[3], 1);
  const top = Number.MAX_SAFE_INTEGER;
  assert.deepEqual(
    capWeights([top, top]),
    [WEIGHT_MAX, WEIGHT_MAX].map((w) => w - 1),
  );
});
