import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeIdOf } from '../../../src/base/ids.ts';
import { serveBlobs } from '../../../src/blob/serve.ts';
import { systemClock } from '../../../src/crypto/node/system-ports.ts';
import type { OpenPlan } from '../../../src/job/open-plan.ts';
import type { InputRange } from '../../../src/kernel/contract.ts';
import { type ByteRange, InputCache, uniteRanges } from '../../../src/roles/input-cache.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';

const ranges = fc.array(fc.record({ offset: fc.nat(60), length: fc.nat(12) }), { maxLength: 12 });

function bytesIn(list: readonly ByteRange[]): number[] {
  const inside = new Set<number>();
  for (const { offset, length } of list) {
    for (let at = offset; at < offset + length; at++) inside.add(at);
  }
  return [...inside].sort((a, b) => a - b);
}

test('a union has exactly the bytes of its parts, sorted, with gaps between', () => {
  fc.assert(
    fc.property(ranges, (list) => {
      const united = uniteRanges(list);
      assert.deepEqual(bytesIn(united), bytesIn(list));
      for (const [i, range] of united.entries()) {
        assert.ok(range.length > 0);
        if (i > 0) assert.ok(range.offset > united[i - 1]!.offset + united[i - 1]!.length);
      }
    }),
  );
});

test('uniting again, or in another order, changes nothing', () => {
  fc.assert(
    fc.property(ranges, (list) => {
      const united = uniteRanges(list);
      assert.deepEqual(uniteRanges(united), united);
      assert.deepEqual(uniteRanges(list.toReversed()), united);
    }),
  );
});

const KIB = 1024;

/** As much of a plan as inputs need: one input, of which shard i reads what `reads` says. */
async function cacheOver(bytes: number, reads: (shard: number) => Omit<InputRange, 'input'>) {
  const hub = new SimHub();
  const [holder, worker] = [hub.join(), hub.join()];
  const store = new MemoryBlobStore();
  const content = Uint8Array.from({ length: bytes }, (_, i) => i % 251);
  const { root } = await store.put(content);
  let asked = 0;
  serveBlobs({
    network: holder,
    store: {
      part: (of) => {
        asked += 1;
        return store.part(of);
      },
      size: store.size.bind(store),
      read: store.read.bind(store),
      leaves: store.leaves.bind(store),
    },
  });
  const input = { name: 'a', dtype: '|u1', shape: [bytes], root };
  const plan = {
    spec: { inputs: [input], shards: 4, requester: nodeIdOf(holder.self) },
    seats: [],
    workers: [],
    nodes: [],
    placement: { firstWave: () => [] },
    kernel: { reads: (_: number, shard: number) => [{ input: 'a', ...reads(shard) }] },
  };
  const components = { network: worker, blobs: new MemoryBlobStore(), clock: systemClock };
  const { signal } = new AbortController();
  const cache = new InputCache(components, plan as unknown as OpenPlan, signal);
  return { cache, content, asked: () => asked, holder };
}

test('each byte is fetched once, and what shards share is not fetched again', async () => {
  const { cache, content, asked } = await cacheOver(256 * KIB, (shard) => {
    return { offset: shard * 32 * KIB, length: 64 * KIB };
  });
  const [first] = await cache.inputsFor([0, 1], {});
  assert.deepEqual(first!.segments, [{ offset: 0, bytes: content.subarray(0, 96 * KIB) }]);
  const before = asked();
  await cache.inputsFor([1], {});
  assert.equal(asked(), before);
});

test('segments are disjoint and cover what the shards read', async () => {
  for (const unit of [1, KIB]) {
    const { cache, content } = await cacheOver(256 * unit, (shard) => {
      return { offset: shard * 64 * unit, length: 16 * unit };
    });
    const [input] = await cache.inputsFor([0, 2], {});
    assert.deepEqual(input!.segments, [
      { offset: 0, bytes: content.subarray(0, 16 * unit) },
      { offset: 128 * unit, bytes: content.subarray(128 * unit, 144 * unit) },
    ]);
  }
});

test('a holder that is gone is a coded failure', async () => {
  for (const bytes of [256, 256 * KIB]) {
    const { cache, holder } = await cacheOver(bytes, () => ({ offset: 0, length: 8 }));
    holder.stop();
    await assert.rejects(cache.inputsFor([0], {}), { code: 'BLOB_UNAVAILABLE' });
  }
});
