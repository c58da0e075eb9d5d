/** Laws of the ledger, over random policies, behaviours, orders and partitions into blocks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, equalBytes, toHex } from '../../src/base/bytes.ts';
import { slotCountOf } from '../../src/job/ledger/ledger-state.ts';
import {
  acceptedDigests,
  agreeingWorkers,
  receiptsOf,
  shardDisputes,
  viewShard,
} from '../../src/job/ledger/read-ledger.ts';
import { digestOf, makeJob, type TestJob } from '../support/job-factory.ts';
import {
  BEHAVIOURS,
  type Behaviour,
  runWorld,
  SECOND_ANSWER,
  variantOf,
  type WorldEnd,
} from '../support/ledger-world.ts';

const SHARDS = 3;
const jobs = new Map<string, TestJob>();

interface Setting {
  readonly replicas: number;
  readonly quorum: number;
  readonly nodes: number;
  readonly cadre: number;
}

/** Jobs are made once per setting: keys and signatures are the slow part. */
function jobOf(setting: Setting): TestJob {
  const { replicas, quorum, nodes, cadre } = setting;
  const key = JSON.stringify(setting);
  let job = jobs.get(key);
  if (job === undefined) {
    job = makeJob({ nodes, shards: SHARDS, policy: { replicas, quorum, cadre } });
    jobs.set(key, job);
  }
  return job;
}

const settings: fc.Arbitrary<Setting> = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), fc.nat(3))
  .map(([replicas, quorum, more]) => ({
    replicas,
    quorum: Math.min(quorum, replicas),
    nodes: 5 + 2 * replicas + more,
    cadre: more % 2 === 0 ? 4 : 0,
  }));

/** Mostly honest worlds, and wild ones. */
const behaviour = (some: readonly Behaviour[]) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant<Behaviour>('honest') }, fc.constantFrom(...some));
const castOf = (some: readonly Behaviour[]) =>
  fc.array(behaviour(some), { minLength: 20, maxLength: 20 });
const seeds = fc.integer({ min: 0, max: 2 ** 31 });

/** Roster indexes that hold a slot of the shard. */
const slotsOf = (job: TestJob, end: WorldEnd, shard: number) =>
  viewShard(job.plan, end.state, shard).workers;

function checkBounds(job: TestJob, end: WorldEnd, shard: number): void {
  const workers = slotsOf(job, end, shard).map(({ worker }) => worker);
  assert.equal(new Set(workers).size, workers.length, 'a node holds one slot of a shard');
  assert.ok(workers.length <= slotCountOf(job.plan));
  assert.ok(workers.length <= 2 * job.plan.policy.replicas + 1);
  const order = job.plan.placement.order(shard).map((at) => job.plan.workers[at]!);
  assert.deepEqual(workers, order.slice(0, workers.length), 'slots follow the order');
}

/** What every accepted shard must satisfy, whoever lied. */
function checkAccepted(
  job: TestJob,
  end: WorldEnd,
  cast: readonly Behaviour[],
  shard: number,
): void {
  const digest = acceptedDigests(job.plan, end.state, shard)!;
  const agreeing = agreeingWorkers(job.plan, end.state, shard);
  assert.equal(new Set(agreeing).size, agreeing.length, 'no result counts twice');
  assert.ok(agreeing.length >= job.plan.policy.quorum);
  for (const worker of agreeing) {
    const variants =
      cast[worker] === 'equivocate' ? [0, SECOND_ANSWER] : [variantOf(cast[worker]!, worker)];
    assert.ok(variants.some((variant) => equalBytes(digest, digestOf(shard, variant))));
  }
  for (const { seal, reveal } of receiptsOf(job.plan, end.state, shard)) {
    assert.ok(equalBytes(reveal.record.seal, seal.id));
  }
  const revealed = slotsOf(job, end, shard).filter(({ standing }) => standing === 'revealed');
  assert.ok(2 * agreeing.length > revealed.length, 'a majority of all reveals');
  const named = shardDisputes(end.state).filter(
    (d) => d.shard === shard && d.kind === 'wrong-result',
  );
  const differing = revealed.map(({ worker }) => worker).filter((w) => !agreeing.includes(w));
  assert.deepEqual(
    named.map(({ worker }) => worker),
    differing.sort((a, b) => a - b),
    'every liar that revealed is named, once, and nobody else',
  );
  const waiting = slotsOf(job, end, shard).filter(({ standing }) => standing === 'closed');
  assert.deepEqual(waiting, [], 'everyone who sealed in time is judged');
}

test('every world ends within bounds, and accepts what is right unless Q colluders agree', () => {
  fc.assert(
    fc.property(settings, castOf(BEHAVIOURS), seeds, (setting, cast, seed) => {
      const job = jobOf(setting);
      const end = runWorld({ job, behaviours: cast, seed });
      for (let shard = 0; shard < SHARDS; shard++) {
        checkBounds(job, end, shard);
        if (!end.state.isDone) continue;
        checkAccepted(job, end, cast, shard);
        const groups = (['lie-1', 'lie-2', 'equivocate'] as const).map(
          (name) => slotsOf(job, end, shard).filter(({ worker }) => cast[worker] === name).length,
        );
        // A liar on its own is a group of one.
        if (Math.max(...groups, 1) >= job.plan.policy.quorum) continue;
        assert.deepEqual(acceptedDigests(job.plan, end.state, shard), digestOf(shard));
      }
      for (const { worker, kind } of shardDisputes(end.state)) {
        if (kind === 'withheld')
          assert.ok(cast[worker] === 'withhold' || cast[worker] === 'silent');
        if (kind === 'equivocation') assert.equal(cast[worker], 'equivocate');
      }
    }),
    { numRuns: 120 },
  );
});

test('who answers, in whatever order and in whatever blocks, gives the same results', () => {
  const answering = BEHAVIOURS.filter(
    (name) => !['silent', 'slow', 'withhold', 'equivocate'].includes(name),
  );
  fc.assert(
    fc.property(settings, castOf(answering), seeds, seeds, (setting, cast, one, two) => {
      const job = jobOf(setting);
      const left = runWorld({ job, behaviours: cast, seed: one });
      const right = runWorld({ job, behaviours: cast, seed: two });
      assert.equal(left.state.isDone, right.state.isDone);
      if (!left.state.isDone) return;
      assert.equal(toHex(left.state.resultsRoot), toHex(right.state.resultsRoot));
      const wrongs = (end: WorldEnd) =>
        shardDisputes(end.state)
          .filter(({ kind }) => kind === 'wrong-result')
          .map(({ shard, worker }) => [shard, worker]);
      assert.deepEqual(wrongs(left), wrongs(right));
    }),
    { numRuns: 60 },
  );
});

test('the same blocks give the same roots, whoever executes them', () => {
  fc.assert(
    fc.property(settings, castOf(BEHAVIOURS), seeds, (setting, cast, seed) => {
      const job = jobOf(setting);
      const [left, right] = [0, 1].map(() => runWorld({ job, behaviours: cast, seed }).state);
      assert.equal(toHex(left!.stateRoot), toHex(right!.stateRoot));
      const ids = concatBytes(left!.seals.map(({ id }) => id));
      assert.equal(toHex(ids), toHex(concatBytes(right!.seals.map(({ id }) => id))));
    }),
    { numRuns: 15 },
  );
});
