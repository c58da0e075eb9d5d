/** A restarted member asks what others saw of its key: how often, and when it need not wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Probation } from '../../../src/consensus/sync-probation.ts';
import { SyncSeen } from '../../../src/consensus/sync-seen.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { electorate } from './fixtures.ts';

function asking() {
  const clock = new VirtualClock();
  const askedMs: number[] = [];
  const settled: string[] = [];
  const seen = new SyncSeen({
    seats: electorate(4),
    check: async () => true,
    safety: () => assert.fail('no claim comes'),
  });
  const probation = new Probation({
    clock,
    seen,
    others: [1, 2, 3],
    isOpen: () => settled.length === 0,
    send: (seat, message) => {
      if (seat === 1 && message.kind === 'want-seen') askedMs.push(clock.monotonicMs());
    },
    syncInfo: () => ({ kind: 'seen', messages: [] }),
    settle: (how) => void settled.push(how),
  });
  return { clock, askedMs, settled, probation };
}

test('in silence each wait is twice the last, to 30 s', async () => {
  const { clock, askedMs, probation } = asking();
  probation.begin();
  await clock.advance(100_000);
  const waits = askedMs.slice(1).map((atMs, i) => atMs - askedMs[i]!);
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test('a message after a long silence is answered with the question at once, and waits begin anew', async () => {
  const { clock, askedMs, probation } = asking();
  probation.begin();
  await clock.advance(20_000);
  const before = askedMs.length;
  probation.heard();
  await clock.advance(1_000);
  assert.deepEqual(askedMs.slice(before), [20_000, 20_500]);
});

test('a flood of messages brings no more than one question in 500 ms', async () => {
  const { clock, askedMs, probation } = asking();
  probation.begin();
  for (let ms = 0; ms < 5_000; ms++) {
    probation.heard();
    await clock.advance(1);
  }
  assert.equal(askedMs.length, 10);
});

test('once settled nothing is asked, whatever arrives', async () => {
  const { clock, askedMs, settled, probation } = asking();
  probation.begin();
  await probation.onSeen(1, []);
  assert.deepEqual(settled, [], 'q - 1 = 2 others must answer');
  await probation.onSeen(2, []);
  assert.deepEqual(settled, ['cleared']);
  const before = askedMs.length;
  await clock.advance(5_000);
  probation.heard();
  assert.equal(askedMs.length, before);
});
