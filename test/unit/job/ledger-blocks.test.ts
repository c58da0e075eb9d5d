import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countedRoot } from '../../../src/crypto/portable/hash.ts';
import { leafHash, treeHash } from '../../../src/crypto/portable/merkle.ts';
import type { CheckedRecord } from '../../../src/job/ledger/check-record.ts';
import {
  executeRecords,
  isUrgent,
  selectRecords,
} from '../../../src/job/ledger/execute-records.ts';
import { isFinal } from '../../../src/job/ledger/ledger-state.ts';
import { resultLeaves } from '../../../src/job/ledger/read-ledger.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import {
  cancelOf,
  deadlineOf,
  makeJob,
  overdueOf,
  refusalOf,
  type TestJob,
  workOf,
} from '../../support/job-factory.ts';
import { LedgerRun } from '../../support/ledger-run.ts';

const worksOf = (job: TestJob) =>
  job.plan.workers
    .map((worker, candidate) => ({ worker, shards: job.plan.placement.shardsOf(candidate) }))
    .filter(({ shards }) => shards.length > 0)
    .map((work) => workOf(job, work));

test('with one replica, seal and reveal fit one block', () => {
  const run = new LedgerRun(makeJob({ nodes: 8, shards: 20, policy: { replicas: 1 } }));
  const works = worksOf(run.job);
  const events = run.block(...works.flatMap(({ seal, reveal }) => [seal, reveal]));
  assert.equal(run.state.isDone, true);
  assert.deepEqual([...new Set(events.map((event) => event.kind))], ['closed', 'accepted', 'done']);
  assert.ok(events.length <= run.job.plan.workers.length + 2, 'grouped per worker');
});

test('the results root is the counted root over canonical leaves, as anyone computes it', () => {
  const run = new LedgerRun(makeJob({ nodes: 8, shards: 37, policy: { replicas: 1 } }));
  run.block(...worksOf(run.job).flatMap(({ seal, reveal }) => [seal, reveal]));
  const leaves = [...resultLeaves(run.job.plan, run.state)];
  assert.equal(leaves.length, 37);
  const hashes = leaves.map((leaf) => leafHash(encodeCanonical(leaf)));
  assert.deepEqual(run.state.resultsRoot, countedRoot(TAGS.results, 37, treeHash(hashes)));
  const { offset, shape } = leaves[1]!.outputs[0]!.region;
  assert.deepEqual([offset, shape], [[2], [2]]);
});

test('f + 1 deadline marks fail the job, a cancel does at once, and nothing follows', () => {
  const job = makeJob({ nodes: 11, shards: 2 });
  const late = new LedgerRun(job);
  late.block(deadlineOf(job, 3));
  late.refuses(deadlineOf(job, 3));
  assert.equal(isFinal(late.state), false);
  assert.deepEqual(late.block(deadlineOf(job, 1)), [{ kind: 'failed', code: 'DEADLINE_PASSED' }]);
  assert.equal(isFinal(late.state), true);
  late.refuses(deadlineOf(job, 0));
  const cancelled = new LedgerRun(job);
  cancelled.block(cancelOf(job));
  assert.equal(cancelled.state.failure?.code, 'JOB_CANCELLED');
  cancelled.refuses(workOf(job, { worker: cancelled.order(0)[0]!, shards: [0] }).seal);
  assert.deepEqual(selectRecords(job.plan, cancelled.state, [deadlineOf(job, 0)]), []);
});

test('without a cadre the requester’s own marks act alone', () => {
  const job = makeJob({ nodes: 5, shards: 1, policy: { cadre: 0 } });
  const run = new LedgerRun(job);
  assert.equal(job.plan.seats.length, 0);
  const worker = run.order(0)[0]!;
  run.block(overdueOf(job, 0, 'seal', { worker, shards: [0] }));
  assert.equal(run.standings(0)[0], 'overdue');
  run.block(deadlineOf(job, 0));
  assert.equal(run.state.failure?.code, 'DEADLINE_PASSED');
});

test('no records change nothing, roots included', () => {
  const run = new LedgerRun(makeJob({ nodes: 11, shards: 2 }));
  const before = run.state;
  assert.deepEqual(run.block(), []);
  assert.equal(run.state, before);
});

test('the state root depends on the records and on their order', () => {
  const job = makeJob({ nodes: 11, shards: 1 });
  const run = new LedgerRun(job);
  const genesis = run.state;
  const [a, b] = run.order(0).map((worker) => workOf(job, { worker, shards: [0] }).seal);
  const rootOf = (...records: readonly CheckedRecord[]) => {
    run.state = genesis;
    run.block(...records);
    return run.state.stateRoot;
  };
  assert.deepEqual(rootOf(a!, b!), rootOf(a!, b!));
  assert.notDeepEqual(rootOf(a!, b!), rootOf(b!, a!));
  assert.notDeepEqual(rootOf(a!), rootOf(b!));
});

test('selection drops what is useless, orders the rest, and every prefix of it is a block', () => {
  const job = makeJob({ nodes: 11, shards: 4, policy: { replicas: 2 } });
  const run = new LedgerRun(job);
  const { plan } = job;
  const works = worksOf(job);
  const holder = run.order(0)[0]!;
  const stranger = run.order(0).at(-1)!;
  const pending = [
    overdueOf(job, 1, 'seal', { worker: holder, shards: [0] }),
    refusalOf(job, { worker: run.order(1)[0]!, shards: [1] }),
    workOf(job, { worker: stranger, shards: [0] }).seal,
    ...works.map(({ reveal }) => reveal),
    ...works.map(({ seal }) => seal),
    ...works.map(({ seal }) => seal),
  ];
  const selected = selectRecords(plan, run.state, pending);
  assert.deepEqual(
    selected.map(({ kind }) => kind),
    [...works.map(() => 'seal'), ...works.map(() => 'reveal')],
    'seals and reveals make the mark and the refusal pointless',
  );
  for (let length = 0; length <= selected.length; length++) {
    assert.equal(executeRecords(plan, run.state, selected.slice(0, length)).ok, true);
  }
});

test('a block is urgent when everything awaited is there, not before', () => {
  const job = makeJob({ nodes: 11, shards: 4 });
  const run = new LedgerRun(job);
  const works = worksOf(job);
  const seals = works.map(({ seal }) => seal);
  const reveals = works.map(({ reveal }) => reveal);
  assert.equal(isUrgent(job.plan, run.state, []), false);
  assert.equal(isUrgent(job.plan, run.state, seals.slice(1)), false);
  assert.equal(isUrgent(job.plan, run.state, seals), true);
  run.block(...seals);
  assert.equal(isUrgent(job.plan, run.state, reveals.slice(1)), false);
  assert.equal(isUrgent(job.plan, run.state, reveals), true);
  assert.equal(isUrgent(job.plan, run.state, [cancelOf(job)]), true);
});

test('with one replica a block waits for the reveals that come with the seals', () => {
  const job = makeJob({ nodes: 8, shards: 4, policy: { replicas: 1 } });
  const run = new LedgerRun(job);
  const works = worksOf(job);
  const seals = works.map(({ seal }) => seal);
  const reveals = works.map(({ reveal }) => reveal);
  assert.equal(isUrgent(job.plan, run.state, [...seals, ...reveals.slice(1)]), false);
  assert.equal(isUrgent(job.plan, run.state, [...seals, ...reveals]), true);
});
