import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '../../../src/base/bytes.ts';
import { ChunkPuller } from '../../../src/blob/chunk-puller.ts';
import { CHUNK_BYTES } from '../../../src/blob/chunks.ts';
import { type ServeBlobsComponents, serveBlobs } from '../../../src/blob/serve.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import { systemClock } from '../../../src/crypto/node/system-ports.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';

/** A fetcher, and holders that each serve one blob, perhaps bent. */
async function world(chunks: number, ...bends: Partial<ServeBlobsComponents['store']>[]) {
  const hub = new SimHub();
  const network = hub.join();
  const content = Uint8Array.from({ length: chunks * CHUNK_BYTES - 5 }, (_, i) => (i * 3) % 250);
  const asked = bends.map(() => 0);
  const holders = await Promise.all(
    bends.map(async (bend, i) => {
      const peer = hub.join();
      const held = new MemoryBlobStore();
      await held.put(content);
      const store: ServeBlobsComponents['store'] = {
        size: held.size.bind(held),
        part: (root) => {
          asked[i]! += 1;
          return held.part(root);
        },
        leaves: held.leaves.bind(held),
        read: held.read.bind(held),
        ...bend,
      };
      serveBlobs({ network: peer, store });
      return peer;
    }),
  );
  const blobs = new MemoryBlobStore();
  const ref = { root: blobRoot(content), bytes: content.length };
  const stopping = new AbortController();
  const puller = new ChunkPuller(
    { network, blobs, clock: systemClock },
    {
      ref,
      slowMs: 100,
      holdersOf: async () => holders.map(({ self }) => self),
      signal: stopping.signal,
    },
  );
  const all = Array.from({ length: chunks }, (_, i) => i);
  const check = async () => {
    const got = await blobs.read(ref.root, 0, content.length);
    assert.ok(got !== undefined && equalBytes(got, content));
  };
  return { network, puller, all, check, asked, stopping };
}

test('chunks come once, however many ask for them at a time', async () => {
  const { puller, all, check, asked } = await world(6, {});
  await Promise.all([puller.pull(all), puller.pull(all), puller.pull([3])]);
  await check();
  // One question for the leaves and one for each chunk, each judged twice by the holder.
  const once = asked[0]!;
  await puller.pull(all);
  assert.equal(asked[0], once);
});

test('a holder that stalls is left in good time, and then asked last', async () => {
  let stalls = 0;
  const stalling = {
    read: () => {
      stalls += 1;
      return new Promise<never>(() => undefined);
    },
  };
  const { puller, all, check } = await world(9, stalling, {});
  await puller.pull(all);
  await check();
  assert.ok(stalls <= 2 * 4, `${stalls} pieces were asked of it`);
});

test('a wrong chunk is booked, never stored, and had from another', async () => {
  const lying = {
    read: async (_root: unknown, _at: number, bytes: number) => new Uint8Array(bytes),
  };
  const { network, puller, all, check } = await world(5, lying, {});
  await puller.pull(all);
  await check();
  assert.ok(network.penalties.some(({ reason }) => reason === 'blob-wrong-leaf'));
});

test('where nobody has it, the error names what each holder did', async () => {
  const nothing = { part: () => undefined };
  const { puller } = await world(2, nothing, nothing);
  await assert.rejects(puller.pull([0]), { code: 'BLOB_UNAVAILABLE', message: /PEER_REFUSED/ });
});

test('a caller that stops waiting stops nobody else', async () => {
  const { puller, all, check } = await world(4, {});
  const impatient = new AbortController();
  const first = puller.pull(all, { signal: impatient.signal });
  const second = puller.pull(all);
  impatient.abort();
  await assert.rejects(first, { code: 'INTERRUPTED' });
  await second;
  await check();
});
