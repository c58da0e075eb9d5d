/** The base timer follows what a quorum takes to answer, within bounds that liars cannot move. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PACEMAKER_DEFAULTS } from '../../../src/consensus/pacemaker.ts';
import {
  PROPOSALS_AWAITED_MAX,
  RoundTrips,
  SAMPLES_PER_SEAT_MAX,
} from '../../../src/consensus/round-trips.ts';
import { Cluster } from './cluster.ts';
import { expectDelivered, startAll } from './storm.ts';

/** Four seats, ours is 0; each of the others answers after so many ms. */
function measured(answersMs: readonly (number | undefined)[]): number {
  const trips = new RoundTrips(4);
  trips.asked('a', 1_000);
  answersMs.forEach((ms, i) => {
    if (ms !== undefined) trips.answered('a', i + 1, 1_000 + ms);
  });
  return trips.timeoutBaseMs(0, PACEMAKER_DEFAULTS);
}

test('six times what the slowest of a quorum needs, and never less than configured', () => {
  assert.equal(measured([200, 300, 4_000]), 1_800);
  assert.equal(measured([1, 2, 3]), PACEMAKER_DEFAULTS.timeoutBaseMs);
});

test('without an answer of a quorum nothing is known', () => {
  assert.equal(measured([200, undefined, undefined]), PACEMAKER_DEFAULTS.timeoutBaseMs);
});

test('f seats that answer late on purpose stretch nothing; nobody stretches it beyond Tmax', () => {
  assert.equal(measured([200, 300, 1e9]), measured([200, 300, 301]));
  assert.equal(measured([1e9, 1e9, 1e9]), PACEMAKER_DEFAULTS.timeoutMaxMs);
});

test('one outlier in twenty does not count, and old samples leave', () => {
  const trips = new RoundTrips(4);
  for (let i = 0; i < SAMPLES_PER_SEAT_MAX; i++) {
    trips.asked(`${i}`, 0);
    for (const seat of [1, 2, 3]) trips.answered(`${i}`, seat, i === 7 ? 9_000 : 100);
  }
  assert.equal(trips.timeoutBaseMs(0, PACEMAKER_DEFAULTS), 600);
  for (let i = 0; i < SAMPLES_PER_SEAT_MAX; i++) {
    trips.asked(`later ${i}`, 0);
    for (const seat of [1, 2, 3]) trips.answered(`later ${i}`, seat, 200);
  }
  assert.equal(trips.timeoutBaseMs(0, PACEMAKER_DEFAULTS), 1_200);
});

test('votes for what we did not propose, or long ago, tell nothing', () => {
  const trips = new RoundTrips(4);
  for (let i = 0; i <= PROPOSALS_AWAITED_MAX; i++) trips.asked(`${i}`, 0);
  for (const seat of [1, 2, 3]) {
    trips.answered('unknown', seat, 1_000);
    trips.answered('0', seat, 1_000);
    trips.answered('1', 99, 1_000);
  }
  assert.equal(trips.timeoutBaseMs(0, PACEMAKER_DEFAULTS), PACEMAKER_DEFAULTS.timeoutBaseMs);
});

test('over links slower than the configured timer the rounds stop timing out', async () => {
  const cluster = new Cluster({ seed: 3, seatCount: 4, target: 100, delayMaxMs: 900 });
  startAll(cluster);
  const timeouts: number[] = [];
  for (let i = 1; i <= 24; i++) {
    cluster.submitAll(`p${i}`);
    await expectDelivered(cluster, i);
    timeouts.push(cluster.sentOf('timeout'));
  }
  const before = timeouts[11]!;
  assert.ok(before > 8, `the timer was too short at first: ${before}`);
  assert.ok(timeouts.at(-1)! - before <= before / 4, `${timeouts}`);
});
