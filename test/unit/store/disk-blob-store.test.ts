import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { blobLeaves, blobRoot, LEAF_BYTES } from '../../../src/blob/tree.ts';
import { DiskBlobStore } from '../../../src/store/disk-blob-store.ts';
import { blob } from '../../conformance/blob-store.ts';

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
