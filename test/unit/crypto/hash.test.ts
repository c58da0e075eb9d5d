import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { concatBytes, toHex, u64, utf8 } from '../../../src/base/bytes.ts';
import { countedRoot, sha256, taggedHash } from '../../../src/crypto/portable/hash.ts';
import { TAGS } from '../../../src/wire/tags.ts';

test('the native and the portable hash give the same bytes, as plain arrays', () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
    const message = Uint8Array.from({ length }, (_, i) => i * 7);
    const digest = sha256(message);
    assert.equal(toHex(digest), createHash('sha256').update(message).digest('hex'));
    assert.deepEqual(digest, portableSha256(message));
    assert.equal(Object.getPrototypeOf(digest), Uint8Array.prototype);
  }
});

test('a tagged hash is SHA-256 of tag, zero byte and parts', () => {
  const expected = sha256(concatBytes([utf8('kadre/blob/1\0'), utf8('ab'), utf8('c')]));
  assert.deepEqual(taggedHash(TAGS.blob, utf8('ab'), utf8('c')), expected);
  assert.notDeepEqual(taggedHash(TAGS.block, utf8('abc')), expected);
  assert.deepEqual(
    countedRoot(TAGS.roster, 3, expected),
    taggedHash(TAGS.roster, concatBytes([u64(3), expected])),
  );
});

test('no tag is another tag, nor the beginning of one', () => {
  const tags = Object.values(TAGS);
  assert.equal(new Set(tags).size, tags.length);
  for (const tag of tags) assert.match(tag, /^kadre\/[\x21-\x7e]+$/);
  // The zero byte after the tag is in no tag, so inputs of two tags never coincide.
  for (const tag of tags) assert.ok(!tag.includes('\0'));
});
