import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { sha256Head } from '../../../src/crypto/portable/hash.ts';

test('the head is the first eight bytes of the digest, big-endian', () => {
  const head = new Uint32Array(2);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (message) => {
      sha256Head(message, head);
      const digest = portableSha256(message);
      const view = new DataView(digest.buffer, digest.byteOffset, 8);
      assert.deepEqual([head[0], head[1]], [view.getUint32(0), view.getUint32(4)]);
    }),
  );
});
