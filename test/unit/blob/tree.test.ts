import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { concatBytes, toHex, u64, utf8 } from '../../../src/base/bytes.ts';
import { blobLeaves, blobRoot, blobRootOf, LEAF_BYTES } from '../../../src/blob/tree.ts';

const sha = (...parts: Uint8Array[]) =>
  new Uint8Array(createHash('sha256').update(concatBytes(parts)).digest());
const zero = Uint8Array.of(0);
const one = Uint8Array.of(1);
const tagged = (bytes: number, tree: Uint8Array) => sha(utf8('kadre/blob/1\0'), u64(bytes), tree);

function sample(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

test('an empty blob is one empty leaf', () => {
  assert.deepEqual(blobLeaves(new Uint8Array(0)), sha(zero));
  assert.deepEqual(blobRoot(new Uint8Array(0)), tagged(0, sha(zero)));
});

test('a blob of up to one leaf hashes that leaf and its size', () => {
  for (const bytes of [1, LEAF_BYTES - 1, LEAF_BYTES]) {
    const content = sample(bytes);
    assert.deepEqual(blobRoot(content), tagged(bytes, sha(zero, content)));
  }
});

test('three leaves pair as RFC 6962 says', () => {
  const content = sample(2 * LEAF_BYTES + 7);
  const leaf = (i: number) => sha(zero, content.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES));
  const tree = sha(one, sha(one, leaf(0), leaf(1)), leaf(2));
  assert.deepEqual(blobRoot(content), tagged(content.length, tree));
  assert.deepEqual(blobRootOf(blobLeaves(content), content.length), blobRoot(content));
});

test('size and every position count', () => {
  const seen = new Set<string>();
  for (const bytes of [0, 1, 2, LEAF_BYTES, LEAF_BYTES + 1, 3 * LEAF_BYTES]) {
    const content = new Uint8Array(bytes);
    seen.add(toHex(blobRoot(content)));
    if (bytes === 0) continue;
    content[bytes - 1] = 1;
    seen.add(toHex(blobRoot(content)));
  }
  assert.equal(seen.size, 11);
});
