/** The golden values of docs/protocol/placement.md, by the code and by the second reading of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compareBytes, fromHex } from '../../src/base/bytes.ts';
import { taggedHash } from '../../src/crypto/portable/hash.ts';
import {
  referenceLog,
  referencePlacement,
  referenceScore,
} from '../../src/sim/placement-oracle.ts';
import { cadreOrder, faultsOf, quorumOf, windowOf } from '../../src/swarm/cadre-order.ts';
import { capWeights, place } from '../../src/swarm/placement.ts';
import { negativeLog2, Scorer, weightedScore } from '../../src/swarm/score.ts';
import { TAGS } from '../../src/wire/tags.ts';

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8'));
const golden = read('placement');
const cadre = read('cadre-order');

for (const { h, logarithm } of golden.logarithms) {
  test(`-log2 of ${h}`, () => {
    const high = Number.parseInt(h.slice(0, 8), 16);
    const low = Number.parseInt(h.slice(8), 16);
    assert.equal(negativeLog2(high, low), logarithm);
    assert.equal(Number(referenceLog(BigInt(`0x${h}`))), logarithm);
  });
}

test('scores', () => {
  for (const { logarithm, weight, score } of golden.scores) {
    assert.equal(weightedScore(logarithm, weight), score);
    assert.equal(Number((BigInt(logarithm) << 14n) / BigInt(weight)), score);
  }
});

test('weights from speeds', () => {
  for (const { speeds, weights } of golden.weights) assert.deepEqual(capWeights(speeds), weights);
});

for (const vector of golden.placements) {
  test(`placement: ${vector.name}`, () => {
    const candidates = vector.candidates.map(
      ({ node, weight }: { node: string; weight: number }) => ({ node: fromHex(node)!, weight }),
    );
    const seed = fromHex(vector.seed)!;
    const init = { seed, candidates, shardCount: vector.shards, replicas: vector.replicas };
    const placed = place(init);
    assert.ok(placed.ok);
    const shards = Array.from({ length: vector.shards }, (_, shard) => shard);
    assert.deepEqual(placed.value.bounds, vector.bounds);
    assert.deepEqual(
      shards.map((shard) => placed.value.firstWave(shard)),
      vector.firstWaves,
    );
    assert.deepEqual(placed.value.order(0), vector.orderOfShard0);
    const scorer = new Scorer(seed);
    scorer.select(0);
    for (const [i, candidate] of candidates.entries()) {
      assert.equal(scorer.scoreOf(candidate.node, candidate.weight), vector.scoresOfShard0[i]);
      assert.equal(Number(referenceScore(seed, 0, candidate)), vector.scoresOfShard0[i]);
    }
    const reference = referencePlacement(init);
    assert.deepEqual(reference.bounds, vector.bounds);
    assert.deepEqual(reference.firstWaves, vector.firstWaves);
  });
}

test('one of the placements takes a tight worker out of turn', () => {
  const vector = golden.placements.find(({ name }: { name: string }) => name.includes('tight'));
  const candidates = vector.candidates.map(
    ({ node, weight }: { node: string; weight: number }) => ({ node: fromHex(node)!, weight }),
  );
  const { shards: shardCount, replicas } = vector;
  const init = { seed: fromHex(vector.seed)!, candidates, shardCount, replicas };
  assert.notDeepEqual(referencePlacement(init).forced, []);
});

test('cadre sizes', () => {
  for (const { n, quorum, faults, window } of cadre.sizes) {
    assert.deepEqual([quorumOf(n), faultsOf(n), windowOf(n)], [quorum, faults, window]);
  }
});

test('cadre orders', () => {
  for (const { seed, nodes, order } of cadre.orders) {
    const candidates = nodes.map((node: string) => ({ node: fromHex(node)! }));
    assert.deepEqual(cadreOrder(fromHex(seed)!, candidates), order);
    const keys = order.map((index: number) =>
      taggedHash(TAGS.cadreRank, fromHex(seed)!, candidates[index].node),
    );
    for (let i = 1; i < keys.length; i++) assert.ok(compareBytes(keys[i - 1], keys[i]) < 0);
  }
});
