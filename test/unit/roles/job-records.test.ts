import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDED_JOBS_MAX, JobRecords, RESULTS_KEPT_MS } from '../../../src/roles/job-records.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { jobIdText, MemoryJobStore, type StoredJob } from '../../../src/store/job-store.ts';
import { storedJob } from '../../conformance/job-store.ts';
import { silentLogger } from '../../support/real-ports.ts';

function records(store = new MemoryJobStore()) {
  const clock = new VirtualClock();
  return { clock, store, records: new JobRecords({ store, clock, log: silentLogger }) };
}

const idOf = ({ job }: StoredJob): string => jobIdText(job);
const statesIn = async (store: MemoryJobStore) => (await store.load()).map(({ state }) => state);

test('changes of one job are written in order, whatever the disk does', async () => {
  const store = new MemoryJobStore();
  const put = store.put.bind(store);
  const waiting: (() => void)[] = [];
  store.put = async (job) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    await put(job);
  };
  const { records: all, clock } = records(store);
  const job = storedJob(1);
  const saving = all.save(job);
  const changing = all.change(idOf(job), { state: 'done', endedMs: clock.wallMs() });
  assert.equal(all.find(idOf(job))?.state, 'done', 'what is known is known at once');
  await new Promise(setImmediate);
  assert.equal(waiting.length, 1, 'one write of a job at a time');
  waiting.shift()!();
  await saving;
  await new Promise(setImmediate);
  waiting.shift()!();
  await changing;
  assert.deepEqual(await statesIn(store), ['done']);
});

test('what ended is forgotten after a day; what runs never is', async () => {
  const { records: all, clock, store } = records();
  await all.save(storedJob(1));
  await all.save(storedJob(2, { state: 'done', endedMs: clock.wallMs() }));
  await clock.advance(RESULTS_KEPT_MS);
  assert.equal(all.list().length, 2);
  await clock.advance(1);
  assert.deepEqual(
    all.list().map(({ state }) => state),
    ['running'],
  );
  await all.settled();
  await new Promise(setImmediate);
  assert.deepEqual(await statesIn(store), ['running']);
});

test('of too many ended jobs the oldest give way', async () => {
  const { records: all, clock } = records();
  const endedMs = clock.wallMs();
  const oldest = storedJob(0, { state: 'done', endedMs });
  await all.save(oldest);
  const template = storedJob(1, { state: 'failed' });
  for (let i = 0; i < ENDED_JOBS_MAX; i++) {
    const nonce = new Uint8Array(16);
    new DataView(nonce.buffer).setUint32(0, i + 1);
    const spec = { ...template.job.spec, nonce };
    await all.save({ ...template, job: { ...template.job, spec }, endedMs: endedMs + 1 + i });
  }
  assert.equal(all.list().length, ENDED_JOBS_MAX);
  assert.equal(all.find(idOf(oldest)), undefined);
});

test('a job that is not on record cannot be changed', async () => {
  await assert.rejects(records().records.change('00', {}), { code: 'JOB_UNKNOWN' });
});
