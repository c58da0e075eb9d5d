/** The contract of the `BlobStore` port, run on every implementation. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { BlobStore } from '../../src/base/ports.ts';
import { blobLeaves, blobRoot, LEAF_BYTES } from '../../src/blob/tree.ts';

export function blob(bytes: number, seed = 1): Uint8Array {
  const out = new Uint8Array(bytes);
  let x = seed;
  for (let i = 0; i < bytes; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

export function blobStoreConformance(
  name: string,
  make: (t: TestContext, init: { bytesMax?: number }) => Promise<BlobStore>,
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
  });
}
