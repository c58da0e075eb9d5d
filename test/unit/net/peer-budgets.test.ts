import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerBudgets } from '../../../src/net/peer-budgets.ts';

function budgets(init: { perMinute: number; peersMax?: number }) {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  return { clock, budgets: new PeerBudgets({ clock }, init) };
}

test('a bucket refuses beyond what it holds, takes nothing then, and refills steadily', () => {
  const { clock, budgets: bulk } = budgets({ perMinute: 600 });
  assert.ok(bulk.take('a', 500));
  assert.ok(!bulk.take('a', 101));
  assert.ok(bulk.take('a', 100), 'a refusal takes nothing');
  assert.ok(bulk.take('b', 600), 'each peer has its own');
  clock.nowMs += 10_000;
  assert.ok(!bulk.take('a', 101));
  assert.ok(bulk.take('a', 100));
  clock.nowMs += 3_600_000;
  assert.ok(!bulk.take('a', 601), 'it never holds more than a minute');
});

test('peers are bounded: full buckets are forgotten before used ones', () => {
  const { clock, budgets: bulk } = budgets({ perMinute: 60, peersMax: 3 });
  bulk.take('spent', 60);
  clock.nowMs += 1_000;
  bulk.take('full', 0);
  bulk.take('half', 30);
  bulk.take('new', 0);
  assert.equal(bulk.size, 3);
  assert.ok(!bulk.take('spent', 5), 'what was spent is still spent');
  for (let i = 0; i < 100; i++) bulk.take(`flood ${i}`, 1);
  assert.equal(bulk.size, 3);
});
