import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_CODES } from '../../../src/base/error-codes.ts';
import { asKadreError, assert as assertBug, KadreError } from '../../../src/base/errors.ts';

test('an error carries its table row, and its own advice where given', () => {
  const plain = new KadreError({ code: 'OVERLOADED' }, 'full');
  assert.equal(plain.retryable, true);
  assert.equal(plain.advice, ERROR_CODES.OVERLOADED.advice);
  const own = new KadreError({ code: 'USAGE', advice: 'type this', peer: 'p' }, 'bad flag');
  assert.deepEqual(JSON.parse(JSON.stringify(own)), {
    code: 'USAGE',
    message: 'bad flag',
    advice: 'type this',
    retryable: false,
    peer: 'p',
  });
  assert.ok(!('peer' in JSON.parse(JSON.stringify(plain))), 'no peer, no field');
});

test('anything thrown becomes a coded error; a coded one passes unchanged', () => {
  const coded = new KadreError({ code: 'TIMEOUT' }, 'late');
  assert.equal(asKadreError(coded, 'USAGE', 'x'), coded);
  const cause = new TypeError('odd');
  const wrapped = asKadreError(cause, 'DISK_FAILED', 'writing');
  assert.equal(wrapped.code, 'DISK_FAILED');
  assert.equal(wrapped.message, 'writing: odd');
  assert.equal(wrapped.cause, cause);
  assert.equal(asKadreError('text', 'DISK_FAILED', 'writing').message, 'writing: text');
});

test('every code has one line of meaning and of advice', () => {
  for (const [code, row] of Object.entries(ERROR_CODES)) {
    assert.match(code, /^[A-Z]+(?:_[A-Z]+)*$/);
    assert.match(row.meaning, /^\S.*\S$/, code);
    assert.match(row.advice, /^\S.*\S$/, code);
  }
});

test('a broken invariant is a bug, said so', () => {
  assert.throws(() => assertBug(false, 'two leaders'), { message: 'bug: two leaders' });
  assertBug(1, 'fine');
});
