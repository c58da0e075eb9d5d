import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleTrim } from '../../../node/idle-trim.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

function trimming() {
  const clock = new VirtualClock();
  const world = { activity: 0, isBusy: false, collections: 0 };
  const trim = new IdleTrim(
    { clock },
    {
      activity: () => world.activity,
      isBusy: () => world.isBusy,
      collect: () => {
        world.collections += 1;
      },
    },
  );
  return { clock, world, trim };
}

test('a quiet node collects a few times and then leaves it', async () => {
  const { clock, world, trim } = trimming();
  await trim.start();
  await clock.advance(60_000);
  const first = world.collections;
  assert.ok(first > 0 && first < 5, `${first} collections`);
  world.activity += 1;
  await clock.advance(60_000);
  assert.equal(world.collections, 2 * first, 'once more after the next burst of work');
  await trim.stop();
  assert.equal(clock.pending, 0);
});

test('a node with live plans never collects', async () => {
  const { clock, world, trim } = trimming();
  world.isBusy = true;
  await trim.start();
  await clock.advance(60_000);
  assert.equal(world.collections, 0);
  await trim.stop();
});
