/** The contract of the `BlobStore` port, run on every implementation. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import type { BlobChunk, BlobStore } from '../../src/base/ports.ts';
import { CHUNK_BYTES, chunkCount } from '../../src/blob/chunks.ts';
import { blobLeaves, blobRoot, LEAF_BYTES } from '../../src/blob/tree.ts';

function clock() {
  return {
    nowMs: Date.now(),
    wallMs() {
      return this.nowMs;
    },
  };
}

export function blob(bytes: number, seed = 1): Uint8Array {
  const out = new Uint8Array(bytes);
  let x = seed;
  for (let i = 0; i < bytes; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

/** Chunk `index` of a blob with this content. */
export function chunkOf(content: Uint8Array, index: number): BlobChunk {
  const ref = { root: blobRoot(content), bytes: content.length };
  const part = content.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  return { ref, leaves: blobLeaves(content), index, content: part };
}

/** What a conformance run needs of a store beside its bound. */
export interface MakeInit {
  readonly bytesMax?: number;
  readonly keptMs?: number;
  readonly clock?: { wallMs(): number };
}

export function blobStoreConformance(
  name: string,
  make: (t: TestContext, init: MakeInit) => Promise<BlobStore>,
): void {
  describe(`BlobStore: ${name}`, () => {
    it('gives back exactly what was put, at every size around a leaf', async (t) => {
      const store = await make(t, {});
      for (const bytes of [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 5 * LEAF_BYTES + 7]) {
        const content = blob(bytes);
        const ref = await store.put(content);
        assert.deepEqual(ref, { root: blobRoot(content), bytes });
        assert.equal(await store.size(ref.root), bytes);
        assert.deepEqual(await store.read(ref.root, 0, bytes), content);
        assert.deepEqual(await store.leaves(ref.root), blobLeaves(content));
      }
    });

    it('reads ranges across leaf borders and refuses those outside', async (t) => {
      const store = await make(t, {});
      const content = blob(3 * LEAF_BYTES + 100);
      const { root } = await store.put(content);
      const ranges = [
        [0, 0],
        [0, 1],
        [LEAF_BYTES - 1, 2],
        [LEAF_BYTES, LEAF_BYTES],
        [100, 2 * LEAF_BYTES],
        [content.length - 1, 1],
        [content.length, 0],
      ] as const;
      for (const [offset, length] of ranges) {
        const expected = content.subarray(offset, offset + length);
        assert.deepEqual(await store.read(root, offset, length), Uint8Array.from(expected));
      }
      for (const [offset, length] of [
        [-1, 1],
        [0, content.length + 1],
        [content.length, 1],
        [0.5, 1],
        [0, Number.NaN],
      ] as const) {
        assert.equal(await store.read(root, offset, length), undefined);
      }
    });

    it('knows nothing of what it does not hold', async (t) => {
      const store = await make(t, {});
      for (const root of [blobRoot(blob(10)), new Uint8Array(0), new Uint8Array(500).fill(47)]) {
        assert.equal(await store.size(root), undefined);
        assert.equal(await store.read(root, 0, 0), undefined);
        assert.equal(await store.leaves(root), undefined);
      }
    });

    it('takes thousands at once, small and large, equal and empty', async (t) => {
      const store = await make(t, {});
      const contents = Array.from({ length: 3000 }, (_, i) => blob(i % 50, i + 1));
      contents.push(blob(2 * LEAF_BYTES), contents[7]!, new Uint8Array(0), blob(LEAF_BYTES));
      const refs = await store.putMany(contents);
      assert.equal(refs.length, contents.length);
      for (const [i, { root, bytes }] of refs.entries()) {
        assert.equal(bytes, contents[i]!.length);
        assert.deepEqual(await store.read(root, 0, bytes), contents[i]);
      }
    });

    it('does not follow later changes of the caller, nor of a reader', async (t) => {
      const store = await make(t, {});
      const content = blob(1000);
      const expected = Uint8Array.from(content);
      const { root } = await store.put(content);
      content.fill(0);
      (await store.read(root, 0, 1000))!.fill(0);
      (await store.leaves(root))!.fill(0);
      assert.deepEqual(await store.read(root, 0, 1000), expected);
      assert.deepEqual(await store.leaves(root), blobLeaves(expected));
    });

    it('holds the same content once, however often and at once it is put', async (t) => {
      const store = await make(t, { bytesMax: 150_000 });
      const content = blob(100_000);
      await Promise.all(Array.from({ length: 5 }, () => store.put(content)));
      await store.putMany([content, content]);
      assert.deepEqual(await store.read(blobRoot(content), 0, 100_000), content);
    });

    it('fails beyond its bound and keeps what it had', async (t) => {
      const store = await make(t, { bytesMax: 100_000 });
      const kept = await store.put(blob(90_000));
      await assert.rejects(store.put(blob(20_000, 2)), /hold/);
      await assert.rejects(store.putMany([blob(20_000, 3)]), /hold/);
      assert.equal(await store.size(kept.root), 90_000);
      assert.equal(await store.size(blobRoot(blob(20_000, 2))), undefined);
      await store.put(blob(10_000, 4));
    });

    it('holds chunks: reads what they cover, and the blob is whole with the last', async (t) => {
      const store = await make(t, {});
      const content = blob(3 * CHUNK_BYTES + 70_001);
      const { root } = chunkOf(content, 0).ref;
      assert.equal(store.part(root), undefined);
      for (const index of [2, 0]) await store.putChunk(chunkOf(content, index));
      const part = store.part(root)!;
      assert.equal(part.bytes, content.length);
      assert.deepEqual([0, 1, 2, 3].map(part.has), [true, false, true, false]);
      assert.equal(await store.size(root), undefined, 'it is not whole');
      assert.deepEqual(await store.leaves(root), blobLeaves(content));
      const inside = await store.read(root, 2 * CHUNK_BYTES + 5, 100_000);
      assert.deepEqual(inside, content.slice(2 * CHUNK_BYTES + 5, 2 * CHUNK_BYTES + 100_005));
      assert.equal(await store.read(root, CHUNK_BYTES - 1, 2), undefined);
      assert.ok(store.part(root)!.has(0), 'asking for what is missing spoils nothing');
      await Promise.all([1, 3, 3].map((index) => store.putChunk(chunkOf(content, index))));
      assert.equal(await store.size(root), content.length);
      assert.equal(store.usage.bytes, content.length);
      const all = await store.read(root, 0, content.length);
      assert.equal(toHex(blobRoot(all!)), toHex(root));
      await store.put(content);
      assert.equal(await store.size(root), content.length);
    });

    it('makes room: what was used longest ago goes first, as a whole', async (t) => {
      const time = clock();
      const store = await make(t, { bytesMax: 3.5 * CHUNK_BYTES, clock: time });
      const [a, b, c] = [1, 2, 3].map((seed) => blob(CHUNK_BYTES, seed));
      for (const content of [a!, b!, c!]) {
        time.nowMs += 1_000;
        await store.putChunk(chunkOf(content, 0));
      }
      time.nowMs += 1_000;
      await store.read(blobRoot(a!), 0, 10);
      const d = blob(CHUNK_BYTES, 4);
      await store.put(d);
      const held = [a!, b!, c!, d].map((content) => store.part(blobRoot(content)) !== undefined);
      assert.deepEqual(held, [true, false, true, true]);
      assert.equal(chunkCount(CHUNK_BYTES), 1);
      assert.deepEqual(await store.read(blobRoot(d), 0, d.length), d);
    });

    it('never lets go what a live job pinned, nor a result within its time', async (t) => {
      const time = clock();
      const init = { bytesMax: 2 * CHUNK_BYTES, keptMs: 60_000, clock: time };
      const store = await make(t, init);
      const [pinned, result, other] = [1, 2, 3].map((seed) => blob(CHUNK_BYTES, seed));
      store.pin('one', [blobRoot(pinned!)]);
      store.pin('two', [blobRoot(pinned!)]);
      await store.putChunk(chunkOf(pinned!, 0));
      await store.put(result!);
      assert.equal(store.usage.pinnedBytes, CHUNK_BYTES);
      const full = /needed|may hold/;
      time.nowMs += 59_999;
      await assert.rejects(store.put(other!), full);
      await assert.rejects(store.putChunk(chunkOf(other!, 0)), full);
      assert.equal(store.usage.bytes, 2 * CHUNK_BYTES, 'a refusal lets nothing go');
      time.nowMs += 2;
      await store.put(other!);
      assert.equal(store.part(blobRoot(result!)), undefined);
      store.release('one');
      await assert.rejects(store.put(blob(CHUNK_BYTES, 4)), full);
      assert.ok(store.part(blobRoot(pinned!)), 'the other job still needs it');
      time.nowMs += 1_000;
      assert.equal(await store.expire(time.nowMs, [blobRoot(other!)]), 0);
      store.release('two');
      await store.put(blob(CHUNK_BYTES, 4));
      assert.equal(store.part(blobRoot(pinned!)), undefined);
      assert.equal(store.usage.pinnedBytes, 0);
    });

    it('stays within its bound however many put at once', async (t) => {
      const store = await make(t, { bytesMax: 4 * CHUNK_BYTES });
      const puts = Array.from({ length: 12 }, (_, i) =>
        store.putChunk(chunkOf(blob(CHUNK_BYTES, i + 1), 0)),
      );
      await Promise.allSettled(puts);
      assert.ok(store.usage.bytes <= 4 * CHUNK_BYTES, `${store.usage.bytes} bytes`);
      assert.ok(store.usage.bytes > 0);
    });
  });
}
