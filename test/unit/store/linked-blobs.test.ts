import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { equalBytes, toHex } from '../../../src/base/bytes.ts';
import type { ContentSource } from '../../../src/base/ports.ts';
import { blobLeaves, blobRoot, LEAF_BYTES } from '../../../src/blob/tree.ts';
import { systemClock } from '../../../src/crypto/node/system-ports.ts';
import { fileSource } from '../../../src/store/file-source.ts';
import { LinkedBlobs } from '../../../src/store/linked-blobs.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-linked-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const contentOf = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => (i * 7) % 253);

/** A store with the part of a file behind `offset` linked. */
async function linked(name: string, bytes: number, offset = 0) {
  const file = join(folder, name);
  const content = contentOf(offset + bytes);
  await writeFile(file, content);
  const blobs = new LinkedBlobs({ store: new MemoryBlobStore(), clock: systemClock });
  const changed: string[] = [];
  blobs.onChanged = (root, { code }) => changed.push(`${code} ${toHex(root)}`);
  const { root } = await blobs.link(await fileSource({ file, offset, bytes }));
  return { file, blobs, root, content: content.subarray(offset), changed };
}

test('a linked file has the root and the leaves of its bytes, whatever its size', async () => {
  for (const bytes of [0, 1, LEAF_BYTES, 64 * LEAF_BYTES, 65 * LEAF_BYTES + 3]) {
    const { blobs, root, content } = await linked('any', bytes, 128);
    assert.deepEqual(root, blobRoot(content));
    assert.equal(await blobs.size(root), bytes);
    assert.deepEqual(await blobs.leaves(root), blobLeaves(content));
    assert.equal(blobs.usage.bytes, 0, 'nothing is copied');
  }
});

test('any range of it reads as written, and beyond it nothing', async () => {
  const { blobs, root, content } = await linked('ranges', 5 * LEAF_BYTES + 77, 64);
  await fc.assert(
    fc.asyncProperty(fc.nat(content.length), fc.nat(3 * LEAF_BYTES), async (offset, length) => {
      const read = await blobs.read(root, offset, length);
      if (offset + length > content.length) return assert.equal(read, undefined);
      assert.ok(equalBytes(read!, content.subarray(offset, offset + length)));
    }),
    { numRuns: 40 },
  );
});

test('a file that was written to, cut or removed is an error, and offered no more', async () => {
  const harms: ((file: string) => Promise<unknown>)[] = [
    async (file) => writeFile(file, contentOf(3 * LEAF_BYTES).reverse()),
    async (file) => truncate(file, LEAF_BYTES),
    async (file) => rm(file),
    // Written to, and its times put back: only the hashes can tell.
    async (file) => {
      const { atime, mtime } = await stat(file);
      await writeFile(file, contentOf(3 * LEAF_BYTES).reverse());
      await utimes(file, atime, mtime);
    },
  ];
  for (const [i, harm] of harms.entries()) {
    const { file, blobs, root, changed } = await linked(`harmed-${i}`, 3 * LEAF_BYTES);
    await harm(file);
    await assert.rejects(blobs.read(root, 0, 10), { code: 'INPUT_CHANGED' });
    assert.deepEqual(changed, [`INPUT_CHANGED ${toHex(root)}`]);
    assert.equal(await blobs.size(root), undefined);
    assert.equal(await blobs.read(root, 0, 10), undefined);
  }
});

test('content that changes without a trace is told by its hashes', async () => {
  const content = contentOf(2 * LEAF_BYTES);
  let flips = 0;
  const source: ContentSource = {
    name: 'a source',
    bytes: content.length,
    read: async (offset, length) => {
      const part = content.slice(offset, offset + length);
      part[0]! ^= flips;
      return part;
    },
  };
  const blobs = new LinkedBlobs({ store: new MemoryBlobStore(), clock: systemClock });
  const { root } = await blobs.link(source);
  flips = 1;
  await assert.rejects(blobs.read(root, LEAF_BYTES, 1), { code: 'INPUT_CHANGED' });
});

test('links go when they are old and nobody needs them', async () => {
  let wallMs = 0;
  const clock = { wallMs: () => wallMs };
  const blobs = new LinkedBlobs({ store: new MemoryBlobStore(), clock });
  const read = async (_offset: number, length: number) => new Uint8Array(length);
  const { root } = await blobs.link({ name: 'zeros', bytes: 10, read });
  wallMs = 100;
  await blobs.expire(50, [root]);
  assert.equal(await blobs.size(root), 10);
  await blobs.expire(150, []);
  assert.equal(await blobs.size(root), undefined);
});
