import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/crypto/node/system-ports.ts';
import { DiskBlobStore } from '../../src/store/disk-blob-store.ts';
import { LinkedBlobs } from '../../src/store/linked-blobs.ts';
import { MemoryBlobStore } from '../../src/store/memory-blob-store.ts';
import { silentLogger } from '../support/real-ports.ts';
import { blobStoreConformance } from './blob-store.ts';

blobStoreConformance('in memory', async (_t, init) => new MemoryBlobStore(init));
blobStoreConformance('with links', async (_t, init) => {
  return new LinkedBlobs({ store: new MemoryBlobStore(init), clock: init?.clock ?? systemClock });
});

for (const durability of ['synced', 'lazy'] as const) {
  blobStoreConformance(`on disk, ${durability}`, async (t, { clock, ...init }) => {
    const directory = await mkdtemp(join(tmpdir(), 'kadre-blobs-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const components = { logger: silentLogger, ...(clock && { clock }) };
    return DiskBlobStore.open(components, { directory, durability, ...init });
  });
}
