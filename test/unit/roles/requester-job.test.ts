import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobEvent, JobHandle, Work } from '../../../src/sdk/types.ts';
import {
  type VirtualNode,
  type VirtualNodeInit,
  VirtualSwarm,
} from '../../support/virtual-swarm.ts';

const WORK: Work = { parameters: { items: 16 }, shards: 4 };

async function eventsOf(job: JobHandle): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of job.events()) events.push(event);
  return events;
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? 'no code',
  );

/** Workers that never finish. */
const BUSY: VirtualNodeInit = {
  hooks: { wrapExecutor: ({ backend }) => ({ backend, run: () => new Promise(() => {}) }) },
};

/** A job under way, and its members. */
async function underWay(nodes: number | readonly VirtualNodeInit[]) {
  const swarm = await VirtualSwarm.start(nodes);
  const job = await swarm.submit('noop@1', WORK);
  const members: VirtualNode[] = [];
  for await (const event of job.events()) {
    if (event.type === 'convened') members.push(...event.members.map((peer) => swarm.nodeOf(peer)));
    if (event.type === 'claimed') break;
  }
  return { swarm, job, members };
}

test('events tell the job in order, and end', async () => {
  const swarm = await VirtualSwarm.start(8);
  const job = await swarm.submit('noop@1', WORK);
  const events = await swarm.run(eventsOf(job));
  const order = ['planned', 'convened', 'claimed', 'progress', 'certified', 'collected', 'done'];
  assert.deepEqual([...new Set(events.map(({ type }) => type))], order);
  const progress = events.filter((event) => event.type === 'progress');
  assert.deepEqual(progress.at(-1), { type: 'progress', accepted: 4, total: 4 });
  assert.deepEqual(swarm.requester.roles.requester.counts, { running: 0, done: 1, failed: 0 });
});

test('a lost cadre fails the job, with its members named', async () => {
  const { swarm, job, members } = await underWay(Array(10).fill(BUSY));
  for (const member of members.slice(0, 2)) swarm.crash(member);
  assert.equal(await codeOf(swarm.run(job.result())), 'CADRE_LOST');
  const events = await swarm.run(eventsOf(job));
  assert.ok(events.at(-1)?.type === 'failed');
  assert.equal(swarm.requester.roles.requester.counts.failed, 1);
});

test('outcome notices that are lost are asked for', async () => {
  const swarm = await VirtualSwarm.start(8);
  const { network } = swarm.requester;
  const handler = network.handlerOf('job')!;
  const deaf = { message: () => {} };
  const hearing = { message: handler.message };
  Object.assign(handler, deaf);
  const job = await swarm.submit('noop@1', WORK);
  await swarm.clock.advance(2_000);
  Object.assign(handler, hearing);
  assert.equal(await codeOf(swarm.run(job.result())), 'done');
  assert.ok(swarm.clock.monotonicMs() < 10_000);
});

test('an outcome that only a liar tells is not believed', async () => {
  const { swarm, job, members } = await underWay(Array(10).fill(BUSY));
  const { requester } = swarm.requester.roles;
  const planId = await plannedId(members[0]!);
  const outcome = { planId, disputes: [], retries: [], failure: 'NO_AGREEMENT', failedShard: 0 };
  const notice = { t: 'outcome' as const, outcome };
  for (let i = 0; i < 3; i++) requester.notice(members[0]!.signer.peerId, planId, notice);
  requester.notice(swarm.requester.signer.peerId, planId, notice);
  await swarm.clock.advance(100);
  assert.equal(requester.counts.running, 1);
  requester.notice(members[1]!.signer.peerId, planId, notice);
  assert.equal(await codeOf(swarm.run(job.result())), 'NO_AGREEMENT');
});

async function plannedId(member: VirtualNode): Promise<Uint8Array> {
  return [...member.planStore.logs.values()][0]!.plan.planId;
}

test('cancelled twice, before or after the end, is fine', async () => {
  const { swarm, job } = await underWay(Array(10).fill(BUSY));
  await swarm.run(Promise.all([job.cancel(), job.cancel()]));
  assert.equal(await codeOf(swarm.run(job.result())), 'JOB_CANCELLED');
  await swarm.run(job.cancel());
  const done = await VirtualSwarm.start(8);
  const finished = await done.submit('noop@1', WORK);
  await done.run(finished.result());
  await done.run(finished.cancel());
  assert.equal(await codeOf(done.run(finished.result())), 'done');
});

test('cancelled while it looks for a cadre, it fails as cancelled', async () => {
  const swarm = await VirtualSwarm.start(8);
  for (const { network } of swarm.nodes) {
    Object.assign(network.handlerOf('job')!, { request: () => new Promise(() => {}) });
  }
  const job = await swarm.submit('noop@1', WORK);
  await swarm.clock.advance(100);
  await swarm.run(job.cancel());
  assert.equal(await codeOf(swarm.run(job.result())), 'JOB_CANCELLED');
});

test('a requester that stops cancels its jobs, and takes no more', async () => {
  const { swarm, job, members } = await underWay(Array(10).fill(BUSY));
  const { requester } = swarm.requester.roles;
  await swarm.run(requester.stop());
  assert.equal(requester.counts.running, 0);
  assert.equal(await codeOf(swarm.run(job.result())), 'JOB_CANCELLED');
  await swarm.clock.advance(1_000);
  assert.deepEqual(
    members.map(({ roles }) => roles.cadre?.plans),
    [0, 0, 0, 0],
  );
  assert.equal(await codeOf(swarm.run(swarm.client.submit('noop@1', WORK))), 'STOPPED');
});

test('outputs that no agreeing worker delivers fail the job after its certificate', async () => {
  const swarm = await VirtualSwarm.start(8);
  for (const { blobs } of swarm.nodes) blobs.putMany = async () => [];
  const job = await swarm.submit('noop@1', WORK);
  assert.equal(await codeOf(swarm.run(job.result())), 'COLLECT_FAILED');
  const types = (await swarm.run(eventsOf(job))).map(({ type }) => type);
  assert.deepEqual(types.slice(-2), ['certified', 'failed']);
});
