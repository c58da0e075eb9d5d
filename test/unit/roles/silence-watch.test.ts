/** Who is silent: when it is asked, when it is blamed, and who may blame. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SilenceWatch } from '../../../src/roles/silence-watch.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';

/** Seat 0 of four; seats of `answering` answer every question at once. */
function watching(answering: readonly number[]) {
  const clock = new VirtualClock();
  const asked: number[] = [];
  const silent: { seat: number; atMs: number }[] = [];
  const answers = new Set(answering);
  const watch: SilenceWatch = new SilenceWatch(
    {
      clock,
      probe: (seat) => {
        asked.push(seat);
        if (answers.has(seat)) watch.heard(seat);
      },
      onSilent: (seat) => void silent.push({ seat, atMs: clock.monotonicMs() }),
    },
    { others: [1, 2, 3], heardMin: 2 },
  );
  watch.start();
  return { clock, asked, silent, answers, watch };
}

test('members with nothing to say are asked now and then, and nobody is blamed', async () => {
  const { clock, asked, silent } = watching([1, 2, 3]);
  await clock.advance(600_000);
  assert.deepEqual(silent, []);
  assert.ok(asked.length >= 3 && asked.length <= 3 * 50, `${asked.length} questions`);
});

test('who does not answer for 30 s is silent, and stays it until it is heard', async () => {
  const { clock, silent, watch } = watching([1, 2]);
  await clock.advance(29_000);
  assert.deepEqual(silent, []);
  await clock.advance(4_000);
  assert.deepEqual(new Set(silent.map(({ seat }) => seat)), new Set([3]));
  watch.heard(3);
  silent.length = 0;
  await clock.advance(29_000);
  assert.deepEqual(silent, []);
});

test('who hears fewer than the others of a quorum is cut off itself, and blames nobody', async () => {
  const { clock, silent, answers } = watching([1]);
  await clock.advance(120_000);
  assert.deepEqual(silent, []);
  answers.add(2);
  await clock.advance(4_000);
  assert.deepEqual(new Set(silent.map(({ seat }) => seat)), new Set([3]));
});

test('a new cadre begins without blame, and a stopped watch leaves no timer', async () => {
  const { clock, silent, watch } = watching([1, 2]);
  await clock.advance(28_000);
  watch.start();
  await clock.advance(28_000);
  assert.deepEqual(silent, []);
  watch.stop();
  assert.equal(clock.pending, 0);
});
