import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { CID } from 'multiformats/cid';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { nodeIdOf } from '../../src/base/ids.ts';
import { decodeBlobRequest, encodeBlobRequest } from '../../src/blob/protocol.ts';
import { blobRoot } from '../../src/blob/tree.ts';
import { encodeFrame, type FrameKind } from '../../src/net/envelope.ts';
import { bucketOf, classKey } from '../../src/net/kad-directory.ts';
import { rendezvousKey } from '../../src/net/rendezvous.ts';

interface Vectors {
  readonly frames: { kind: FrameKind; id: number; bodyBytes: number; fill: number; hex: string }[];
  readonly classKeys: {
    networkId: string;
    capabilityClass: string;
    bucket: number;
    cid: string;
  }[];
  readonly rendezvousKeys: { networkId: string; cid: string }[];
  readonly buckets: { peerId: string; bucket: number }[];
  readonly requests: Record<'leaves' | 'small', string>;
  readonly blobRoots: { bytes: number; fill: number; root: string }[];
}

const file = new URL('./network.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

/** The page's own words, without the code under test. */
function sha256(...parts: (string | Uint8Array)[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

describe('golden bytes of the network', () => {
  test('frames', () => {
    assert.equal(vectors.frames.length, 24);
    for (const { kind, id, bodyBytes, fill, hex } of vectors.frames) {
      assert.equal(toHex(encodeFrame(kind, id, new Uint8Array(bodyBytes).fill(fill))), hex);
    }
  });

  test('class keys, also from their definition', () => {
    for (const { networkId, capabilityClass, bucket, cid } of vectors.classKeys) {
      assert.equal(classKey(networkId, capabilityClass, bucket).toString(), cid);
      const text = `kadre/capability-class/1\0${networkId}\0${capabilityClass}\0`;
      const { code, multihash } = CID.parse(cid);
      assert.deepEqual([code, multihash.code], [0x55, 0x12]);
      assert.equal(toHex(multihash.digest), toHex(sha256(text, Uint8Array.of(bucket))));
    }
  });

  test('rendezvous keys, also from their definition', () => {
    assert.equal(vectors.rendezvousKeys.length, 2);
    for (const { networkId, cid } of vectors.rendezvousKeys) {
      assert.equal(rendezvousKey(networkId).toString(), cid);
      const { code, multihash } = CID.parse(cid);
      assert.deepEqual([code, multihash.code], [0x55, 0x12]);
      assert.equal(toHex(multihash.digest), toHex(sha256(`kadre/network/1\0${networkId}`)));
    }
  });

  test('buckets of nodes, also from their definition', () => {
    for (const { peerId, bucket } of vectors.buckets) {
      const node = nodeIdOf(peerId)!;
      assert.equal(bucketOf(node), bucket);
      assert.equal(sha256(node)[0]! % 4, bucket);
    }
  });

  test('blob requests', () => {
    for (const hex of Object.values(vectors.requests)) {
      const decoded = decodeBlobRequest(fromHex(hex)!);
      assert.ok(decoded.ok);
      assert.equal(toHex(encodeBlobRequest(decoded.value)), hex);
    }
  });

  test('blob roots', () => {
    for (const { bytes, fill, root } of vectors.blobRoots) {
      assert.equal(toHex(blobRoot(new Uint8Array(bytes).fill(fill))), root);
    }
  });
});
