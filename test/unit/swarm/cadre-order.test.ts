import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  cadreOrder,
  checkSeats,
  chooseCadre,
  faultsOf,
  quorumOf,
  type SeatsCheck,
  windowOf,
} from '../../../src/swarm/cadre-order.ts';
import { nodeNumber, seedNumber } from '../../support/workers.ts';

const order = Array.from({ length: 12 }, (_, rank) => nodeNumber(rank));
const seated = (...ranks: number[]) => ranks.map((rank, seat) => ({ seat, node: order[rank]! }));
const reasonFor = (check: Partial<SeatsCheck>) => {
  const checked = checkSeats({ order, n: 4, skipped: [], seats: seated(0, 1, 2, 3), ...check });
  return checked.ok ? checked.value.join() : checked.reason;
};

test('quorums of every size cross in more than the faulty, and the honest are enough for one', () => {
  for (let n = 1; n <= 100; n++) {
    assert.ok(n >= 3 * faultsOf(n) + 1);
    assert.ok(2 * quorumOf(n) - n > faultsOf(n));
    assert.ok(n - faultsOf(n) >= quorumOf(n));
  }
  assert.equal(faultsOf(0), 0);
});

test('the order is a permutation that every input order gives, and another seed changes it', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 2, max: 30 }), (seed, count) => {
      const candidates = Array.from({ length: count }, (_, i) => ({ node: nodeNumber(i) }));
      const ranked = cadreOrder(seedNumber(seed), candidates);
      assert.deepEqual(
        ranked.toSorted((a, b) => a - b),
        candidates.map((_, i) => i),
      );
      const backwards = cadreOrder(seedNumber(seed), candidates.toReversed());
      assert.deepEqual(
        backwards.map((i) => count - 1 - i),
        ranked,
      );
    }),
    { numRuns: 40 },
  );
  const many = order.map((node) => ({ node }));
  assert.notDeepEqual(cadreOrder(seedNumber(1), many), cadreOrder(seedNumber(2), many));
});

test('a removed candidate leaves the order of the others', () => {
  const candidates = order.map((node) => ({ node }));
  const ranked = cadreOrder(seedNumber(5), candidates);
  for (let removed = 0; removed < candidates.length; removed++) {
    const rest = cadreOrder(seedNumber(5), candidates.toSpliced(removed, 1));
    assert.deepEqual(
      rest.map((i) => (i < removed ? i : i + 1)),
      ranked.filter((i) => i !== removed),
    );
  }
});

test('seats follow from the order and the skipped ranks', () => {
  assert.equal(reasonFor({}), '0,1,2,3');
  assert.equal(reasonFor({ skipped: [1], seats: seated(0, 4, 2, 3) }), '0,4,2,3');
  assert.equal(reasonFor({ skipped: [0, 2], seats: seated(5, 1, 4, 3) }), '5,1,4,3');
  assert.equal(reasonFor({ n: 1, seats: seated(0) }), '0');
});

test('a cadre outside its rule is refused, each for its own reason', () => {
  assert.equal(reasonFor({ n: 0, seats: [] }), 'bad-seat-count');
  assert.equal(reasonFor({ n: 101 }), 'bad-seat-count');
  assert.equal(reasonFor({ seats: seated(0, 1, 2) }), 'bad-seat-count');
  assert.equal(reasonFor({ skipped: [0, 1, 2], seats: seated(3, 4, 5, 6) }), 'outside-window');
  assert.equal(reasonFor({ order: order.slice(0, 3) }), 'outside-window');
  assert.equal(reasonFor({ skipped: [2, 1], seats: seated(0, 3, 4, 5) }), 'bad-skipped');
  assert.equal(reasonFor({ skipped: [1, 1], seats: seated(0, 2, 3, 4) }), 'bad-skipped');
  assert.equal(reasonFor({ skipped: [-1] }), 'bad-skipped');
  assert.equal(reasonFor({ skipped: [0.5] }), 'bad-skipped');
  assert.equal(reasonFor({ skipped: [4] }), 'bad-skipped', 'a skip behind the last seat');
  assert.equal(reasonFor({ skipped: [6] }), 'bad-skipped', 'a skip behind the window');
  assert.equal(reasonFor({ seats: seated(0, 1, 2, 4) }), 'wrong-member', 'rank 3 left out unsaid');
  assert.equal(reasonFor({ skipped: [1] }), 'wrong-member', 'a skipped rank is seated');
  assert.equal(reasonFor({ seats: seated(0, 1, 2, 2) }), 'wrong-member', 'seated twice');
  const numbered = (...numbers: number[]) =>
    numbers.map((seat, rank) => ({ seat, node: order[rank]! }));
  assert.equal(reasonFor({ seats: numbered(0, 1, 2, 2) }), 'bad-seat-number');
  assert.equal(reasonFor({ seats: numbered(0, 1, 2, 4) }), 'bad-seat-number');
  assert.equal(reasonFor({ seats: numbered(0, 1, 2, -1) }), 'bad-seat-number');
});

test('whatever can be chosen passes the check, and skips at most half of the seats', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.uniqueArray(fc.nat(11), { maxLength: 6 }),
      (n, away) => {
        const choice = chooseCadre(order.length, n, new Set(away));
        const awayInWindow = away.filter((rank) => rank < windowOf(n)).length;
        assert.equal(choice.ok, awayInWindow <= Math.ceil(n / 2));
        if (!choice.ok) return;
        const { ranks, skipped } = choice.value;
        assert.ok(ranks.every((rank) => !away.includes(rank) && rank < windowOf(n)));
        assert.ok(skipped.every((rank) => away.includes(rank)));
        assert.ok(checkSeats({ order, n, skipped, seats: seated(...ranks) }).ok);
      },
    ),
  );
});
