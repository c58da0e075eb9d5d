import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { KadreError } from '../../../src/base/errors.ts';
import { openCertificate } from '../../../src/certificate/open.ts';
import { decodeMessage, jobRequestShape, refusedAnswer } from '../../../src/roles/job-messages.ts';
import { CADRES_LOST_MAX, nextInstance } from '../../../src/roles/next-instance.ts';
import type { JobEvent, JobHandle, Work } from '../../../src/sdk/types.ts';
import { makeJob, unwrap } from '../../support/job-factory.ts';
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

/** Workers that wait until they are let go, or told to stop. */
function heldBack() {
  const gate = Promise.withResolvers<void>();
  const init: VirtualNodeInit = {
    hooks: {
      wrapExecutor: (inner) => ({
        backend: inner.backend,
        run: async (request, options = {}) => {
          const aborted = new Promise<never>((_, reject) => {
            options.signal?.addEventListener('abort', () => reject(options.signal?.reason));
          });
          await Promise.race([gate.promise, aborted]);
          return inner.run(request, options);
        },
      }),
    },
  };
  return { init, free: gate.resolve };
}

const peerOf = (node: VirtualNode): string => node.signer.peerId;

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

test('a job whose cadre is lost goes on under another one, as the next instance', async () => {
  const held = heldBack();
  const { swarm, job, members } = await underWay(Array(12).fill(held.init));
  const lost = members.slice(0, 2);
  for (const member of lost) swarm.crash(member);
  held.free();
  const { certificate } = await swarm.run(job.result());
  const events = await swarm.run(eventsOf(job));
  const replanned = events.filter((event) => event.type === 'replanned');
  assert.deepEqual(replanned, [{ type: 'replanned', instance: 1, members: lost.map(peerOf) }]);
  const convened = events.filter((event) => event.type === 'convened');
  assert.equal(convened.length, 2);
  assert.ok(lost.every((node) => !convened[1]!.members.includes(peerOf(node))));
  const opened = unwrap(openCertificate(certificate!));
  assert.equal(opened.certificate.plan.instance, 1);
  assert.equal(toHex(opened.jobId), job.id, 'the job stays what it is');
  // A member of both cadres gave its seat in the first one up.
  const again = members.filter((node) => convened[1]!.members.includes(peerOf(node)));
  assert.deepEqual(
    again.map((node) => node.roles.cadre?.plans),
    again.map(() => 0),
  );
  assert.deepEqual(swarm.requester.roles.requester.counts, { running: 0, done: 1, failed: 0 });
});

/** Every node asks `answer` before it opens a plan; undefined lets it open. */
function interceptOpen(
  swarm: VirtualSwarm,
  answer: (node: VirtualNode) => Promise<Uint8Array> | undefined,
): void {
  for (const node of swarm.nodes) {
    const handler = node.network.handlerOf('job')!;
    const { request } = handler;
    const intercepted: typeof request = async (from, body, options) => {
      const asked = decodeMessage(body, jobRequestShape);
      const answered = asked.ok && asked.value.t === 'open' ? answer(node) : undefined;
      return answered ?? request!(from, body, options);
    };
    Object.assign(handler, { request: intercepted });
  }
}

test('a cadre that loses two of four before it is open is replaced, not refused', async () => {
  const swarm = await VirtualSwarm.start(12);
  const lost: VirtualNode[] = [];
  interceptOpen(swarm, (node) => {
    if (lost.length === 2) return undefined;
    lost.push(node);
    swarm.crash(node);
    return new Promise(() => {});
  });
  const job = await swarm.submit('noop@1', WORK);
  const { certificate } = await swarm.run(job.result());
  const { plan } = unwrap(openCertificate(certificate!)).certificate;
  assert.equal(plan.instance, 1);
  const events = await swarm.run(eventsOf(job));
  const replanned = events.filter((event) => event.type === 'replanned');
  assert.deepEqual(replanned, [{ type: 'replanned', instance: 1, members: lost.map(peerOf) }]);
});

test('a cadre whose members refuse to open is replaced, and the last refusal is told', async () => {
  const swarm = await VirtualSwarm.start(12);
  interceptOpen(swarm, async () => refusedAnswer('busy'));
  const job = await swarm.submit('noop@1', WORK);
  const refused = { code: 'CADRE_REFUSED', message: /did not open: .*busy/ };
  await swarm.run(assert.rejects(job.result(), refused));
  const events = await swarm.run(eventsOf(job));
  assert.equal(events.filter(({ type }) => type === 'replanned').length, CADRES_LOST_MAX);
});

test('no cadre is drawn once the time of the job is over, nor for somebody else', () => {
  const policy = { cadre: 4, deadlineMs: 60_000 };
  const { plan } = makeJob({ nodes: 12, shards: 2, policy });
  const lost = new KadreError({ code: 'CADRE_LOST', data: { members: ['a', 'b'] } }, 'lost');
  const ours = { plan, isOurs: true, elapsedMs: 0 };
  assert.deepEqual(nextInstance(lost, ours), { instance: 1, members: ['a', 'b'] });
  const { deadlineMs } = plan.policy;
  assert.equal(nextInstance(lost, { ...ours, elapsedMs: deadlineMs }), undefined);
  const endless = makeJob({ nodes: 12, shards: 2, policy: { cadre: 4 } }).plan;
  assert.equal(nextInstance(lost, { ...ours, plan: endless, elapsedMs: 1e9 })?.instance, 1);
  assert.equal(nextInstance(lost, { ...ours, isOurs: false }), undefined);
  const last = { ...plan.package.plan, instance: CADRES_LOST_MAX };
  const worn = { ...plan, package: { ...plan.package, plan: last } };
  assert.equal(nextInstance(lost, { ...ours, plan: worn }), undefined);
  const other = new KadreError({ code: 'NO_AGREEMENT' }, 'no');
  assert.equal(nextInstance(other, ours), undefined);
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

test('a member that restarts hours later takes its seat again, though adverts have expired', async () => {
  const { swarm, members } = await underWay(Array(10).fill(BUSY));
  const [member] = members;
  swarm.crash(member!);
  await swarm.clock.advance(2 * 3_600_000);
  const { planStore } = member!;
  const again = await swarm.run(swarm.add(member!.index, { planStore }));
  assert.equal(again.roles.cadre?.plans, 1);
});
