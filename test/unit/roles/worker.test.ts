import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { type PeerId, peerIdOf } from '../../../src/base/ids.ts';
import { JsExecutor } from '../../../src/compute/local-executor.ts';
import { isSignedBy } from '../../../src/crypto/portable/signed.ts';
import { type CheckedRecord, checkRecord } from '../../../src/job/ledger/check-record.ts';
import { packShards } from '../../../src/job/shard-list.ts';
import {
  claimBody,
  decodeMessage,
  encodeMessage,
  jobAnswerShape,
  jobRequestShape,
} from '../../../src/roles/job-messages.ts';
import { judgesOf } from '../../../src/roles/judges.ts';
import { KnownResults } from '../../../src/roles/known-results.ts';
import { PlanCache } from '../../../src/roles/plan-cache.ts';
import { WorkGate } from '../../../src/roles/work-gate.ts';
import { WORKER_DEFAULTS, Worker, type WorkerInit } from '../../../src/roles/worker.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { MemoryWorkStore } from '../../../src/store/work-store.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import { CHECKS, type JobInit, makeJob, type TestJob, unwrap } from '../../support/job-factory.ts';
import { silentLogger } from '../../support/real-ports.ts';
import { seededRandom } from '../../support/virtual-swarm.ts';

const NONE = new Uint8Array(0);
const JOB: JobInit = { nodes: 12, shards: 8, policy: { cadre: 4, replicas: 3 } };

/** Judges that agree to everything and keep what they are told. */
function noting(hub: SimHub, plan: TestJob['plan']) {
  const records: [PeerId, CheckedRecord][] = [];
  const asks: PeerId[] = [];
  for (const peer of judgesOf(plan).peers) {
    hub.join(peer).handle('job', {
      request: async (_, body) => {
        const request = unwrap(decodeMessage(body, jobRequestShape));
        if (request.t === 'ask') asks.push(peer);
        if (request.t === 'record') {
          records.push([peer, unwrap(checkRecord(plan, request.record))]);
        }
        return encodeMessage({ t: 'ok' });
      },
    });
  }
  return { records, asks };
}

interface WorkingInit {
  job?: TestJob;
  limits?: Partial<WorkerInit>;
  kernels?: string[];
  work?: MemoryWorkStore;
}

/** The worker that is first in the order of shard 0, and judges that note what it sends. */
function working(init: WorkingInit = {}) {
  const job = init.job ?? makeJob(JOB);
  const { plan } = job;
  const index = plan.workers[plan.placement.order(0)[0]!]!;
  const signer = job.identity(index);
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const network = hub.join(signer.peerId);
  const { records, asks } = noting(hub, plan);
  const js = new JsExecutor();
  const executor = {
    backend: { name: 'cpu/js', kernels: init.kernels ?? js.backend.kernels },
    run: js.run.bind(js),
  };
  const blobs = new MemoryBlobStore();
  const gate = new WorkGate();
  const worker = new Worker(
    {
      gate,
      network,
      executor,
      clock,
      signer,
      blobs,
      random: seededRandom(1),
      log: silentLogger,
      speedOf: () => 1_000_000,
      known: new KnownResults({ blobs }),
      plans: new PlanCache(CHECKS),
      work: init.work ?? new MemoryWorkStore(),
    },
    { ...WORKER_DEFAULTS, ...init.limits },
  );
  const assign = (from: PeerId, wave = 0, shards: readonly number[] = [], to = job) =>
    unwrap(
      decodeMessage(
        worker.assign(from, to.plan, { wave, shards: shards.length ? packShards(shards) : NONE }),
        jobAnswerShape,
      ),
    );
  const refusalOf = (...call: Parameters<typeof assign>) => {
    const answer = assign(...call);
    return answer.t === 'refused' ? answer.reason : answer.t;
  };
  const kinds = () => [...new Set(records.map(([, { kind }]) => kind))];
  const judges = judgesOf(plan).peers;
  return {
    gate,
    job,
    plan,
    signer,
    clock,
    worker,
    assign,
    refusalOf,
    records,
    kinds,
    judges,
    asks,
  };
}

const requesterOf = (job: TestJob) => job.requester.peerId;

