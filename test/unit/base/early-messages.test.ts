import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EARLY_BYTES_MAX, EARLY_MAX, EarlyMessages } from '../../../src/base/early-messages.ts';

const noted = (to: number[], message: Uint8Array) => void to.push(message[0]!);

test('what came early is delivered once, in order, as copies', () => {
  const early = new EarlyMessages<number[]>();
  const message = Uint8Array.of(1);
  early.keep(message, noted);
  message[0] = 9;
  early.keep(Uint8Array.of(2), noted);
  const got: number[] = [];
  early.deliverTo(got);
  early.deliverTo(got);
  assert.deepEqual([got, early.count], [[1, 2], 0]);
});

test('beyond the number, or the bytes, it is dropped', () => {
  const many = new EarlyMessages<number[]>();
  for (let i = 0; i < 2 * EARLY_MAX; i++) many.keep(Uint8Array.of(0), noted);
  assert.equal(many.count, EARLY_MAX);
  const large = new EarlyMessages<number[]>();
  for (let i = 0; i < 5; i++) large.keep(new Uint8Array(EARLY_BYTES_MAX / 4), noted);
  assert.equal(large.count, 4);
});
