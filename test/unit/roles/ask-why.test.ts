import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../../../src/base/bytes.ts';
import { peerIdOf } from '../../../src/base/ids.ts';
import type { Network } from '../../../src/base/ports.ts';
import type { Executor } from '../../../src/compute/executor.ts';
import { packShards } from '../../../src/job/shard-list.ts';
import { type JobStage, jobWords, type WhyReport } from '../../../src/job/why.ts';
import {
  decodeMessage,
  encodeMessage,
  type JobAnswer,
  type JobRequest,
  jobAnswerShape,
  jobRequestShape,
} from '../../../src/roles/job-messages.ts';
import type { JobHandle, Work } from '../../../src/sdk/types.ts';
import { whyQuestion } from '../../../src/sdk/why-question.ts';
import { signSpec, unwrap } from '../../support/job-factory.ts';
import { type VirtualNodeInit, VirtualSwarm } from '../../support/virtual-swarm.ts';

const WORK: Work = { parameters: { items: 64 }, shards: 8 };
const stuck = ({ backend }: Executor) => ({ backend, run: () => new Promise<never>(() => {}) });
const STUCK: VirtualNodeInit = { hooks: { wrapExecutor: stuck } };

async function claimed(job: JobHandle): Promise<void> {
  for await (const event of job.events()) if (event.type === 'claimed') return;
}

/** A job that is under way on these nodes. */
async function running(nodes: readonly VirtualNodeInit[], options = {}) {
  const swarm = await VirtualSwarm.start(nodes);
  const job = await swarm.submit('noop@1', WORK, options);
  await swarm.run(claimed(job));
  await swarm.clock.advance(500);
  const { plan } = swarm.requester.roles.requester.running(job.id)!.job;
  const why = (question = {}): Promise<WhyReport> => swarm.run(job.why(question));
  return { swarm, job, plan: plan!, why };
}

