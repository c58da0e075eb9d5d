import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskJobStore, MemoryJobStore } from '../../src/store/job-store.ts';
import { jobStoreConformance } from './job-store.ts';

jobStoreConformance('in memory', async () => {
  const store = new MemoryJobStore();
  return { store, again: async () => store };
});

jobStoreConformance('on disk', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'kadre-jobs-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return {
    store: new DiskJobStore({ directory }),
    again: async () => new DiskJobStore({ directory }),
  };
});
