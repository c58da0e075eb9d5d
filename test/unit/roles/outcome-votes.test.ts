import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accept } from '../../../src/base/verdict.ts';
import type { Outcome } from '../../../src/roles/job-messages.ts';
import { OutcomeVotes } from '../../../src/roles/outcome-votes.ts';

const outcome = (failure = ''): Outcome => ({
  planId: new Uint8Array(32),
  disputes: [],
  retries: [],
  failure,
  failedShard: 0,
});

/** Judges a to d, of whom `gone` lose their seats with the next proof. */
const judges = (believed: number, gone: readonly string[] = []) => {
  const left = new Set(['a', 'b', 'c', 'd']);
  return {
    believed,
    has: (peer: string) => left.has(peer),
    adopt: () => {
      for (const peer of gone) left.delete(peer);
      return accept(gone);
    },
  };
};

test('an outcome is believed when f + 1 judges say the same, and they are named', () => {
  const votes = new OutcomeVotes(judges(2));
  assert.equal(votes.add('a', outcome()), undefined);
  assert.equal(votes.add('b', outcome('NO_AGREEMENT')), undefined);
  assert.deepEqual(votes.add('c', outcome()), { outcome: outcome(), judges: ['a', 'c'] });
});

test('only the first statement of a judge counts', () => {
  const votes = new OutcomeVotes(judges(2));
  votes.add('a', outcome());
  assert.equal(votes.add('a', outcome()), undefined);
  assert.equal(votes.add('a', outcome('NO_AGREEMENT')), undefined);
  assert.equal(votes.add('b', outcome('NO_AGREEMENT')), undefined);
  assert.equal(votes.count, 2);
});

test('an outcome is given once', () => {
  const votes = new OutcomeVotes(judges(1));
  assert.ok(votes.add('a', outcome()));
  assert.equal(votes.add('b', outcome()), undefined);
});

test('who loses its seat has had no say; who is no judge has none', () => {
  const votes = new OutcomeVotes(judges(2, ['a']));
  assert.equal(votes.add('stranger', outcome()), undefined);
  votes.add('a', outcome());
  votes.adopt('b', []);
  assert.equal(votes.add('a', outcome()), undefined);
  assert.equal(votes.add('c', outcome()), undefined);
  assert.deepEqual(votes.add('d', outcome())?.judges, ['c', 'd']);
});