test('a shard names who should run it, who has it and what it waits for', async () => {
  const { why, plan } = await running(Array(8).fill(STUCK));
  const report = await why();
  assert.deepEqual([report.stage, report.shards, report.accepted], ['computing', 8, 0]);
  assert.deepEqual(
    report.judges.map(({ answer }) => answer),
    ['ok', 'ok', 'ok', 'ok'],
  );
  assert.deepEqual(
    report.rows.map(({ shard }) => shard),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.equal(report.next, null);
  for (const row of report.rows) {
    const wave = plan.placement.firstWave(row.shard);
    const peers = wave.map((candidate) => peerIdOf(plan.nodes[plan.workers[candidate]!]!));
    assert.deepEqual(row.firstWave, peers);
    assert.deepEqual([row.phase, row.waitsFor], ['sealing', peers]);
    for (const { standing, step } of row.workers) {
      assert.equal(standing, 'entitled');
      assert.ok(step === 'running' || step === 'queued', `${step}`);
    }
    for (const peer of peers) assert.ok(row.words.includes(peer), row.words);
  }
  assert.match(report.words, /0 of 8 shards accepted/);
});

test('a worker that was given up on is named as such, and its successor awaited', async () => {
  const { why, swarm } = await running(Array(8).fill(STUCK));
  const { workers } = (await why({ shard: 3 })).rows[0]!;
  swarm.crash(swarm.nodeOf(workers[0]!.peer));
  await swarm.clock.advance(30_000);
  const [row] = (await why({ shard: 3 })).rows;
  const first = row!.workers.find(({ peer }) => peer === workers[0]!.peer)!;
  assert.deepEqual([first.standing, first.step], ['overdue', null]);
  assert.match(row!.words, new RegExp(`gave up on ${first.peer}`));
});

test('accepted shards are passed over, unless one is asked for', async () => {
  // Shard 5 alone never comes back.
  const but5 = (inner: Executor): Executor => ({
    backend: inner.backend,
    run: (request, options) =>
      request.shards.includes(5) ? new Promise(() => {}) : inner.run(request, options),
  });
  const nodes = Array(8).fill({ hooks: { wrapExecutor: but5 } });
  const work = { ...WORK, parameters: { items: 8_000_000 } };
  const swarm = await VirtualSwarm.start(nodes);
  const job = await swarm.submit('noop@1', work);
  await swarm.clock.advance(5_000);
  const report = await swarm.run(job.why());
  const open = report.rows.map(({ shard }) => shard);
  assert.ok(open.includes(5) && open.length < 8, `${open}`);
  assert.equal(report.accepted, 8 - open.length);
  const done = [0, 1, 2, 3, 4, 6, 7].find((shard) => !open.includes(shard))!;
  const [row] = (await swarm.run(job.why({ shard: done }))).rows;
  assert.deepEqual([row!.phase, row!.waitsFor], ['accepted', []]);
});

test('rows come in pages', async () => {
  const { why } = await running(Array(8).fill(STUCK));
  const first = await why({ count: 3 });
  assert.deepEqual([first.rows.map(({ shard }) => shard), first.next], [[0, 1, 2], 3]);
  const last = await why({ first: 3, count: 64 });
  assert.deepEqual([last.rows.map(({ shard }) => shard), last.next], [[3, 4, 5, 6, 7], null]);
});

/** A member that tells its own story about the ledger. */
function telling(story: Extract<JobAnswer, { t: 'why' }>): VirtualNodeInit {
  const wrapNetwork = (network: Network): Network => {
    const handle: Network['handle'] = (protocol, handler) => {
      const request: typeof handler.request = async (from, body, options) => {
        const asked = decodeMessage(body, jobRequestShape);
        const isWhy = protocol === 'job' && asked.ok && asked.value.t === 'why';
        return isWhy ? encodeMessage(story) : handler.request!(from, body, options);
      };
      return network.handle(
        protocol,
        handler.request === undefined ? handler : { ...handler, request },
      );
    };
    return new Proxy(network, {
      get: (target, name) => {
        const value: unknown = name === 'handle' ? handle : Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  return { hooks: { ...STUCK.hooks, wrapNetwork } };
}

test('one lying judge cannot make the job look further than it is', async () => {
  const story = { t: 'why', accepted: 8, failure: '', next: 8, rows: [] } as const;
  const liar = telling(story);
  const nodes = [liar, ...Array(3).fill({ ...STUCK, roles: ['worker', 'cadre'] })];
  const workers = Array(6).fill({ ...STUCK, roles: ['worker'] });
  const { why } = await running([...nodes, ...workers]);
  const report = await why();
  assert.deepEqual([report.accepted, report.rows.length], [0, 8]);
  assert.deepEqual(
    report.judges.map(({ answer }) => answer),
    ['ok', 'ok', 'ok', 'ok'],
  );
});

test('what a judge says about nodes or shards that are not there is not shown', async () => {
  const slot = { node: 500, wave: 0, standing: 'entitled' } as const;
  const row = { shard: 0, phase: 'sealing', wave: 0, workers: [slot] } as const;
  const bent = telling({ t: 'why', accepted: 0, failure: '', next: 8, rows: [row] });
  const members = Array(4).fill({ ...bent, roles: ['worker', 'cadre'] });
  const { why } = await running([...members, ...Array(6).fill({ ...STUCK, roles: ['worker'] })]);
  const report = await why();
  assert.ok(report.judges.every(({ answer }) => answer === 'unexpected answer'));
  assert.deepEqual([report.source, report.rows[0]!.phase], [null, null]);
  assert.match(report.rows[0]!.words, /by placement alone/);
});

test('without a cadre the requester asks itself', async () => {
  const { why, swarm } = await running(Array(4).fill(STUCK), { cadre: 0 });
  const report = await why();
  assert.deepEqual(report.judges, [{ peer: swarm.requester.signer.peerId, answer: 'ok' }]);
  assert.equal(report.rows.length, 8);
});

test('nobody but the requester is told, and nobody is told of shards that are not there', async () => {
  const { swarm, plan } = await running(Array(8).fill(STUCK));
  const { planId } = plan;
  const member = peerIdOf(plan.seats[0]!.node);
  const worker = peerIdOf(plan.nodes[plan.workers[0]!]!);
  const asking = (network: Network, peer: string) => async (request: JobRequest) => {
    const bytes = await swarm.run(network.request(peer, 'job', encodeMessage(request)));
    const answer = unwrap(decodeMessage(bytes, jobAnswerShape));
    return answer.t === 'refused' ? answer.reason : answer.t;
  };
  const question = { t: 'why', planId, first: 0, count: 1, open: true } as const;
  const doing = { t: 'doing', planId, shards: packShards([0]) } as const;
  const stranger = swarm.hub.join();
  assert.equal(await asking(stranger, member)(question), 'not-the-requester');
  assert.equal(await asking(stranger, worker)(doing), 'not-the-requester');
  const { network } = swarm.requester;
  assert.equal(await asking(network, member)(question), 'why');
  assert.equal(await asking(network, worker)(doing), 'doing');
  const beyond = { ...doing, shards: packShards([8]) };
  assert.equal(await asking(network, worker)(beyond), 'bad-shard-list');
  const unknown = fromHex('07'.repeat(32))!;
  assert.equal(await asking(network, member)({ ...question, planId: unknown }), 'unknown-plan');
  assert.equal(await asking(network, worker)({ ...doing, planId: unknown }), 'unknown-plan');
});

test('a requirement that nobody meets is named, while it is looked for and when it failed', async () => {
  const swarm = await VirtualSwarm.start(8);
  const { signer, roles } = swarm.requester;
  const requires = { kind: 'cuda', capability: 80 } as const;
  const job = signSpec({ nodes: 8, shards: 4, requires }, signer);
  const started = await swarm.run(roles.requester.submit({ job, waitPeersMs: 5_000 }));
  await swarm.clock.advance(2_000);
  const why = () => swarm.run(roles.requester.why(started.job.id, whyQuestion({}, 4)));
  const looking = await why();
  assert.equal(looking.stage, 'finding-peers');
  assert.match(looking.words, /needs 3 workers that run noop@1 on cuda>=8\.0 and 4 for a cadre/);
  assert.match(looking.words, /8 nodes are known, 0 such workers, 8 for a cadre/);
  assert.match(looking.words, /no known node meets what it requires/);
  await assert.rejects(swarm.run(started.finished), { code: 'NOT_ENOUGH_PEERS' });
  const failed = await why();
  assert.equal(failed.stage, 'failed');
  assert.match(failed.words, /^failed: found 0 workers for noop@1 on cuda>=8\.0 .*; 0 of 4 shards/);
});

test('what a job without a requirement lacks is people, not devices', async () => {
  const swarm = await VirtualSwarm.start(2);
  const { signer, roles } = swarm.requester;
  const job = signSpec({ nodes: 2, shards: 4 }, signer);
  const started = await swarm.run(roles.requester.submit({ job, waitPeersMs: 5_000 }));
  await swarm.clock.advance(2_000);
  const { words } = await swarm.run(roles.requester.why(started.job.id, whyQuestion({}, 4)));
  assert.match(words, /needs 3 workers that run noop@1 and 4 .* 2 such workers, 2 for a cadre$/);
});

test('the words of a whole job: what it lacks, how far it is, who is silent', () => {
  const judges = [
    { peer: 'A', answer: 'ok' },
    { peer: 'B', answer: 'PEER_UNREACHABLE' },
  ];
  const progress = { accepted: 3, shards: 8, judges };
  const words = (stage: JobStage) => jobWords(stage, progress, 'it needs 3 workers');
  assert.equal(words('finding-peers'), 'looking for capable peers: it needs 3 workers');
  assert.match(
    jobWords('computing', progress, undefined),
    /3 of 8 shards .* 1 of 2 judges .*\(B: PEER_UNREACHABLE\)/,
  );
  assert.match(
    jobWords('done', { ...progress, judges: [] }, undefined),
    /^done: 3 of 8 shards accepted$/,
  );
});
