import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import { packedTreeHash, treeHash } from '../../../src/crypto/portable/merkle.ts';

test('sha256 gives plain views with the bytes of both other implementations', () => {
  for (const length of [0, 1, 31, 32, 55, 56, 63, 64, 65, 127, 128, 1000, 65_537]) {
    const message = Uint8Array.from({ length }, (_, i) => (i * 131 + length) & 0xff);
    const digest = sha256(message);
    assert.equal(Object.getPrototypeOf(digest), Uint8Array.prototype);
    assert.deepEqual(digest, portableSha256(message));
    assert.deepEqual(
      digest,
      new Uint8Array(createHash('sha256').update(message).digest()),
      `${length} bytes`,
    );
  }
});

test('the packed tree hash equals the tree hash and leaves its input alone', () => {
  for (let count = 0; count <= 70; count++) {
    const leaves = Array.from({ length: count }, (_, i) => sha256(utf8(`leaf ${i}`)));
    const packed = concatBytes(leaves);
    const before = packed.slice();
    assert.deepEqual(packedTreeHash(packed), treeHash(leaves), `${count} leaves`);
    assert.deepEqual(packed, before);
  }
});
