/** What every store of jobs must do. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { JobStore, StoredJob } from '../../src/store/job-store.ts';
import { jobIdText } from '../../src/store/job-store.ts';
import { digestOf, makePackage } from '../support/job-factory.ts';

export function storedJob(nonce: number, over: Partial<StoredJob> = {}): StoredJob {
  const { package: plan } = makePackage({ nodes: 4, shards: 2, nonce });
  return {
    v: 1,
    job: plan.job,
    detached: false,
    waitPeersMs: 10_000,
    instance: 0,
    state: 'running',
    isAnnounced: false,
    isDetachable: false,
    submittedMs: 1_000 + nonce,
    ...over,
  };
}

export function jobStoreConformance(
  name: string,
  open: (t: TestContext) => Promise<{ store: JobStore; again: () => Promise<JobStore> }>,
): void {
  const onDamaged = (error: Error) => assert.fail(error);

  test(`${name}: what was put is there for the next process, every field of it`, async (t) => {
    const { store, again } = await open(t);
    assert.deepEqual(await store.load(onDamaged), []);
    const { package: plan } = makePackage({ nodes: 4, shards: 2, nonce: 2 });
    const bare = storedJob(1);
    const full = storedJob(2, {
      plan,
      detached: true,
      state: 'done',
      isAnnounced: true,
      isDetachable: true,
      failure: { code: 'CADRE_LOST', message: 'two of four' },
      outcome: Uint8Array.of(1, 2, 3),
      certificate: { root: digestOf(1), bytes: 300 },
      endedMs: 5_000,
    });
    await store.put(bare);
    await store.put(full);
    const jobs = await (await again()).load(onDamaged);
    jobs.sort((a, b) => a.submittedMs - b.submittedMs);
    assert.deepEqual(jobs, [bare, full]);
  });

  test(`${name}: a later record of a job replaces the earlier one`, async (t) => {
    const { store, again } = await open(t);
    await store.put(storedJob(1));
    await store.put(storedJob(1, { state: 'failed', endedMs: 9 }));
    const jobs = await (await again()).load(onDamaged);
    assert.deepEqual(
      jobs.map(({ state }) => state),
      ['failed'],
    );
  });

  test(`${name}: what was removed is gone, and removing it again is fine`, async (t) => {
    const { store, again } = await open(t);
    const job = storedJob(1);
    await store.put(job);
    await store.remove(jobIdText(job.job));
    await store.remove(jobIdText(job.job));
    assert.deepEqual(await (await again()).load(onDamaged), []);
  });
}
