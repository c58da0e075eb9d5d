/**
 * Golden bytes of docs/protocol/transport.md (frames), directory.md (class keys) and blob.md
 * (requests, roots). Run through `npm run vectors`.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { toHex } from '../../src/base/bytes.ts';
import { encodeBlobRequest } from '../../src/blob/protocol.ts';
import { blobRoot, LEAF_BYTES } from '../../src/blob/tree.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { encodeFrame, FRAME_KINDS } from '../../src/net/envelope.ts';
import { bucketOf, CLASS_BUCKETS, classKey } from '../../src/net/kad-directory.ts';
import { rendezvousKey } from '../../src/net/rendezvous.ts';

const FILE = path.join(import.meta.dirname, '..', '..', 'test', 'vectors', 'network.json');

const frames = Object.entries(FRAME_KINDS).flatMap(([name, kind], i) =>
  [0, 3, 200].map((bodyBytes) => ({
    name,
    kind,
    id: i * 0x10203 + bodyBytes,
    bodyBytes,
    hex: toHex(encodeFrame(kind, i * 0x10203 + bodyBytes, new Uint8Array(bodyBytes).fill(i))),
    fill: i,
  })),
);

const classKeys = ['cpu/avx2', 'kernel/gemm.f32@1', 'role/cadre'].flatMap((capabilityClass) =>
  Array.from({ length: CLASS_BUCKETS }, (_, bucket) => ({
    networkId: 'example',
    capabilityClass,
    bucket,
    cid: classKey('example', capabilityClass, bucket).toString(),
  })),
);

const buckets = [0, 1, 2, 3, 4, 5, 6, 7].map((seedByte) => {
  const { nodeId, peerId } = signerFromSeed(new Uint8Array(32).fill(seedByte));
  return { peerId, bucket: bucketOf(nodeId) };
});

const root = blobRoot(Uint8Array.of(1, 2, 3));
const requests = {
  leaves: toHex(
    encodeBlobRequest({ v: 1, kind: 'leaves', root, bytes: 3, hashes: true, runs: [0, 1] }),
  ),
  small: toHex(encodeBlobRequest({ v: 1, kind: 'small', roots: root })),
};

const blobRoots = [0, 1, LEAF_BYTES, LEAF_BYTES + 1, 3 * LEAF_BYTES].map((bytes) => ({
  bytes,
  fill: 7,
  root: toHex(blobRoot(new Uint8Array(bytes).fill(7))),
}));

const rendezvousKeys = ['public', 'example'].map((networkId) => ({
  networkId,
  cid: rendezvousKey(networkId).toString(),
}));

const vectors = { frames, classKeys, rendezvousKeys, buckets, requests, blobRoots };
writeFileSync(FILE, `${JSON.stringify(vectors, null, 2)}\n`);
