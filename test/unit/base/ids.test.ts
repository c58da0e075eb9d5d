import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../../../src/base/bytes.ts';
import {
  NODE_ID_BYTES,
  nodeIdOf,
  nodeIdOfKey,
  peerIdOf,
  publicKeyOf,
} from '../../../src/base/ids.ts';

const KEY = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')!;

test('a node id contains its key, and its text leads back to it', () => {
  const node = nodeIdOfKey(KEY);
  assert.equal(node.length, NODE_ID_BYTES);
  assert.deepEqual(publicKeyOf(node), KEY);
  const peer = peerIdOf(node);
  assert.match(peer, /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/);
  assert.deepEqual(nodeIdOf(peer), node);
});

test('bytes that are no Ed25519 node id have no key', () => {
  const node = nodeIdOfKey(KEY);
  assert.equal(publicKeyOf(node.subarray(0, 37)), undefined);
  assert.equal(publicKeyOf(Uint8Array.of(...node, 0)), undefined);
  for (let i = 0; i < 6; i++) {
    const damaged = node.slice();
    damaged[i]! ^= 1;
    assert.equal(publicKeyOf(damaged), undefined, `prefix byte ${i}`);
  }
});

test('text that is no Ed25519 peer id is refused without throwing', () => {
  const rsa = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N';
  const peer = peerIdOf(nodeIdOfKey(KEY));
  for (const text of ['', '0', '12D3KooW', rsa, `${peer}1`, ` ${peer}`, 'z'.repeat(100_000)]) {
    assert.equal(nodeIdOf(text), undefined, text.slice(0, 60));
  }
});
