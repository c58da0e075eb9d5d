import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import {
  hashFromPath,
  isIncluded,
  leafHash,
  MerkleTree,
  treeHash,
} from '../../../src/crypto/portable/merkle.ts';

/** The reference tree of the Certificate Transparency project's own tests. */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((hex) => leafHash(fromHex(hex)!));
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('Merkle trees', () => {
  test('hash as RFC 6962 says, for 0 to 8 leaves', () => {
    ROOTS.forEach((root, count) => {
      assert.equal(toHex(treeHash(LEAVES.slice(0, count))), root, `${count} leaves`);
      assert.equal(toHex(new MerkleTree(LEAVES.slice(0, count)).hash), root);
    });
  });

  test('every leaf of every small tree has a path, which proves it there and nowhere else', () => {
    for (let leafCount = 1; leafCount <= 33; leafCount++) {
      const leaves = Array.from({ length: leafCount }, (_, i) => leafHash(Uint8Array.of(i)));
      const tree = new MerkleTree(leaves);
      for (let index = 0; index < leafCount; index++) {
        const path = tree.path(index);
        const place = { index, leafCount, path };
        assert.ok(isIncluded(leaves[index]!, place, tree.hash), `${index} of ${leafCount}`);
        for (let other = 0; other < leafCount; other++) {
          if (other === index) continue;
          assert.ok(!isIncluded(leaves[index]!, { ...place, index: other }, tree.hash));
          assert.ok(!isIncluded(leaves[other]!, place, tree.hash));
        }
      }
    }
  });

  test('a path that is damaged, short, long or outside the tree proves nothing', () => {
    const tree = new MerkleTree(LEAVES);
    const path = tree.path(5);
    const place = { index: 5, leafCount: 8, path };
    for (let i = 0; i < path.length; i++) {
      const damaged = path.map((hash) => hash.slice());
      damaged[i]![31]! ^= 1;
      assert.ok(!isIncluded(LEAVES[5]!, { ...place, path: damaged }, tree.hash));
    }
    assert.equal(hashFromPath(LEAVES[5]!, { ...place, path: path.slice(1) }), undefined);
    assert.equal(hashFromPath(LEAVES[5]!, { ...place, path: [...path, path[0]!] }), undefined);
    for (const index of [-1, 8, 0.5, Number.NaN, 2 ** 32 + 5]) {
      assert.equal(hashFromPath(LEAVES[5]!, { ...place, index }), undefined, String(index));
    }
    assert.equal(hashFromPath(LEAVES[5]!, { index: 0, leafCount: 0, path: [] }), undefined);
  });

  test('an index beyond 32 bits keeps its own path', () => {
    const index = 2 ** 33 + 1;
    const leafCount = 2 ** 34;
    const path = Array.from({ length: 34 }, (_, i) => leafHash(Uint8Array.of(i)));
    const right = hashFromPath(LEAVES[0]!, { index, leafCount, path });
    const wrapped = hashFromPath(LEAVES[0]!, { index: 1, leafCount, path });
    assert.ok(right !== undefined && wrapped !== undefined);
    assert.notEqual(toHex(right), toHex(wrapped));
  });
});
