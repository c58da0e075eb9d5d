import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchJobId } from '../../../src/sdk/find-job.ts';

const [A, B] = [`12345678${'a'.repeat(56)}`, `12345678${'b'.repeat(56)}`];

test('a prefix of eight digits is enough when one job has it', () => {
  assert.equal(matchJobId('12345678a', [A, B]), A);
  assert.equal(matchJobId(B, [A, B]), B);
  assert.equal(matchJobId('12345678', [A, A]), A, 'known twice is one job');
  assert.equal(matchJobId('12345678AAAA', [A, B]), A, 'digits in capitals are the same digits');
});

test('two jobs, no job, and what is no id are told apart', () => {
  assert.throws(() => matchJobId('12345678', [A, B]), { code: 'JOB_AMBIGUOUS' });
  assert.throws(() => matchJobId('87654321', [A, B]), { code: 'JOB_UNKNOWN' });
  for (const bad of ['', '1234567', `${A}0`, '1234567g', '12345678 ']) {
    assert.throws(() => matchJobId(bad, [A]), { code: 'USAGE' }, bad);
  }
});
