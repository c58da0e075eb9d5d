import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerId } from '../../../src/base/ids.ts';
import { encodeRecord } from '../../../src/job/build-record.ts';
import type { CheckedRecord } from '../../../src/job/ledger/check-record.ts';
import type { LedgerState } from '../../../src/job/ledger/ledger-state.ts';
import { decodeMessage, type JobNotice, jobNoticeShape } from '../../../src/roles/job-messages.ts';
import { LocalJudge } from '../../../src/roles/local-judge.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { type JobInit, makeJob, unwrap, workOf } from '../../support/job-factory.ts';
import { silentLogger } from '../../support/real-ports.ts';

const POLICY = { cadre: 0, replicas: 3, quorum: 2, sealMs: 10_000, revealMs: 4_000 };

function judging(init: Partial<JobInit> = {}) {
  const job = makeJob({ nodes: 4, shards: 2, ...init, policy: { ...POLICY, ...init.policy } });
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const network = hub.join(job.requester.peerId);
  const notices: [PeerId, JobNotice][] = [];
  const watch = (from: PeerId) => ({
    message: (_: PeerId, body: Uint8Array) =>
      void notices.push([from, unwrap(decodeMessage(body, jobNoticeShape))]),
  });
  network.handle('job', watch(network.self));
  const ends: LedgerState[] = [];
  const judge = new LocalJudge(
    { network, clock, log: silentLogger },
    { plan: job.plan, onEnd: (state) => ends.push(state) },
  );
  judge.start();
  const give = (record: CheckedRecord, from?: PeerId) =>
    judge.record(
      from ?? job.identity(job.plan.workers[record.candidate]!).peerId,
      encodeRecord(record.record).bytes,
    );
  return { job, clock, hub, notices, ends, judge, give, watch };
}

/** Every first-wave worker's seal and reveal. */
function worksOf(job: ReturnType<typeof makeJob>) {
  const { placement, workers } = job.plan;
  return [...workers.keys()]
    .map((candidate) => ({ worker: workers[candidate]!, shards: placement.shardsOf(candidate) }))
    .filter(({ shards }) => shards.length > 0)
    .map(({ worker, shards }) => workOf(job, { worker, shards }));
}

test('seals, then reveals, in any order: the job is done', async () => {
  const { job, clock, ends, give } = judging();
  for (const { seal, reveal } of worksOf(job).toReversed()) {
    assert.ok(give(reveal).ok);
    assert.ok(give(seal).ok);
  }
  await clock.advance(10);
  assert.equal(ends.length, 1);
  assert.equal(ends[0]!.isDone, true);
});

test('closed sets and the end are told', async () => {
  const { job, clock, hub, notices, give, watch } = judging();
  for (const index of job.plan.workers) {
    const { peerId } = job.identity(index);
    hub.join(peerId).handle('job', watch(peerId));
  }
  for (const { seal } of worksOf(job)) give(seal);
  await clock.advance(10);
  assert.equal(notices.filter(([, { t }]) => t === 'closed').length, worksOf(job).length);
  for (const { reveal } of worksOf(job)) give(reveal);
  await clock.advance(10);
  const kinds = new Set(notices.map(([, { t }]) => t));
  assert.deepEqual([...kinds].sort(), ['closed', 'outcome']);
});

test('records that are sent again for hours neither fill the judge nor change it', async () => {
  const { job, clock, ends, give } = judging({ shards: 8 });
  const works = worksOf(job);
  give(works[0]!.seal);
  for (let again = 0; again < 5_000; again++) assert.ok(give(works[0]!.seal).ok);
  await clock.advance(10);
  for (const { seal } of works) give(seal);
  for (let again = 0; again < 2_000; again++) give(works[0]!.seal);
  for (const { reveal } of works) give(reveal);
  await clock.advance(10);
  assert.equal(ends[0]?.isDone, true);
});

test('what was executed and is sent again takes the place of nothing', async () => {
  const { job, clock, ends, give } = judging({
    nodes: 1,
    shards: 600,
    policy: { replicas: 1, quorum: 1 },
  });
  const works = Array.from({ length: 600 }, (_, shard) =>
    workOf(job, { worker: 0, shards: [shard] }),
  );
  const sendAll = async (records: readonly CheckedRecord[]) => {
    for (const [i, record] of records.entries()) {
      give(record);
      if (i % 300 === 299) await clock.advance(1);
    }
  };
  const seals = works.map(({ seal }) => seal);
  await sendAll(seals);
  await sendAll(seals);
  await sendAll(works.map(({ reveal }) => reveal));
  assert.equal(ends[0]?.isDone, true);
});

test('one worker that floods does not keep the others out', async () => {
  const { job, clock, ends, give } = judging();
  const flooder = job.plan.workers[0]!;
  for (let flavour = 1; flavour <= 4_100; flavour++) {
    const { seal } = workOf(job, { worker: flooder, shards: [0], wave: 3, flavour });
    give(seal);
  }
  const works = worksOf(job).filter(({ seal }) => seal.candidate !== 0);
  for (const { seal } of works) give(seal);
  await clock.advance(POLICY.sealMs + 10);
  for (const { reveal } of works) give(reveal);
  await clock.advance(10);
  assert.equal(ends[0]?.isDone, true);
});

test('marks of others are no marks: only our own clock counts', async () => {
  const { job, clock, ends, judge } = judging();
  const late = {
    kind: 'deadline' as const,
    planId: job.plan.planId,
    seat: 0,
    signature: new Uint8Array(64),
  };
  judge.record(job.identity(0).peerId, encodeRecord(late).bytes);
  await clock.advance(10);
  assert.deepEqual(ends, []);
});

test('a reveal counts only from its worker', async () => {
  const { job, clock, ends, give } = judging();
  const works = worksOf(job);
  for (const { seal } of works) assert.ok(give(seal, job.requester.peerId).ok, 'seals are signed');
  for (const { reveal } of works) {
    const taken = give(reveal, job.requester.peerId);
    assert.equal(taken.ok || taken.reason, 'not-the-worker');
  }
  await clock.advance(10);
  assert.deepEqual(ends, []);
});

test('nobody works: every shard runs out of workers, by our own marks', async () => {
  const { clock, ends } = judging();
  await clock.advance(60_000);
  assert.equal(ends[0]?.failure?.code, 'WORKERS_EXHAUSTED');
});

test('a deadline fails the job', async () => {
  const { clock, ends } = judging({ policy: { deadlineMs: 1_000 } });
  await clock.advance(1_010);
  assert.equal(ends[0]?.failure?.code, 'DEADLINE_PASSED');
});

test('a worker that lost notices is told again; garbage is refused with a reason', async () => {
  const { job, clock, hub, notices, give, judge, watch } = judging();
  for (const { seal } of worksOf(job)) give(seal);
  await clock.advance(10);
  const { peerId } = job.identity(job.plan.workers[0]!);
  hub.join(peerId).handle('job', watch(peerId));
  judge.repeat(peerId);
  judge.repeat(job.requester.peerId);
  await clock.advance(10);
  const shards = job.plan.placement.shardsOf(0).length;
  assert.equal(notices.filter(([to]) => to === peerId).length > 0, shards > 0);
  const taken = judge.record(peerId, Uint8Array.of(7));
  assert.equal(taken.ok, false);
});
