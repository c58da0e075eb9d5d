import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { equalBytes } from '../../../src/base/bytes.ts';
import { nodeIdOf, type PeerId } from '../../../src/base/ids.ts';
import type { BlobChunk, BlobStore } from '../../../src/base/ports.ts';
import { CHUNK_BYTES } from '../../../src/blob/chunks.ts';
import { type ServeBlobsComponents, serveBlobs } from '../../../src/blob/serve.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import { silentLogger, systemClock } from '../../../src/crypto/node/system-ports.ts';
import type { OpenPlan } from '../../../src/job/open-plan.ts';
import { InputCache } from '../../../src/roles/input-cache.ts';
import { InputSpread } from '../../../src/roles/input-spread.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import type { SimNetwork } from '../../../src/sim/sim-network.ts';
import { DiskBlobStore } from '../../../src/store/disk-blob-store.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';

const SHARDS = 8;

/** As much of a plan as the spread of one input needs; every shard reads all of it. */
function planOf(requester: PeerId, workers: readonly PeerId[], content: Uint8Array): OpenPlan {
  const input = { name: 'a', dtype: '|u1', shape: [content.length], root: blobRoot(content) };
  const plan = {
    spec: { inputs: [input], shards: SHARDS, requester: nodeIdOf(requester) },
    seats: [],
    workers: workers.map((_, i) => i),
    nodes: workers.map(nodeIdOf),
    package: { roster: [] },
    placement: { firstWave: () => workers.map((_, i) => i) },
    kernel: { reads: () => [{ input: 'a', offset: 0, length: content.length }] },
  };
  return plan as unknown as OpenPlan;
}

/** Counts the bytes that a peer serves from its store. */
function counted(store: BlobStore, onRead: (bytes: number, offset: number) => void) {
  const served: ServeBlobsComponents['store'] = {
    size: (root) => store.size(root),
    part: (root) => store.part(root),
    leaves: (root) => store.leaves(root),
    read: async (root, offset, length) => {
      const bytes = await store.read(root, offset, length);
      onRead(bytes?.length ?? 0, offset);
      return bytes;
    },
  };
  return served;
}

async function world(workerCount: number, bytes: number) {
  const hub = new SimHub();
  const requester = hub.join();
  const content = Uint8Array.from({ length: bytes }, (_, i) => (i * 31) % 251);
  const held = new MemoryBlobStore();
  await held.put(content);
  const served = { requester: 0, workers: 0 };
  /** Offsets that the requester was asked for, in order. */
  const asked: number[] = [];
  serveBlobs({
    network: requester,
    store: counted(held, (read, offset) => {
      served.requester += read;
      asked.push(offset);
    }),
  });
  const networks = Array.from({ length: workerCount }, () => hub.join());
  const peers = networks.map(({ self }) => self);
  const plan = planOf(requester.self, peers, content);
  const stopping = new AbortController();
  const startWorker = (
    network: SimNetwork,
    blobs: BlobStore = new MemoryBlobStore(),
    life = stopping,
  ) => {
    const components = { network, blobs, clock: systemClock };
    const cache = new InputCache(components, plan, life.signal);
    const stop = serveBlobs({
      network,
      store: counted(blobs, (read) => {
        served.workers += read;
      }),
      provide: (from, { ref, chunks }) => cache.provide(from, ref, chunks),
    });
    return { network, blobs, cache, stop };
  };
  return { content, served, asked, networks, plan, startWorker, stopping };
}

test('every order has the same readers, and everybody computes it alike', () => {
  const peers = Array.from({ length: 5 }, () => new SimHub().join().self);
  const content = new Uint8Array(7 * CHUNK_BYTES);
  const spread = () => new InputSpread(planOf(peers[0]!, peers, content));
  const root = blobRoot(content);
  for (let chunk = 0; chunk < 7; chunk++) {
    const order = spread().readersOf(root, chunk);
    assert.deepEqual(order, spread().readersOf(root, chunk));
    assert.deepEqual(order.toSorted(), peers.toSorted());
    assert.equal(order[0], peers[chunk % peers.length]);
  }
});

