import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../../../src/roles/job-messages.ts';
import { OutcomeVotes } from '../../../src/roles/outcome-votes.ts';

const outcome = (failure = ''): Outcome => ({
  planId: new Uint8Array(32),
  disputes: [],
  retries: [],
  failure,
  failedShard: 0,
});
const root = (byte: number) => new Uint8Array(32).fill(byte);

test('an outcome is believed when f + 1 judges say the same', () => {
  const votes = new OutcomeVotes(2);
  assert.equal(votes.add('a', { outcome: outcome(), root: root(1), bytes: 10 }), undefined);
  assert.equal(
    votes.add('b', { outcome: outcome('NO_AGREEMENT'), root: root(2), bytes: 0 }),
    undefined,
  );
  const believed = votes.add('c', { outcome: outcome(), root: root(3), bytes: 12 });
  assert.equal(believed?.outcome.failure, '');
  assert.deepEqual(
    believed?.certificates.map(({ judge, bytes }) => [judge, bytes]),
    [
      ['a', 10],
      ['c', 12],
    ],
    'certificates may differ: each is verified, and a liar offers none of the believed',
  );
});

test('only the first statement of a judge counts', () => {
  const votes = new OutcomeVotes(2);
  votes.add('a', { outcome: outcome(), root: root(1), bytes: 10 });
  assert.equal(votes.add('a', { outcome: outcome(), root: root(1), bytes: 10 }), undefined);
  assert.equal(votes.count, 1);
});

test('an outcome is given once', () => {
  const votes = new OutcomeVotes(1);
  assert.ok(votes.add('a', { outcome: outcome(), root: root(1), bytes: 10 }));
  assert.equal(votes.add('b', { outcome: outcome(), root: root(1), bytes: 10 }), undefined);
});
