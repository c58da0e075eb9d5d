import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { equalBytes, toHex } from '../../../src/base/bytes.ts';
import { CHUNK_BYTES } from '../../../src/blob/chunks.ts';
import { blobLeaves, blobRoot, LEAF_BYTES } from '../../../src/blob/tree.ts';
import { DiskBlobStore } from '../../../src/store/disk-blob-store.ts';
import { blob, chunkOf } from '../../conformance/blob-store.ts';

interface Bench {
  readonly directory: string;
  readonly events: string[];
  open(): Promise<DiskBlobStore>;
  pathOf(content: Uint8Array): string;
}

async function bench(t: TestContext): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'kadre-blobs-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const events: string[] = [];
  const logger = { log: (_level: string, event: string) => void events.push(event) };
  return {
    directory,
    events,
    open: () => DiskBlobStore.open({ logger }, { directory }),
    pathOf: (content) => {
      const name = toHex(blobRoot(content));
      return join(directory, 'files', name.slice(0, 2), name);
    },
  };
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at]! ^= 1;
  await writeFile(path, bytes);
}

describe('disk blob store', () => {
  it('finds files and packs again after a restart', async (t) => {
    const { open } = await bench(t);
    const large = blob(3 * LEAF_BYTES + 5);
    const small = Array.from({ length: 500 }, (_, i) => blob(i, i + 1));
    const store = await open();
    await store.put(large);
    await store.putMany(small);
    await store.putMany([blob(9, 999)]);
    const again = await open();
    for (const content of [large, ...small, blob(9, 999)]) {
      assert.deepEqual(await again.read(blobRoot(content), 0, content.length), content);
    }
    assert.deepEqual(await again.leaves(blobRoot(large)), blobLeaves(large));
    const fresh = await again.putMany([blob(10, 1000)]);
    assert.deepEqual(await again.read(fresh[0]!.root, 0, 10), blob(10, 1000));
    assert.deepEqual(await again.read(blobRoot(small[77]!), 0, 77), small[77]);
  });

  it('packs small blobs: thousands make one file', async (t) => {
    const { directory, open } = await bench(t);
    const store = await open();
    await store.putMany(Array.from({ length: 5000 }, (_, i) => blob(64, i + 1)));
    assert.equal((await readdir(join(directory, 'packs'))).length, 1);
    assert.equal((await readdir(join(directory, 'files'))).length, 0);
    assert.equal((await readdir(join(directory, 'aside'))).length, 0);
  });

  it('never serves a flipped bit: the blob is forgotten and can be put again', async (t) => {
    const { open, pathOf, events } = await bench(t);
    const store = await open();
    const content = blob(3 * LEAF_BYTES);
    const { root } = await store.put(content);
    await flip(pathOf(content), LEAF_BYTES + 17);
    assert.ok(await store.read(root, 0, LEAF_BYTES));
    assert.equal(await store.read(root, 0, content.length), undefined);
    assert.equal(await store.size(root), undefined);
    assert.deepEqual(events, ['blob-damaged']);
    await store.put(content);
    assert.deepEqual(await store.read(root, 0, content.length), content);
  });

  it('never serves a flipped bit from a pack, and keeps its neighbours', async (t) => {
    const { directory, open } = await bench(t);
    const store = await open();
    const refs = await store.putMany([blob(100, 1), blob(100, 2)]);
    const [pack] = await readdir(join(directory, 'packs'));
    const path = join(directory, 'packs', pack!);
    await flip(path, (await readFile(path)).length - 1);
    assert.deepEqual(await store.read(refs[0]!.root, 0, 100), blob(100, 1));
    assert.equal(await store.read(refs[1]!.root, 0, 100), undefined);
  });

  it('makes leaf hashes again when those on disk are gone or wrong', async (t) => {
    const { open, pathOf } = await bench(t);
    const content = blob(40 * LEAF_BYTES + 3);
    const { root } = await (await open()).put(content);
    await flip(`${pathOf(content)}.leaves`, 5);
    assert.deepEqual(await (await open()).leaves(root), blobLeaves(content));
    await rm(`${pathOf(content)}.leaves`);
    assert.deepEqual(await (await open()).leaves(root), blobLeaves(content));
  });

  it('treats torn files as not held', async (t) => {
    const { directory, open, pathOf } = await bench(t);
    const content = blob(2 * LEAF_BYTES);
    const store = await open();
    await store.put(content);
    await store.putMany([blob(10)]);
    await truncate(pathOf(content), LEAF_BYTES);
    const [pack] = await readdir(join(directory, 'packs'));
    await truncate(join(directory, 'packs', pack!), 60);
    const again = await open();
    assert.equal(await again.leaves(blobRoot(content)), undefined);
    assert.equal(await again.read(blobRoot(blob(10)), 0, 10), undefined);
  });

  it('ignores files that it did not name, and clears what a crash left aside', async (t) => {
    const { directory, open } = await bench(t);
    await open();
    await writeFile(join(directory, 'aside', '0'), 'half');
    await writeFile(join(directory, 'packs', 'readme.txt'), 'hello');
    await writeFile(join(directory, 'packs', '7.pack'), 'KDRPACK1 not really');
    const store = await open();
    assert.deepEqual(await readdir(join(directory, 'aside')), []);
    const [ref] = await store.putMany([blob(5)]);
    assert.deepEqual(await store.read(ref!.root, 0, 5), blob(5));
  });

  it('keeps chunks over a restart, and what a crash cut short goes', async (t) => {
    const { directory, open } = await bench(t);
    const content = blob(3 * CHUNK_BYTES + 5);
    const { root } = chunkOf(content, 0).ref;
    const store = await open();
    for (const index of [0, 3]) await store.putChunk(chunkOf(content, index));
    const folder = join(directory, 'chunks', toHex(root));
    // A chunk cut short, one that no such blob has, and a blob that lost its leaf hashes first.
    await writeFile(join(folder, '1'), content.subarray(0, 100));
    await writeFile(join(folder, '77'), content.subarray(0, CHUNK_BYTES));
    const dying = blob(CHUNK_BYTES + 1, 9);
    await store.putChunk(chunkOf(dying, 1));
    await rm(join(directory, 'chunks', toHex(blobRoot(dying)), `${dying.length}.leaves`));
    const again = await open();
    assert.equal(again.part(blobRoot(dying)), undefined);
    assert.deepEqual(await readdir(join(directory, 'chunks')), [toHex(root)]);
    const part = again.part(root)!;
    assert.deepEqual([0, 1, 2, 3].map(part.has), [true, false, false, true]);
    assert.equal(again.usage.bytes, CHUNK_BYTES + 5);
    for (const index of [1, 2]) await again.putChunk(chunkOf(content, index));
    const whole = await again.read(root, 0, content.length);
    assert.ok(equalBytes(whole!, content));
  });

  it('never serves a flipped bit from a chunk: only that chunk is forgotten', async (t) => {
    const { directory, open, events } = await bench(t);
    const content = blob(2 * CHUNK_BYTES);
    const { root } = chunkOf(content, 0).ref;
    const store = await open();
    for (const index of [0, 1]) await store.putChunk(chunkOf(content, index));
    await flip(join(directory, 'chunks', toHex(root), '1'), 70_000);
    assert.ok(await store.read(root, CHUNK_BYTES, LEAF_BYTES), 'its first leaf is sound');
    assert.equal(await store.read(root, CHUNK_BYTES + LEAF_BYTES, 10), undefined);
    assert.deepEqual(events, ['blob-damaged']);
    assert.deepEqual([0, 1].map(store.part(root)!.has), [true, false]);
    await store.putChunk(chunkOf(content, 1));
    assert.ok(equalBytes((await store.read(root, 0, content.length))!, content));
    await flip(join(directory, 'chunks', toHex(root), `${content.length}.leaves`), 40);
    const again = await open();
    assert.ok(await again.leaves(root), 'made again from the chunks');
  });

  it('leaves no file behind when it makes room', async (t) => {
    const { directory } = await bench(t);
    const logger = { log: () => undefined };
    const store = await DiskBlobStore.open(
      { logger },
      { directory, bytesMax: 2 * CHUNK_BYTES, keptMs: 0 },
    );
    await store.put(blob(CHUNK_BYTES, 1));
    await store.putMany([blob(10, 2)]);
    await store.putChunk(chunkOf(blob(CHUNK_BYTES - 10, 3), 0));
    await store.put(blob(2 * CHUNK_BYTES, 4));
    assert.equal(store.usage.bytes, 2 * CHUNK_BYTES);
    assert.deepEqual(await readdir(join(directory, 'chunks')), []);
    assert.deepEqual(await readdir(join(directory, 'packs')), []);
    const files = await readdir(join(directory, 'files'), { recursive: true });
    assert.equal(files.filter((name) => name.length > 60).length, 2, 'one blob, its leaf hashes');
  });

  it('reports a disk that refuses, without leaving a readable half', async (t) => {
    const { directory, open, pathOf } = await bench(t);
    const store = await open();
    const content = blob(2 * LEAF_BYTES);
    // A file where the folder should be: every write of this blob fails.
    await writeFile(join(pathOf(content), '..'), '');
    await assert.rejects(store.put(content), { code: 'DISK_FAILED' });
    assert.equal(await store.size(blobRoot(content)), undefined);
    await rm(join(directory, 'packs'), { recursive: true });
    await assert.rejects(store.putMany([blob(3)]), { code: 'DISK_FAILED' });
    assert.deepEqual(await readdir(join(directory, 'aside')), []);
    await writeFile(join(directory, 'x'), '');
    const blocked = DiskBlobStore.open(
      { logger: { log: () => undefined } },
      { directory: join(directory, 'x') },
    );
    await assert.rejects(blocked, { code: 'DISK_FAILED' });
  });
});