test('nobody waits in a circle: of two readers exactly one is before the other', () => {
  const peers = Array.from({ length: 6 }, () => new SimHub().join().self);
  const content = new Uint8Array(9 * CHUNK_BYTES);
  const spread = new InputSpread(planOf(peers[0]!, peers, content));
  const root = blobRoot(content);
  const index = fc.nat(peers.length - 1);
  fc.assert(
    fc.property(index, index, fc.nat(8), (i, j, chunk) => {
      const before = (a: PeerId, b: PeerId) => spread.before(root, chunk, b)!.includes(a);
      assert.equal(
        Number(before(peers[i]!, peers[j]!)) + Number(before(peers[j]!, peers[i]!)),
        i === j ? 0 : 1,
      );
    }),
  );
});

test('who reads nothing of a chunk has no place in its order', () => {
  const peers = Array.from({ length: 3 }, () => new SimHub().join().self);
  const content = new Uint8Array(CHUNK_BYTES);
  const spread = new InputSpread(planOf(peers[0]!, peers, content));
  assert.equal(spread.before(blobRoot(content), 0, new SimHub().join().self), undefined);
  assert.deepEqual(spread.readersOf(blobRoot(Uint8Array.of(1)), 0), []);
});

test('a chunk has exactly the readers whose first-wave shards read a byte of it', () => {
  const peers = Array.from({ length: 4 }, () => new SimHub().join().self);
  const chunks = 12;
  const content = new Uint8Array(chunks * CHUNK_BYTES);
  const root = blobRoot(content);
  const base = planOf(peers[0]!, peers, content);
  const shard = fc.record({
    offset: fc.nat(content.length - 1),
    length: fc.nat(3 * CHUNK_BYTES),
    workers: fc.uniqueArray(fc.nat(3), { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(shard, { maxLength: 20 }), (shards) => {
      const cut = shards.map((one) => {
        return { ...one, length: Math.min(one.length, content.length - one.offset) };
      });
      const plan = {
        ...base,
        placement: { firstWave: (at: number) => cut[at]!.workers },
        kernel: { reads: (_: number, at: number) => [{ input: 'a', ...cut[at]! }] },
      };
      const spec = { ...plan.spec, shards: cut.length };
      const spread = new InputSpread({ ...plan, spec } as unknown as OpenPlan);
      for (let chunk = 0; chunk < chunks; chunk++) {
        const [start, end] = [chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES];
        const expected = new Set<PeerId>();
        for (const { offset, length, workers } of cut) {
          const reads = length > 0 && offset < end && offset + length > start;
          if (reads) for (const worker of workers) expected.add(peers[worker]!);
        }
        assert.deepEqual(spread.readersOf(root, chunk).toSorted(), [...expected].toSorted());
      }
    }),
  );
});

test('six workers that read one input cost its requester one copy', async () => {
  const bytes = 11 * CHUNK_BYTES + 12_345;
  const { content, served, networks, startWorker } = await world(6, bytes);
  const workers = networks.map((network) => startWorker(network));
  const got = await Promise.all(workers.map(({ cache }) => cache.inputsFor([0], {})));
  for (const [input] of got) assert.ok(equalBytes(input!.segments[0]!.bytes, content));
  assert.equal(served.requester, bytes);
  assert.equal(served.workers, 5 * bytes);
});

test('a worker that is gone, or lies, costs time and no content', async () => {
  const bytes = 6 * CHUNK_BYTES;
  const { content, networks, startWorker } = await world(4, bytes);
  const [gone, liar, ...honest] = networks;
  gone!.stop();
  serveBlobs({
    network: liar!,
    store: {
      part: () => ({ bytes, has: () => true }),
      size: async () => bytes,
      leaves: async () => new Uint8Array(32 * 96),
      read: async (_root, _offset, length) => new Uint8Array(length),
    },
  });
  const workers = honest.map((network) => startWorker(network));
  const got = await Promise.all(workers.map(({ cache }) => cache.inputsFor([0], {})));
  for (const [input] of got) assert.ok(equalBytes(input!.segments[0]!.bytes, content));
  const penalised = honest.flatMap(({ penalties }) => penalties);
  assert.ok(penalised.length > 0);
  assert.ok(penalised.every(({ peer }) => peer === liar!.self));
});

test('a restarted worker fetches only the chunks that it had not stored', async () => {
  const bytes = 8 * CHUNK_BYTES;
  const { asked, networks, content, plan, startWorker } = await world(1, bytes);
  const blobs = new MemoryBlobStore();
  const { root } = plan.spec.inputs[0]!;
  let stored = 0;
  const breaking: MemoryBlobStore = Object.create(blobs, {
    putChunk: {
      value: async (chunk: Parameters<MemoryBlobStore['putChunk']>[0]) => {
        if (stored === 3) throw new Error('the process dies');
        stored += 1;
        await blobs.putChunk(chunk);
      },
    },
    part: { value: (of: typeof root) => blobs.part(of) },
    leaves: { value: (of: typeof root) => blobs.leaves(of) },
  });
  const first = startWorker(networks[0]!, breaking);
  await assert.rejects(first.cache.inputsFor([0], {}), /the process dies/);
  first.stop();
  const kept = Array.from({ length: 8 }, (_, i) => i).filter((i) => blobs.part(root)!.has(i));
  assert.equal(kept.length, 3);
  const again = startWorker(networks[0]!, blobs);
  const [input] = await again.cache.inputsFor([0], {});
  assert.ok(equalBytes(input!.segments[0]!.bytes, content));
  for (const chunk of kept) {
    const inChunk = asked.filter((offset) => Math.floor(offset / CHUNK_BYTES) === chunk);
    assert.equal(new Set(inChunk).size, inChunk.length, `chunk ${chunk} was fetched again`);
  }
});

test('what a stopped process had of an input on disk is there for the next one', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'kadre-resume-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const open = () => DiskBlobStore.open({ logger: silentLogger }, { directory });
  const { asked, networks, content, plan, startWorker, stopping } = await world(
    1,
    16 * CHUNK_BYTES,
  );
  const disk = await open();
  const dying: BlobStore = Object.create(disk, {
    part: { value: disk.part.bind(disk) },
    leaves: { value: disk.leaves.bind(disk) },
    putChunk: {
      value: async (chunk: BlobChunk) => {
        await disk.putChunk(chunk);
        if (chunk.index === 1) stopping.abort(new Error('the process ends'));
      },
    },
  });
  const first = startWorker(networks[0]!, dying);
  await assert.rejects(first.cache.inputsFor([0], {}));
  first.stop();
  const blobs = await open();
  const { root } = plan.spec.inputs[0]!;
  const kept = Array.from({ length: 16 }, (_, i) => i).filter((i) => blobs.part(root)?.has(i));
  assert.ok(kept.includes(1) && kept.length < 16, `${kept}`);
  const { cache } = startWorker(networks[0]!, blobs, new AbortController());
  const [input] = await cache.inputsFor([0], {});
  assert.ok(equalBytes(input!.segments[0]!.bytes, content));
  for (const chunk of kept) {
    const inChunk = asked.filter((offset) => Math.floor(offset / CHUNK_BYTES) === chunk);
    assert.equal(new Set(inChunk).size, inChunk.length, `chunk ${chunk} was fetched again`);
  }
});

test('nothing is fetched for a stranger, nor for who comes earlier in the order', async () => {
  const { content, networks, plan, startWorker, served } = await world(2, 2 * CHUNK_BYTES);
  const [first] = networks.map((network) => startWorker(network));
  const ref = { root: plan.spec.inputs[0]!.root, bytes: content.length };
  const stranger = new SimHub().join().self;
  await first!.cache.provide(stranger, ref, [0]);
  // Of chunk 1 the second worker is the first reader.
  await first!.cache.provide(networks[1]!.self, ref, [1]);
  assert.equal(served.requester, 0);
  await first!.cache.provide(networks[1]!.self, ref, [0]);
  assert.equal(served.requester, CHUNK_BYTES);
});

test('a full store is told by its name', async () => {
  const { networks, startWorker } = await world(1, 4 * CHUNK_BYTES);
  const { cache } = startWorker(networks[0]!, new MemoryBlobStore({ bytesMax: 2 * CHUNK_BYTES }));
  await assert.rejects(cache.inputsFor([0], {}), { code: 'OVERLOADED' });
});
