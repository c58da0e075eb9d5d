/** ChaCha20 against the system's own, and the uniform choice. */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import { ChaChaWords } from '../../../src/crypto/portable/chacha20.ts';

const key = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1);

test('the keystream is that of ChaCha20 with a zero nonce', () => {
  const cipher = createCipheriv('chacha20', key, new Uint8Array(16));
  const expected = cipher.update(new Uint8Array(64 * 20));
  const words = new ChaChaWords(key);
  for (let at = 0; at < expected.length; at += 4) {
    assert.equal(words.next(), expected.readUInt32LE(at));
  }
});

test('below() draws again where a residue would be favoured', () => {
  // Bound 3 x 2^30: every word from there on is drawn again, a quarter of all.
  const bound = 3 * 2 ** 30;
  const raw = new ChaChaWords(key);
  const drawn = new ChaChaWords(key);
  let refused = 0;
  for (let i = 0; i < 1000; i++) {
    let word = raw.next();
    while (word >= bound) {
      refused += 1;
      word = raw.next();
    }
    assert.equal(drawn.below(bound), word);
  }
  assert.ok(refused > 200);
});

test('below(1) is zero and below(2^32) is the word itself', () => {
  const words = new ChaChaWords(key);
  const raw = new ChaChaWords(key);
  assert.equal(words.below(1), 0);
  raw.next();
  assert.equal(words.below(2 ** 32), raw.next());
});
