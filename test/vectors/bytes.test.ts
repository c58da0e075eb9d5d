import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fromHex, toHex, u32, u64, utf8 } from '../../src/base/bytes.ts';
import { nodeIdOf, nodeIdOfKey, peerIdOf } from '../../src/base/ids.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { countedRoot, taggedHash } from '../../src/crypto/portable/hash.ts';
import { isIncluded, leafHash, MerkleTree } from '../../src/crypto/portable/merkle.ts';
import { isSignedBy, signTagged } from '../../src/crypto/portable/signed.ts';
import { decodeCanonical, encodeCanonical } from '../../src/wire/cbor.ts';
import { TAGS, type Tag } from '../../src/wire/tags.ts';

interface Vectors {
  readonly u64: { value: number; hex: string }[];
  readonly canonical: { value: unknown; hex: string }[];
  readonly taggedHash: { tag: Tag; empty: string; abc: string }[];
  readonly trees: {
    leafCount: number;
    hash: string;
    rosterRoot: string;
    path: { index: number; hashes: string[] } | null;
  }[];
  readonly identities: Record<
    'seed' | 'publicKey' | 'nodeId' | 'peerId' | 'body' | 'signAdvert',
    string
  >[];
}

const file = new URL('./bytes.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
const bytesOf = (hex: string): Uint8Array => fromHex(hex)!;

function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== 'object' || value === null) return value;
  const { bytes } = value as { bytes?: unknown };
  if (typeof bytes === 'string') return bytesOf(bytes);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withBytes(one)]));
}

describe('golden bytes of docs/protocol/bytes.md', () => {
  test('integers', () => {
    for (const { value, hex } of vectors.u64) assert.equal(toHex(u64(value)), hex);
  });

  test('canonical encoding, both ways', () => {
    for (const { value, hex } of vectors.canonical) {
      const expected = withBytes(value);
      assert.equal(toHex(encodeCanonical(expected)), hex);
      const decoded = decodeCanonical(bytesOf(hex), () => undefined, 1000);
      assert.ok(decoded.ok, hex);
      assert.deepEqual(decoded.value, expected);
    }
  });

  test('tagged hashes, one for every tag', () => {
    assert.deepEqual(
      vectors.taggedHash.map((row) => row.tag),
      Object.values(TAGS),
    );
    for (const { tag, empty, abc } of vectors.taggedHash) {
      assert.equal(toHex(taggedHash(tag)), empty);
      assert.equal(toHex(taggedHash(tag, utf8('abc'))), abc);
    }
  });

  test('trees, roots and paths', () => {
    for (const { leafCount, hash, rosterRoot, path } of vectors.trees) {
      const leaves = Array.from({ length: leafCount }, (_, i) => leafHash(u32(i)));
      const tree = new MerkleTree(leaves);
      assert.equal(toHex(tree.hash), hash);
      assert.equal(toHex(countedRoot(TAGS.roster, leafCount, tree.hash)), rosterRoot);
      if (path === null) continue;
      const place = { index: path.index, leafCount, path: path.hashes.map(bytesOf) };
      assert.ok(isIncluded(leaves[path.index]!, place, tree.hash));
      assert.deepEqual(tree.path(path.index).map(toHex), path.hashes);
    }
  });

  test('identities and signatures', () => {
    for (const row of vectors.identities) {
      const signer = signerFromSeed(bytesOf(row.seed));
      const body = bytesOf(row.body);
      assert.equal(toHex(signer.publicKey), row.publicKey);
      assert.equal(toHex(nodeIdOfKey(signer.publicKey)), row.nodeId);
      assert.equal(peerIdOf(signer.nodeId), row.peerId);
      assert.deepEqual(nodeIdOf(row.peerId), bytesOf(row.nodeId));
      assert.equal(toHex(signTagged(signer, TAGS.signAdvert, body)), row.signAdvert);
      assert.ok(isSignedBy(signer.nodeId, TAGS.signAdvert, body, bytesOf(row.signAdvert)));
    }
  });
});
