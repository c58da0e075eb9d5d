/** The laws of docs/protocol/placement.md section 6. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { referencePlacement } from '../../src/sim/placement-oracle.ts';
import { type Placement, type PlacementInit, place } from '../../src/swarm/placement.ts';
import { seedNumber, smallPlan, sorted, workersOf } from '../support/workers.ts';

function placed(init: PlacementInit): Placement {
  const checked = place(init);
  assert.ok(checked.ok);
  return checked.value;
}

function shardsOf(init: PlacementInit): number[] {
  return Array.from({ length: init.shardCount }, (_, shard) => shard);
}

function without(init: PlacementInit, removed: number): PlacementInit {
  return { ...init, candidates: init.candidates.toSpliced(removed, 1) };
}

/** Names a candidate of the smaller roster as in the whole one. */
function renamed(indexes: readonly number[], removed: number): number[] {
  return indexes.map((index) => (index < removed ? index : index + 1));
}

/** Compares with the second reading; returns how many shards met the tight rule. */
function compareWithReference(init: PlacementInit): number {
  const value = placed(init);
  const reference = referencePlacement(init);
  assert.deepEqual(value.bounds, reference.bounds);
  for (const shard of shardsOf(init)) {
    assert.deepEqual(value.preference(shard), reference.preferences[shard]);
    assert.deepEqual(value.firstWave(shard), reference.firstWaves[shard]);
  }
  return reference.forced.length;
}

test('equals the big-integer reading of the page: bounds, preferences and first waves', () => {
  fc.assert(
    fc.property(smallPlan, (init) => {
      compareWithReference(init);
    }),
    { numRuns: 200 },
  );
});

test('equals it also where the tight rule decides, which these jobs reach', () => {
  let forced = 0;
  for (let round = 0; round < 150; round++) {
    const seed = seedNumber(round);
    const mixed = { seed, candidates: workersOf([5, 2, 1, 1]), shardCount: 12, replicas: 2 };
    const equal = { seed, candidates: workersOf([1, 1, 1, 1, 1]), shardCount: 5, replicas: 3 };
    forced += compareWithReference(mixed) + compareWithReference(equal);
  }
  assert.ok(forced > 0);
});

test('same answer in any roster order: sorting is all that is needed, and it is demanded', () => {
  fc.assert(
    fc.property(smallPlan, fc.infiniteStream(fc.nat(1000)), (init, stream) => {
      const keys = init.candidates.map(() => stream.next().value as number);
      const order = init.candidates.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || b - a);
      const shuffled = order.map((i) => init.candidates[i]!);
      const value = placed(init);
      const again = placed({ ...init, candidates: sorted(shuffled) });
      for (const shard of shardsOf(init)) assert.deepEqual(again.order(shard), value.order(shard));
      const isSorted = order.every((index, i) => index === i);
      assert.equal(place({ ...init, candidates: shuffled }).ok, isSorted);
    }),
    { numRuns: 60 },
  );
});

test('R distinct workers, nobody above the bound, every order a permutation', () => {
  fc.assert(
    fc.property(smallPlan, (init) => {
      const value = placed(init);
      const everyone = init.candidates.map((_, index) => index);
      const loads = everyone.map(() => 0);
      for (const shard of shardsOf(init)) {
        const wave = value.firstWave(shard);
        assert.equal(new Set(wave).size, init.replicas);
        for (const candidate of wave) loads[candidate]! += 1;
        const order = value.order(shard);
        assert.deepEqual(order.slice(0, init.replicas), wave);
        assert.deepEqual(
          order.toSorted((a, b) => a - b),
          everyone,
        );
        const rest = value.preference(shard).filter((candidate) => !wave.includes(candidate));
        assert.deepEqual(order.slice(init.replicas), rest);
      }
      for (const candidate of everyone) {
        assert.ok(loads[candidate]! <= value.bounds[candidate]!);
        assert.equal(value.shardsOf(candidate).length, loads[candidate]);
      }
    }),
  );
});

