import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ShardResult } from '../../../src/compute/executor.ts';
import { checkRecord } from '../../../src/job/ledger/check-record.ts';
import { SealedWork } from '../../../src/roles/sealed-work.ts';
import { digestOf, makeJob, unwrap } from '../../support/job-factory.ts';
import { LedgerRun } from '../../support/ledger-run.ts';
import { seededRandom } from '../../support/virtual-swarm.ts';

const job = makeJob({ nodes: 3, shards: 4, policy: { replicas: 3, cadre: 1 } });

function workOf(worker: number): SealedWork {
  const { planId, outputsPerShard } = job.plan;
  const signer = job.identity(worker);
  return new SealedWork({ signer, random: seededRandom(worker) }, { planId, outputsPerShard });
}

const resultsOf = (...shards: number[]): ShardResult[] =>
  shards.map((shard) => ({
    shard,
    outputs: [{ root: digestOf(shard), content: new Uint8Array(0) }],
  }));

/** Seals and keeps, as a worker does once it is logged. */
function seal(work: SealedWork, wave: number, ...shards: number[]): Uint8Array {
  const sealed = work.seal(wave, resultsOf(...shards));
  work.keep(sealed, shards);
  return sealed.record;
}

const open = (bytes: Uint8Array) => unwrap(checkRecord(job.plan, bytes));

test('what is sealed opens, and the ledger takes both', () => {
  const run = new LedgerRun(job);
  const works = job.plan.workers.map((index) => workOf(index));
  run.block(...works.map((work) => open(seal(work, 0, 0, 1, 2, 3))));
  run.block(...works.flatMap((work) => work.open(0, [0, 1, 2, 3]).map(open)));
  assert.equal(run.state.isDone, true);
});

test('a shard opens once, only where it was sealed and asked for', () => {
  const work = workOf(0);
  seal(work, 0, 0, 2);
  seal(work, 1, 3);
  assert.deepEqual(work.open(0, [1, 3]), []);
  assert.deepEqual(
    work.open(0, [2]).map((bytes) => open(bytes).shards),
    [[2]],
  );
  assert.deepEqual(
    work.open(0, [0, 2]).map((bytes) => open(bytes).shards),
    [[0]],
  );
  assert.deepEqual(work.open(0, [0, 2]), []);
});

test('two seals give two reveals, because each opens one seal', () => {
  const work = workOf(0);
  seal(work, 0, 0, 1);
  seal(work, 0, 2);
  assert.deepEqual(
    work.open(0, [0, 1, 2]).map((bytes) => open(bytes).shards),
    [[0, 1], [2]],
  );
});

test('a judge that restarted gets everything again, seals first', () => {
  const work = workOf(0);
  seal(work, 0, 0);
  work.open(0, [0]);
  seal(work, 0, 1);
  assert.deepEqual(
    work.records().map((bytes) => open(bytes).kind),
    ['seal', 'seal', 'reveal'],
  );
});

test('salts are never used twice', () => {
  const work = workOf(0);
  const [first, second] = [seal(work, 0, 0), seal(work, 0, 0)].map(open);
  assert.ok(first?.kind === 'seal' && second?.kind === 'seal');
  assert.notDeepEqual(first.record.tuples, second.record.tuples);
});
