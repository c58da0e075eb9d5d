/** Seats, ballots, certificates and time: the small decisions, each by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '../../../src/base/bytes.ts';
import type { Ballots } from '../../../src/consensus/ballots.ts';
import { COMMIT_ROUNDS_MAX, countCommitVote } from '../../../src/consensus/commit-collector.ts';
import { finalisesParent, isFinalByCommitVotes } from '../../../src/consensus/commit-rule.ts';
import { ERA_BLOCKS } from '../../../src/consensus/eras.ts';
import { addExecuted, type ExecutedIds, hasExecuted } from '../../../src/consensus/executed-ids.ts';
import { leaderOf, leaderOrder, NO_RECORD } from '../../../src/consensus/leader.ts';
import type { CommitVote } from '../../../src/consensus/messages.ts';
import {
  failuresAfter,
  PACEMAKER_DEFAULTS,
  rebroadcastMs,
  roundTimeoutMs,
} from '../../../src/consensus/pacemaker.ts';
import {
  bitmapOf,
  faultsTolerated,
  oneHonestOf,
  quorumOf,
  seatsOf,
} from '../../../src/consensus/seats.ts';
import { checksOfQc, checksOfTc } from '../../../src/consensus/signature-checks.ts';
import { countTimeout, TIMEOUT_ROUNDS_MAX } from '../../../src/consensus/timeout-collector.ts';
import { markVerified, type Verified, type Vote } from '../../../src/consensus/types.ts';
import { countVote, VOTE_ROUNDS_MAX } from '../../../src/consensus/vote-collector.ts';
import { electorate, makeQc, makeTc, makeTimeout, makeVote, namedId, single } from './fixtures.ts';
import { fakeVerifier, testSeats } from './world.ts';

const seats = electorate(4);

async function holds(checks: ReturnType<typeof checksOfQc>): Promise<boolean> {
  assert.ok(checks.ok);
  for (const { seat, message, signature } of checks.value.map(single)) {
    if (!(await fakeVerifier.verify(seats.seats[seat]!.key, message, signature))) return false;
  }
  return checks.value.length > 0;
}

test('for every n up to 128 two quorums share an honest seat and faults cannot block one', () => {
  for (let n = 1; n <= 128; n++) {
    const [f, q] = [faultsTolerated(n), quorumOf(n)];
    assert.ok(3 * f < n, 'fewer than a third');
    assert.ok(2 * q - n >= f + 1, `quorums of ${n} meet in an honest seat`);
    assert.ok(q <= n - f, `${n} seats are live with ${f} silent`);
    assert.equal(oneHonestOf(n), f + 1);
  }
  assert.equal(quorumOf(5), 4);
  assert.equal(quorumOf(6), 5);
});

test('a bitmap has one spelling', () => {
  for (let n = 1; n <= 20; n++) {
    const some = Array.from({ length: n }, (_, seat) => seat).filter((seat) => seat % 3 !== 1);
    assert.deepEqual(seatsOf(bitmapOf(some, n), n), some);
    assert.equal(seatsOf(new Uint8Array(Math.ceil(n / 8) + 1), n), undefined);
    if (n % 8 !== 0) assert.equal(seatsOf(bitmapOf([n], n + 1), n), undefined, 'bit beyond n');
  }
});

test('the leader order is a permutation that depends on the plan', () => {
  const order = leaderOrder(testSeats(50, 0), 50);
  assert.deepEqual(
    order.toSorted((a, b) => a - b),
    [...Array(50).keys()],
  );
  assert.notDeepEqual(order, leaderOrder(testSeats(50, 0, 'another'), 50));
  const led = Array.from({ length: 50 }, (_, i) => leaderOf(order, NO_RECORD, i + 1));
  assert.deepEqual(led, order);
  assert.equal(leaderOf(order, NO_RECORD, 51), order[0]);
});

test('q votes make a QC whose every signature holds, in any order of arrival', async () => {
  const body = { round: 3, blockId: namedId('b'), parentRound: 2 };
  for (const order of [
    [0, 1, 2],
    [3, 1, 0],
    [2, 3, 1],
  ]) {
    let votes: Ballots<Verified<Vote>> = new Map();
    for (const [i, voter] of order.entries()) {
      const counted = countVote(votes, makeVote(seats, voter, body), 4);
      votes = counted.votes;
      assert.equal(counted.qc !== undefined, i === 2);
      if (counted.qc === undefined) continue;
      assert.ok(await holds(checksOfQc(seats, counted.qc)));
      assert.deepEqual(
        seatsOf(counted.qc.signers, 4),
        order.toSorted((a, b) => a - b),
      );
    }
    const fourth = [0, 1, 2, 3].find((seat) => !order.includes(seat))!;
    assert.equal(countVote(votes, makeVote(seats, fourth, body), 4).qc, undefined, 'only once');
  }
});

test('votes for different blocks, parents or rounds never add up', () => {
  const bodies = [
    { round: 3, blockId: namedId('b'), parentRound: 2 },
    { round: 3, blockId: namedId('c'), parentRound: 2 },
    { round: 3, blockId: namedId('b'), parentRound: 1 },
    { round: 4, blockId: namedId('b'), parentRound: 2 },
  ];
  let votes: Ballots<Verified<Vote>> = new Map();
  for (const [voter, body] of bodies.entries()) {
    const counted = countVote(votes, makeVote(seats, voter, body), 4);
    assert.equal(counted.qc, undefined);
    votes = counted.votes;
  }
});

test('the first vote of a seat counts; a different second is told and changes nothing', () => {
  const first = makeVote(seats, 1, { round: 3, blockId: namedId('b'), parentRound: 2 });
  const second = makeVote(seats, 1, { round: 3, blockId: namedId('c'), parentRound: 2 });
  const { votes } = countVote(new Map(), first, 4);
  const counted = countVote(votes, second, 4);
  assert.equal(counted.conflict, first);
  assert.equal(counted.votes, votes);
  assert.equal(countVote(votes, first, 4).conflict, undefined);
});

test('collectors keep a bounded number of rounds, the newest', () => {
  let votes: Ballots<Verified<Vote>> = new Map();
  for (let round = 1; round <= 500; round++) {
    const body = { round, blockId: namedId('b'), parentRound: 0 };
    votes = countVote(votes, makeVote(seats, 1, body), 4).votes;
    assert.ok(votes.size <= VOTE_ROUNDS_MAX);
  }
  assert.ok(votes.has(500) && !votes.has(1));
  let timeouts: Parameters<typeof countTimeout>[0] = new Map();
  let commits: Parameters<typeof countCommitVote>[0] = new Map();
  for (let round = 1; round <= 100; round++) {
    const highQc = makeQc(seats, 0, 0);
    timeouts = countTimeout(timeouts, makeTimeout(seats, 1, round, { highQc }), 4).timeouts;
    commits = countCommitVote(commits, commitVote(1, round, 'b'), 4).commits;
  }
  assert.equal(timeouts.size, TIMEOUT_ROUNDS_MAX);
  assert.equal(commits.size, COMMIT_ROUNDS_MAX);
});

function commitVote(voter: number, round: number, name: string): Verified<CommitVote> {
  const blockId = namedId(name);
  const roots = { stateRoot: namedId('s'), resultsRoot: namedId('r') };
  const qc = makeQc(seats, round, 0, blockId);
  const sig = new Uint8Array(64).fill(voter);
  const body = { epoch: 0, round, height: 1, blockId, ...roots };
  return markVerified({ kind: 'commit', ...body, voter, sig, qc });
}

test('q equal commit votes make one certificate, in seat order', () => {
  let commits: Parameters<typeof countCommitVote>[0] = new Map();
  const certs = [2, 0, 3, 1].map((voter) => {
    const counted = countCommitVote(commits, commitVote(voter, 5, 'b'), 4);
    commits = counted.commits;
    return counted.cert;
  });
  assert.deepEqual(
    certs.map((cert) => cert !== undefined),
    [false, false, true, false],
  );
  assert.deepEqual([certs[2]?.sigs[0], certs[2]?.sigs[64], certs[2]?.sigs[128]], [0, 2, 3]);
  const other = countCommitVote(new Map(), commitVote(0, 5, 'b'), 4);
  assert.equal(countCommitVote(other.commits, commitVote(1, 5, 'c'), 4).cert, undefined);
});

test('timeouts of one round make a TC over what each reported; others never count', async () => {
  const low = makeQc(seats, 1, 0);
  const high = makeQc(seats, 2, 1);
  const tc2 = makeTc(seats, 2, low);
  let counted = countTimeout(new Map(), makeTimeout(seats, 3, 3, { highQc: high }), 4);
  assert.equal(counted.amplify, false);
  counted = countTimeout(counted.timeouts, makeTimeout(seats, 2, 2, { highQc: low }), 4);
  assert.equal(counted.amplify, false, 'another round');
  counted = countTimeout(counted.timeouts, makeTimeout(seats, 0, 3, { highQc: low, tc: tc2 }), 4);
  assert.equal(counted.amplify, true, 'f + 1');
  assert.equal(counted.tc, undefined);
  counted = countTimeout(counted.timeouts, makeTimeout(seats, 1, 3, { highQc: low, tc: tc2 }), 4);
  assert.ok(counted.tc !== undefined);
  assert.deepEqual(counted.tc.highQcRounds, [1, 1, 2]);
  assert.ok(equalBytes(counted.tc.highQc.blockId, high.blockId));
  assert.ok(await holds(checksOfTc(seats, counted.tc)));
});

test('rule A needs q, rule B consecutive rounds', () => {
  assert.ok(!isFinalByCommitVotes(2, 3) && isFinalByCommitVotes(3, 3));
  assert.ok(finalisesParent({ round: 5, parentRound: 4 }));
  assert.ok(!finalisesParent({ round: 6, parentRound: 4 }), 'a parent link is not enough');
  assert.ok(!finalisesParent({ round: 1, parentRound: 0 }), 'genesis needs no commit');
});

test('the timer grows by half after two failures, up to its maximum, and comes back', () => {
  const timeouts = [0, 1, 2, 3, 4, 20, 64].map((k) => roundTimeoutMs(k, PACEMAKER_DEFAULTS));
  assert.deepEqual(timeouts, [500, 500, 500, 750, 1125, 30_000, 30_000]);
  let failures = 0;
  for (let i = 0; i < 1000; i++) failures = failuresAfter(failures, 'tc');
  assert.ok(failures <= 64, 'bounded, so that it can come back');
  for (let i = 0; i < 64; i++) failures = failuresAfter(failures, 'qc');
  assert.equal(failures, 0);
  assert.equal(failuresAfter(0, 'qc'), 0);
  assert.equal(rebroadcastMs(0, PACEMAKER_DEFAULTS), 500);
  assert.equal(rebroadcastMs(20, PACEMAKER_DEFAULTS), 2_000);
});

test('executed ids are all remembered, in few sets, and old values stay what they were', () => {
  let ids: ExecutedIds = [];
  const versions: ExecutedIds[] = [];
  for (let i = 0; i < 1000; i++) {
    versions.push(ids);
    ids = addExecuted(ids, i, [`id ${i}`]);
  }
  for (let i = 0; i < 1000; i++) assert.ok(hasExecuted(ids, `id ${i}`, 1_000));
  assert.ok(ids.length <= 12, `${ids.length} sets`);
  assert.ok(!hasExecuted(versions[500]!, 'id 500', 501));
  assert.ok(hasExecuted(versions[500]!, 'id 499', 501));
});

test('executed ids count for between one and two eras, by heights alone', () => {
  let ids: ExecutedIds = [];
  for (let height = 1; height <= 5 * ERA_BLOCKS; height++) {
    ids = addExecuted(ids, height, [`id ${height}`]);
    assert.ok(ids.length <= 2, 'bounded');
  }
  const era = 4 * ERA_BLOCKS;
  const early = addExecuted([], era - 1, ['id']);
  assert.ok(hasExecuted(early, 'id', era + ERA_BLOCKS - 1));
  assert.ok(!hasExecuted(early, 'id', era + ERA_BLOCKS), 'also where it is still remembered');
  assert.ok(!hasExecuted(ids, `id ${4 * ERA_BLOCKS - 1}`, 5 * ERA_BLOCKS + 1));
  assert.ok(hasExecuted(ids, `id ${4 * ERA_BLOCKS}`, 5 * ERA_BLOCKS + 1));
});