test('the bound is 5/4 of the share of weight, rounded up, where nobody is saturated', () => {
  fc.assert(
    fc.property(smallPlan, (init) => {
      const { candidates, shardCount, replicas } = init;
      const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
      const isSaturated = candidates.some(({ weight }) => weight * replicas >= total);
      fc.pre(!isSaturated);
      for (const [index, { weight }] of candidates.entries()) {
        const share = BigInt(5 * shardCount * replicas) * BigInt(weight);
        const up = Number((share + BigInt(4 * total) - 1n) / BigInt(4 * total));
        assert.equal(placed(init).bounds[index], Math.min(shardCount, up));
      }
    }),
    { numRuns: 60 },
  );
});

test('without the bound a removed worker leaves the order of all others as it was', () => {
  fc.assert(
    fc.property(smallPlan, fc.nat(), (init, pick) => {
      fc.pre(init.candidates.length > init.replicas);
      const removed = pick % init.candidates.length;
      const before = placed(init);
      const after = placed(without(init, removed));
      for (const shard of shardsOf(init)) {
        const rest = before.preference(shard).filter((candidate) => candidate !== removed);
        assert.deepEqual(renamed(after.preference(shard), removed), rest);
      }
    }),
  );
});

test('with the bound, whoever was passed over for a less preferred worker was full or forced out', () => {
  fc.assert(
    fc.property(smallPlan, (init) => {
      const value = placed(init);
      const { forced } = referencePlacement(init);
      const loads = init.candidates.map(() => 0);
      for (const shard of shardsOf(init)) {
        const wave = value.firstWave(shard);
        const natural = value.preference(shard).slice(0, init.replicas);
        for (const candidate of natural.filter((c) => !wave.includes(c))) {
          const isFull = loads[candidate] === value.bounds[candidate];
          assert.ok(isFull || forced.includes(shard), `shard ${shard}, candidate ${candidate}`);
        }
        for (const candidate of wave) loads[candidate]! += 1;
      }
    }),
  );
});

test('where no bound is met, a removed worker moves exactly its own replicas, each to the next', () => {
  for (let round = 0; round < 6; round++) {
    const replicas = 1 + (round % 3);
    const candidates = workersOf([3, 3, 4, 4, 5, 5, 4, 4], 100 * round);
    const init = { seed: seedNumber(round), candidates, shardCount: 2000, replicas };
    const removed = round % candidates.length;
    const before = placed(init);
    const after = placed(without(init, removed));
    for (const shard of shardsOf(init)) {
      const natural = before.preference(shard);
      assert.deepEqual(before.firstWave(shard), natural.slice(0, replicas));
      const rest = natural.filter((candidate) => candidate !== removed);
      assert.deepEqual(renamed(after.firstWave(shard), removed), rest.slice(0, replicas));
    }
  }
});

test('share follows weight: five deviations of the binomial plus a thousandth, one replica', () => {
  const weights = [1, 2, 3, 5, 8, 13, 21, 47];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shardCount = 10_000;
  for (let round = 0; round < 4; round++) {
    const candidates = workersOf(weights, 50 * round);
    const value = placed({ seed: seedNumber(round), candidates, shardCount, replicas: 1 });
    for (const [index, { weight }] of candidates.entries()) {
      const share = weight / total;
      const deviation = Math.sqrt(shardCount * share * (1 - share));
      const off = Math.abs(value.shardsOf(index).length - shardCount * share);
      assert.ok(off <= 5 * deviation + shardCount / 1024, `weight ${weight} is off by ${off}`);
    }
  }
});

test('a job that saturates its largest worker gives it every shard and shares the rest', () => {
  const candidates = workersOf([1, 1, 1, 100]);
  const heavy = candidates.findIndex(({ weight }) => weight === 100);
  const value = placed({ seed: seedNumber(3), candidates, shardCount: 40, replicas: 2 });
  const loads = candidates.map((_, index) => value.shardsOf(index).length);
  assert.equal(loads[heavy], 40);
  assert.ok(loads.every((load) => load <= 40 && load >= 4));
  assert.equal(Math.max(...value.bounds.filter((_, index) => index !== heavy)), 17);
});