test('a claim is signed and says how much; what is claimed is sealed before all judges', async () => {
  const { job, plan, signer, clock, assign, records, judges } = working();
  const answer = assign(requesterOf(job));
  assert.ok(answer.t === 'claim');
  const own = plan.placement.shardsOf(plan.candidateOf(signer.nodeId)!);
  assert.deepEqual([answer.shards, answer.wave], [own.length, 0]);
  assert.ok(isSignedBy(signer.nodeId, TAGS.signClaim, claimBody(answer), answer.signature));
  await clock.advance(100);
  for (const judge of judges) {
    const sealed = records.filter(([to, { kind }]) => to === judge && kind === 'seal');
    assert.deepEqual(
      sealed.flatMap(([, { shards }]) => shards),
      own,
    );
  }
});

test('at rest it refuses plans that are new to it, and goes on with those it has', async () => {
  const { job, gate, clock, assign, refusalOf, records, plan } = working();
  gate.close('outside its hours');
  const answer = assign(requesterOf(job));
  assert.ok(answer.t === 'refused');
  assert.deepEqual([answer.reason, answer.detail], ['draining', 'outside its hours']);
  gate.open('outside its hours');
  assert.equal(assign(requesterOf(job)).t, 'claim');
  gate.close('draining');
  assert.equal(refusalOf(judgesOf(plan).peers[0]!), 'claim', 'asked again for the same plan');
  await clock.advance(100);
  assert.ok(records.some(([, { kind }]) => kind === 'seal'));
});

test('asked twice it works once', async () => {
  const { job, clock, assign, records, judges } = working();
  assign(requesterOf(job));
  assign(judges[0]!);
  await clock.advance(100);
  const ids = new Set(records.map(([, { id }]) => toHex(id)));
  assert.equal(records.length, ids.size * judges.length);
});

test('one lying judge does not make it reveal; f + 1 judges do', async () => {
  const { job, plan, signer, clock, worker, assign, kinds, judges, records } = working();
  assign(requesterOf(job));
  await clock.advance(100);
  const own = plan.placement.shardsOf(plan.candidateOf(signer.nodeId)!);
  for (let i = 0; i < 5; i++) worker.closed(judges[0]!, plan.planId, 0, packShards(own));
  worker.closed(requesterOf(job), plan.planId, 0, packShards(own));
  worker.closed(signer.peerId, plan.planId, 0, packShards(own));
  await clock.advance(100);
  assert.deepEqual(kinds(), ['seal']);
  worker.closed(judges[1]!, plan.planId, 0, packShards(own.slice(0, 1)));
  await clock.advance(100);
  const revealed = records.filter(([, { kind }]) => kind === 'reveal');
  assert.deepEqual([revealed.length, revealed[0]![1].shards], [judges.length, own.slice(0, 1)]);
});

test('malformed notices about unknown plans and shards change nothing', async () => {
  const { plan, worker, judges } = working();
  worker.closed(judges[0]!, plan.planId, 0, packShards([0]));
  worker.closed(judges[0]!, plan.planId, 0, Uint8Array.of(1, 2, 3));
  worker.ended(judges[0]!, plan.planId);
  assert.deepEqual(worker.load, { shards: 0, plans: 0 });
});

test('the requester ends a plan; of the judges it takes f + 1', async () => {
  const first = working();
  first.assign(requesterOf(first.job));
  first.worker.ended(first.judges[0]!, first.plan.planId);
  first.worker.ended(first.judges[0]!, first.plan.planId);
  first.worker.ended(first.signer.peerId, first.plan.planId);
  assert.equal(first.worker.worksOn(first.plan.planId), true);
  first.worker.ended(first.judges[1]!, first.plan.planId);
  assert.equal(first.worker.worksOn(first.plan.planId), false);
  const second = working();
  second.assign(requesterOf(second.job));
  second.worker.ended(requesterOf(second.job), second.plan.planId);
  assert.equal(second.worker.worksOn(second.plan.planId), false);
});

