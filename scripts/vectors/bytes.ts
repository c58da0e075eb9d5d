/**
 * Golden bytes of docs/protocol/bytes.md: integers, tagged hashes, canonical encodings, ids, trees,
 * signatures. Run through `npm run vectors`.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { toHex, u32, u64, utf8 } from '../../src/base/bytes.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { countedRoot, taggedHash } from '../../src/crypto/portable/hash.ts';
import { leafHash, MerkleTree } from '../../src/crypto/portable/merkle.ts';
import { signTagged } from '../../src/crypto/portable/signed.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import { TAGS } from '../../src/wire/tags.ts';

const FILE = path.join(import.meta.dirname, '..', '..', 'test', 'vectors', 'bytes.json');

/** JSON has no byte strings: `{ "bytes": hex }` stands for one. */
const VALUES: readonly unknown[] = [
  0,
  23,
  24,
  255,
  65536,
  Number.MAX_SAFE_INTEGER,
  -1,
  -1000,
  1.5,
  true,
  false,
  '',
  'kadre',
  'é€',
  [],
  [1, [2, 3]],
  {},
  { b: 1, aa: 2, a: 3 },
  { bytes: '' },
  { bytes: '00ff' },
  { nested: { list: [{ bytes: '0102' }, 'x'] } },
];

function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== 'object' || value === null) return value;
  const { bytes } = value as { bytes?: unknown };
  if (typeof bytes === 'string') return Uint8Array.from(Buffer.from(bytes, 'hex'));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withBytes(one)]));
}

function tree(leafCount: number) {
  const leaves = Array.from({ length: leafCount }, (_, i) => leafHash(u32(i)));
  const merkle = new MerkleTree(leaves);
  const index = leafCount - 1;
  return {
    leafCount,
    hash: toHex(merkle.hash),
    rosterRoot: toHex(countedRoot(TAGS.roster, leafCount, merkle.hash)),
    path: leafCount === 0 ? null : { index, hashes: merkle.path(index).map(toHex) },
  };
}

function identity(fill: number) {
  const seed = new Uint8Array(32).fill(fill);
  const signer = signerFromSeed(seed);
  const body = encodeCanonical({ fill });
  return {
    seed: toHex(seed),
    publicKey: toHex(signer.publicKey),
    nodeId: toHex(signer.nodeId),
    peerId: signer.peerId,
    body: toHex(body),
    signAdvert: toHex(signTagged(signer, TAGS.signAdvert, body)),
  };
}

const vectors = {
  v: 1,
  u64: [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER].map((value) => ({
    value,
    hex: toHex(u64(value)),
  })),
  canonical: VALUES.map((value) => ({ value, hex: toHex(encodeCanonical(withBytes(value))) })),
  taggedHash: Object.values(TAGS).map((tag) => ({
    tag,
    empty: toHex(taggedHash(tag)),
    abc: toHex(taggedHash(tag, utf8('abc'))),
  })),
  trees: [0, 1, 2, 3, 5, 8, 9, 100].map(tree),
  identities: [0, 1, 255].map(identity),
};

writeFileSync(FILE, `${JSON.stringify(vectors, null, 2)}\n`);
