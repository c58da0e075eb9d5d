/** Who leads: round-robin, then those that the final chain shows at work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  LEADER_LAG_ROUNDS,
  LEADER_WINDOW_BLOCKS,
  leaderOf,
  NO_RECORD,
  settledLeaderOf,
  withFinal,
} from '../../../src/consensus/leader.ts';
import { bitmapOf } from '../../../src/consensus/seats.ts';
import type { Block } from '../../../src/consensus/types.ts';
import { Cluster } from './cluster.ts';
import { electorate, makeBlock, makeQc } from './fixtures.ts';
import { expectDelivered, startAll } from './storm.ts';

const seats = electorate(7);
const WINDOW_END = LEADER_WINDOW_BLOCKS + LEADER_LAG_ROUNDS;

/** A final chain, one block a round, certified by these seats. */
function chain(rounds: number, signers: readonly number[]): Block[] {
  return Array.from({ length: rounds }, (_, i) => {
    const qc = { ...makeQc(seats, i, i - 1), signers: bitmapOf(i === 0 ? [] : signers, 7) };
    return makeBlock(seats, i + 1, qc);
  });
}

test('once the window is final only seats that certified something in it lead', () => {
  const record = withFinal(NO_RECORD, chain(20, [0, 2, 3, 5, 6]), 7);
  const led = Array.from({ length: 4 }, (_, i) => leaderOf(seats.order, record, 21 + i));
  assert.ok(led.every((seat) => [0, 2, 3, 5, 6].includes(seat)));
  assert.equal(new Set(led).size, 4, 'they take turns');
});

test('what lies inside the lag decides nothing', () => {
  const blocks = chain(20, [0, 1, 2, 3, 4]);
  const record = withFinal(NO_RECORD, blocks, 7);
  for (const round of [21, 22, 23, 24]) {
    const known = blocks.filter((block) => block.round <= round - LEADER_LAG_ROUNDS);
    const earlier = withFinal(NO_RECORD, known, 7);
    assert.equal(leaderOf(seats.order, record, round), leaderOf(seats.order, earlier, round));
  }
});

test('round-robin where the window is short, or not final here', () => {
  const short = withFinal(NO_RECORD, chain(WINDOW_END - LEADER_LAG_ROUNDS - 1, [0, 1, 2, 3, 4]), 7);
  const long = withFinal(NO_RECORD, chain(20, [0, 1, 2, 3, 4]), 7);
  const turn = (round: number) => leaderOf(seats.order, NO_RECORD, round);
  for (let round = 1; round < WINDOW_END; round++) {
    assert.equal(leaderOf(seats.order, short, round), turn(round));
    assert.equal(settledLeaderOf(seats.order, round), turn(round));
  }
  assert.equal(settledLeaderOf(seats.order, WINDOW_END), undefined);
  // As many failed rounds as the lag has: everybody is a candidate again.
  for (let round = 25; round < 40; round++) {
    assert.equal(leaderOf(seats.order, long, round), turn(round));
  }
  assert.notDeepEqual(
    [21, 22, 23, 24].map((round) => leaderOf(seats.order, long, round)),
    [21, 22, 23, 24].map(turn),
  );
});

test('crashed seats stop costing rounds, and a seat that is back leads again', async () => {
  const cluster = new Cluster({ seed: 17, seatCount: 7, target: 100 });
  startAll(cluster);
  await cluster.run(50);
  for (const seat of [2, 5]) cluster.crash(cluster.instances[seat]!);
  let submitted = 0;
  /** Virtual ms that so many payloads took, one after the other. */
  const commit = async (count: number): Promise<number> => {
    const startMs = cluster.time.monotonicMs();
    for (let i = 0; i < count; i++) {
      submitted += 1;
      cluster.submitAll(`p${submitted}`);
      await expectDelivered(cluster, submitted);
    }
    return cluster.time.monotonicMs() - startMs;
  };
  assert.ok((await commit(16)) > 500, 'at first their rounds time out');
  assert.ok((await commit(20)) < 20 * 100, 'then they no longer lead');
  for (const seat of [2, 5]) cluster.start(cluster.instances[seat]!);
  await commit(10);
  const authors = () =>
    new Set(cluster.instances[0]!.heights.slice(-14).map(({ block }) => block.author));
  await commit(14);
  assert.ok(authors().has(2) || authors().has(5), 'whoever votes again leads again');
});