test('strangers cannot assign, and nobody gets shards outside the order', async () => {
  const { job, plan, signer, refusalOf, judges } = working({
    job: makeJob({ nodes: 14, shards: 8, policy: { cadre: 4, replicas: 2 } }),
  });
  const stranger = peerIdOf(
    plan.nodes.find((node) => {
      const peer = peerIdOf(node);
      return peer !== signer.peerId && !judges.includes(peer);
    })!,
  );
  assert.equal(refusalOf(stranger), 'not-entitled');
  const candidate = plan.candidateOf(signer.nodeId)!;
  const reach = 2 * plan.policy.replicas + 1;
  const shards = [...Array(8).keys()];
  const inReach = (shard: number) =>
    plan.placement.order(shard).slice(0, reach).includes(candidate);
  const far = shards.filter((shard) => !inReach(shard));
  assert.ok(far.length > 0);
  const near = shards.filter(inReach);
  for (const shard of far) assert.equal(refusalOf(judges[0]!, 1, [shard]), 'not-entitled');
  assert.equal(refusalOf(judges[0]!, 1, [99]), 'not-entitled');
  assert.equal(refusalOf(requesterOf(job), 1), 'not-entitled', 'later waves name their shards');
  assert.equal(refusalOf(judges[0]!, 1, near), 'claim');
});

test('a later wave is computed and sealed as such', async () => {
  const { clock, assign, records, judges } = working();
  assign(judges[0]!, 2, [0]);
  await clock.advance(100);
  const [, seal] = records[0]!;
  assert.ok(seal.kind === 'seal');
  assert.deepEqual([seal.record.wave, seal.shards], [2, [0]]);
});

test('an unknown kernel is refused, to the requester and before the judges', async () => {
  const { job, clock, refusalOf, records, judges } = working({ kernels: ['other@1'] });
  assert.equal(refusalOf(requesterOf(job)), 'unknown-kernel');
  await clock.advance(100);
  const refusals = records.map(([, record]) => record.kind === 'refusal' && record.record.reason);
  assert.deepEqual(refusals, Array(judges.length).fill('unknown-kernel'));
});

test('plans are limited, of all and of one requester', () => {
  const plans = [0, 1, 2].map((nonce) =>
    makeJob({ ...JOB, nodes: 3, nonce, policy: { cadre: 0 } }),
  );
  const from = requesterOf(plans[0]!);
  const all = working({ job: plans[0]!, limits: { plansMax: 2 } });
  assert.deepEqual(
    plans.map((job) => all.refusalOf(from, 0, [], job)),
    ['claim', 'claim', 'busy'],
  );
  const one = working({ job: plans[0]!, limits: { plansPerRequesterMax: 1 } });
  assert.deepEqual(
    plans.map((job) => one.refusalOf(from, 0, [], job)),
    ['claim', 'over-limits', 'over-limits'],
  );
  one.worker.ended(from, plans[0]!.plan.planId);
  assert.equal(one.refusalOf(from, 0, [], plans[1]!), 'claim', 'an ended plan makes room');
});

test('an assignment that comes after the end starts nothing', () => {
  const { job, plan, worker, refusalOf, judges } = working();
  assert.equal(refusalOf(requesterOf(job)), 'claim');
  worker.ended(requesterOf(job), plan.planId);
  assert.equal(refusalOf(judges[0]!, 1, [0]), 'not-entitled');
  assert.deepEqual([worker.worksOn(plan.planId), worker.plansTaken], [false, 1]);
});

test('a stopping worker claims nothing', async () => {
  const { job, worker, refusalOf } = working();
  await worker.stop();
  assert.equal(refusalOf(requesterOf(job)), 'draining');
});

test('a plan that nobody ends is forgotten', async () => {
  const { job, plan, clock, worker, assign } = working({ limits: { planLifetimeMs: 100_000 } });
  assign(requesterOf(job));
  await clock.advance(99_000);
  assert.equal(worker.worksOn(plan.planId), true);
  await clock.advance(1_000);
  assert.equal(worker.worksOn(plan.planId), false);
  assert.equal(clock.pending, 0);
});

test('records are sent again, ever more seldom, until news come', async () => {
  const { job, plan, clock, worker, assign, asks, judges } = working();
  assign(requesterOf(job));
  await clock.advance(45_500);
  assert.equal(asks.length / judges.length, 4, 'after 3, 9, 21 and 45 s');
  worker.closed(judges[0]!, plan.planId, 0, packShards([0]));
  worker.closed(judges[1]!, plan.planId, 0, packShards([0]));
  await clock.advance(3_500);
  assert.equal(asks.length / judges.length, 5);
});
