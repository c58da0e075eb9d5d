import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OpenPlan } from '../../../src/job/open-plan.ts';
import { uniteRanges } from '../../../src/roles/input-cache.ts';
import { InputRoom } from '../../../src/roles/input-room.ts';

function planOf(reads: readonly { input: string; offset: number; length: number }[][]) {
  const plan = {
    spec: { shards: reads.length, inputs: [{ name: 'a' }, { name: 'b' }] },
    kernel: { reads: (_: number, shard: number) => reads[shard] },
  };
  return plan as unknown as OpenPlan;
}

test('shards fit as long as the union of what they read does', () => {
  const range = fc.record({
    input: fc.constantFrom('a', 'b'),
    offset: fc.nat(40),
    length: fc.nat(20),
  });
  const shardReads = fc.array(fc.array(range, { maxLength: 3 }), { maxLength: 10 });
  fc.assert(
    fc.property(shardReads, fc.integer({ min: 1, max: 80 }), (reads, bytesMax) => {
      const room = new InputRoom(planOf(reads), bytesMax);
      for (let shard = 0; shard < reads.length; shard++) {
        const soFar = reads.slice(0, shard + 1).flat();
        const bytes = ['a', 'b']
          .flatMap((name) => uniteRanges(soFar.filter(({ input }) => input === name)))
          .reduce((sum, { length }) => sum + length, 0);
        assert.equal(room.fits(shard), bytes <= bytesMax);
      }
    }),
  );
});

test('an input that all shards read whole counts once', () => {
  const shared = { input: 'b', offset: 0, length: 1000 };
  const reads = Array.from({ length: 50 }, (_, i) => [
    shared,
    { input: 'a', offset: i * 10, length: 10 },
  ]);
  const room = new InputRoom(planOf(reads), 1500);
  assert.ok(reads.every((_, shard) => room.fits(shard)));
});
