import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

test('events run in the order of time, then of planning', async () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const planned = Array.from({ length: 500 }, (_, i) => ({ i, atMs: random.integer(40) }));
  const ran: typeof planned = [];
  for (const event of planned) clock.setTimer(event.atMs, () => ran.push(event));
  await clock.advance(40);
  assert.deepEqual(
    ran,
    planned.toSorted((a, b) => a.atMs - b.atMs || a.i - b.i),
  );
});

test('promises settle before the next event, and time stands at the event', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  const chain = async (name: string) => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
    seen.push(`${name} at ${clock.monotonicMs()}`);
  };
  clock.setTimer(3, () => void chain('a'));
  clock.setTimer(7, () => void chain('b'));
  await clock.advance(10);
  assert.deepEqual(seen, ['a at 3', 'b at 7']);
  assert.equal(clock.monotonicMs(), 10);
});

test('a cancelled timer is not pending and does not run; cancelling twice is fine', async () => {
  const clock = new VirtualClock();
  const timer = clock.setTimer(1, () => assert.fail('cancelled'));
  assert.equal(clock.pending, 1);
  timer.cancel();
  timer.cancel();
  assert.equal(clock.pending, 0);
  await clock.advance(5);
});

test('a fast clock counts more and fires early; a dead machine has no timers', async () => {
  const clock = new VirtualClock();
  let isRunning = true;
  const skewed = clock.skewed({ wallMs: 500, rate: 1.25 }, () => isRunning);
  const fired: number[] = [];
  skewed.setTimer(100, () => fired.push(clock.monotonicMs()));
  skewed.setTimer(200, () => fired.push(-1));
  await clock.advance(100);
  assert.deepEqual(fired, [80]);
  assert.equal(skewed.monotonicMs(), 125);
  assert.equal(skewed.wallMs() - clock.wallMs(), 525);
  isRunning = false;
  await clock.advance(100);
  assert.deepEqual(fired, [80]);
});

test('work that can never settle is told', async () => {
  await assert.rejects(new VirtualClock().run(new Promise(() => {}), 50), /nothing came of it/);
});
