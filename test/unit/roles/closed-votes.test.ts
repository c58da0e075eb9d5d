import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedVotes } from '../../../src/roles/closed-votes.ts';

test('shards are believed when enough judges say so, once, each on its own', () => {
  const votes = new ClosedVotes(2, 8);
  assert.deepEqual(votes.add('a', 0, [1, 2, 3]), []);
  assert.deepEqual(votes.add('b', 0, [2, 5]), [2]);
  assert.deepEqual(votes.add('c', 0, [1, 2, 3]), [1, 3], 'what is believed is not said again');
});

test('one judge counts once, however often it speaks', () => {
  const votes = new ClosedVotes(2, 8);
  for (let i = 0; i < 5; i++) assert.deepEqual(votes.add('a', 0, [1]), []);
  assert.deepEqual(votes.add('b', 0, [1, 1]), [1]);
});

test('waves are counted apart', () => {
  const votes = new ClosedVotes(2, 8);
  votes.add('a', 0, [1]);
  assert.deepEqual(votes.add('b', 1, [1]), []);
  assert.deepEqual(votes.add('a', 1, [1]), [1]);
});

test('a shard that the job does not have is passed over', () => {
  const votes = new ClosedVotes(1, 8);
  assert.deepEqual(votes.add('a', 0, [7, 8, 1_000_000]), [7]);
});

test('who is no judge any more has had no say, except in what was believed by then', () => {
  const votes = new ClosedVotes(2, 8);
  votes.add('a', 0, [1, 2]);
  assert.deepEqual(votes.add('b', 0, [2]), [2]);
  votes.forget('a');
  assert.deepEqual(votes.add('c', 0, [1, 2]), [], 'of shard 1 the first to speak');
  assert.deepEqual(votes.add('b', 0, [1]), [1]);
});
