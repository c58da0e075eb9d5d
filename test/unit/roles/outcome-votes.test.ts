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

test('an outcome is believed when f + 1 judges say the same, and they are named', () => {
  const votes = new OutcomeVotes(2);
  assert.equal(votes.add('a', outcome()), undefined);
  assert.equal(votes.add('b', outcome('NO_AGREEMENT')), undefined);
  assert.deepEqual(votes.add('c', outcome()), { outcome: outcome(), judges: ['a', 'c'] });
});

test('only the first statement of a judge counts', () => {
  const votes = new OutcomeVotes(2);
  votes.add('a', outcome());
  assert.equal(votes.add('a', outcome()), undefined);
  assert.equal(votes.add('a', outcome('NO_AGREEMENT')), undefined);
  assert.equal(votes.add('b', outcome('NO_AGREEMENT')), undefined);
  assert.equal(votes.count, 2);
});

test('an outcome is given once', () => {
  const votes = new OutcomeVotes(1);
  assert.ok(votes.add('a', outcome()));
  assert.equal(votes.add('b', outcome()), undefined);
});
