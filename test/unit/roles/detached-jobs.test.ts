/** Jobs that go on without their requester, and requesters that come back to their jobs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCertificate } from '../../../src/certificate/open.ts';
import type { Executor } from '../../../src/compute/executor.ts';
import type { FinishedJob } from '../../../src/roles/finished-job.ts';
import type { JobHandle, Work } from '../../../src/sdk/types.ts';
import { jobIdText, MemoryJobStore } from '../../../src/store/job-store.ts';
import { verify } from '../../../src/verify.ts';
import { storedJob } from '../../conformance/job-store.ts';
import { unwrap } from '../../support/job-factory.ts';
import {
  type VirtualNode,
  type VirtualNodeInit,
  VirtualSwarm,
} from '../../support/virtual-swarm.ts';

const [a, b] = [matrix(64, 32, 7), matrix(32, 16, 5)];
const PRODUCT: Work = { inputs: { a, b }, shards: 4 };
/** A node that neither works nor judges: a user's own. */
const HOME: VirtualNodeInit = { roles: ['relay'] };
const HOME_INDEX = 50;

function matrix(rows: number, columns: number, modulus: number) {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => i % modulus);
  return { data, shape: [rows, columns] };
}

function isProduct(finished: FinishedJob): void {
  const c = new Float32Array(finished.outputs[0]!.slice().buffer);
  const expected = Array.from({ length: 32 }, (_, k) => a.data[5 * 32 + k]! * b.data[k * 16 + 3]!);
  assert.equal(
    c[5 * 16 + 3],
    expected.reduce((sum, value) => sum + value),
  );
}

/** Executors that wait until they are let go. */
function gate() {
  const open = Promise.withResolvers<void>();
  const state = { running: 0, stopped: 0 };
  const wrapExecutor = (inner: Executor): Executor => ({
    backend: inner.backend,
    run: async (request, options = {}) => {
      state.running += 1;
      const aborted = new Promise<never>((_, reject) => {
        options.signal?.addEventListener('abort', () => {
          state.stopped += 1;
          reject(options.signal?.reason);
        });
      });
      await Promise.race([open.promise, aborted]);
      return inner.run(request, options);
    },
  });
  return { open: open.resolve, state, hooks: { wrapExecutor } };
}

/** Workers and members apart; a home node from which jobs are submitted. */
async function world(hooks: VirtualNodeInit['hooks'] = {}) {
  const workers = Array.from({ length: 5 }, (): VirtualNodeInit => ({ roles: ['worker'], hooks }));
  const members = Array.from({ length: 5 }, (): VirtualNodeInit => ({ roles: ['cadre'] }));
  const swarm = await VirtualSwarm.start([...workers, ...members]);
  const home = await swarm.add(HOME_INDEX, HOME);
  const submit = (work: Work, options: Parameters<VirtualSwarm['submit']>[2] = {}) =>
    swarm.run(swarm.swarmOf(home).submit(work.inputs ? 'gemm.f32@1' : 'noop@1', work, options));
  return { swarm, home, submit };
}

async function untilEvent(swarm: VirtualSwarm, job: JobHandle, type: string) {
  const events = job.events()[Symbol.asyncIterator]();
  for (;;) {
    const next = await swarm.run(events.next());
    assert.ok(!next.done, `no ${type}`);
    if (next.value.type === type) return next.value;
  }
}

/** As a kill would leave it: nothing is written any more, and it starts on what was there. */
async function restart(swarm: VirtualSwarm, node: VirtualNode, init = HOME): Promise<VirtualNode> {
  const jobs = new MemoryJobStore();
  for (const job of await node.jobs.load()) await jobs.put(job);
  const { blobs, planStore, workStore, endedStore } = node;
  swarm.crash(node);
  await swarm.clock.advance(500);
  const stores = { jobs, blobs, planStore, workStore, endedStore };
  return swarm.run(swarm.add(node.index, { ...init, ...stores }));
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? String(error),
  );

async function checked(swarm: VirtualSwarm, finished: FinishedJob, id: string) {
  isProduct(finished);
  const verdict = await swarm.run(verify(finished.results.certificate!, { jobId: id }));
  assert.ok(verdict.valid);
}

test('a detached job ends without its requester, and a stranger fetches it by its id', async () => {
  const { open, hooks } = gate();
  const { swarm, home, submit } = await world(hooks);
  const job = await submit(PRODUCT, { detached: true });
  const event = await untilEvent(swarm, job, 'detachable');
  assert.ok(event.type === 'detachable' && event.holders.length >= 2);
  swarm.crash(home);
  open();
  await swarm.clock.advance(30_000);
  // Nobody of the submitter is left; the stranger knows nothing but the id.
  const { requester } = swarm.requester.roles;
  const { job: found, finished } = await swarm.run(requester.pickUp(job.id));
  await checked(swarm, await swarm.run(finished), job.id);
  assert.equal(await codeOf(found.cancel()), 'done', 'nothing is left to cancel');
});

test('the requester dies before any worker fetched its inputs: holders serve them', async () => {
  const { swarm, home, submit } = await world();
  const members = swarm.nodes.filter(({ roles }) => roles.cadre).map(({ network }) => network.self);
  const handler = home.network.handlerOf('blob')!;
  const { request, stream } = handler;
  const onlyMembers = (from: string) => assert.ok(members.includes(from), 'no worker is served');
  Object.assign(handler, {
    request: async (...call: Parameters<NonNullable<typeof request>>) => {
      onlyMembers(call[0]);
      return request!(...call);
    },
    async *stream(...call: Parameters<NonNullable<typeof stream>>) {
      onlyMembers(call[0]);
      yield* stream!(...call);
    },
  });
  const job = await submit(PRODUCT, { detached: true });
  await untilEvent(swarm, job, 'detachable');
  swarm.crash(home);
  const { requester } = swarm.requester.roles;
  const { finished } = await swarm.run(requester.pickUp(job.id));
  await checked(swarm, await swarm.run(finished), job.id);
});

test('it also survives one holder that dies with the requester', async () => {
  const { open, hooks } = gate();
  const { swarm, home, submit } = await world(hooks);
  const job = await submit(PRODUCT, { detached: true });
  const event = await untilEvent(swarm, job, 'detachable');
  assert.ok(event.type === 'detachable');
  swarm.crash(home);
  swarm.crash(swarm.nodeOf(event.holders[0]!));
  open();
  const { finished } = await swarm.run(swarm.requester.roles.requester.pickUp(job.id));
  await checked(swarm, await swarm.run(finished), job.id);
});

test('a stranger may follow a job, and not cancel it', async () => {
  const { open, hooks, state } = gate();
  const { swarm, submit } = await world(hooks);
  const job = await submit(PRODUCT, { detached: true });
  await untilEvent(swarm, job, 'detachable');
  const picked = await swarm.run(swarm.requester.roles.requester.pickUp(job.id));
  assert.equal(await codeOf(picked.job.cancel()), 'NOT_THE_REQUESTER');
  assert.equal(state.stopped, 0);
  open();
  await checked(swarm, await swarm.run(picked.finished), job.id);
});

test('a job that nobody knows is unknown', async () => {
  const { swarm } = await world();
  const { requester } = swarm.requester.roles;
  for (const id of ['00'.repeat(32), 'not an id']) {
    assert.equal(await codeOf(swarm.run(requester.pickUp(id))), 'JOB_UNKNOWN');
  }
});

test('a requirement goes with its job: to a stranger, through a restart, into a retry', async () => {
  const requires = { kind: 'cpu', memory: 2 ** 29 };
  const { open, hooks } = gate();
  const { swarm, home, submit } = await world(hooks);
  const job = await submit(PRODUCT, { detached: true, requires: 'cpu,mem>=512MiB' });
  await untilEvent(swarm, job, 'detachable');
  assert.equal((await job.describe()).requires, 'cpu,mem>=512MiB');
  const again = await restart(swarm, home);
  assert.deepEqual(again.roles.requester.running(job.id)!.job.spec.requires, requires);
  open();
  await swarm.run(again.roles.requester.running(job.id)!.finished);
  const { finished } = await swarm.run(swarm.requester.roles.requester.pickUp(job.id));
  const { plan } = await swarm.run(finished);
  assert.deepEqual(plan.package.job.spec.requires, requires);
  const retried = await swarm.run(swarm.swarmOf(again).retry(job.id));
  assert.notEqual(retried.id, job.id);
  const { certificate } = await swarm.run(retried.result());
  const opened = unwrap(openCertificate(certificate!));
  assert.deepEqual(opened.spec.requires, requires);
});

test('a job that asks for what nobody has is refused in words, map or not', async () => {
  const { swarm, home, submit } = await world();
  const options = { requires: 'cuda>=8.0', waitPeersMs: 2_000 };
  const refusal = { code: 'NOT_ENOUGH_PEERS', message: /found 0 workers for .* on cuda>=8\.0/ };
  await assert.rejects(submit(PRODUCT, { ...options, detached: true }), refusal);
  const results = swarm.swarmOf(home).map('gemm.f32@1', [PRODUCT], options);
  await assert.rejects(swarm.run(results.next()), refusal);
});

test('a day later the job is forgotten, with everything it left', async () => {
  const { swarm, home, submit } = await world();
  const job = await submit(PRODUCT, { detached: true });
  await swarm.run(job.result());
  const bytesOf = () => swarm.nodes.reduce((sum, { blobs }) => sum + blobs.bytes, 0);
  await swarm.clock.advance(20 * 3_600_000);
  const { requester } = swarm.requester.roles;
  const { finished } = await swarm.run(requester.pickUp(job.id));
  await checked(swarm, await swarm.run(finished), job.id);
  assert.ok(bytesOf() > 0);
  await swarm.clock.advance(30 * 3_600_000);
  assert.equal(bytesOf(), 0);
  assert.equal(await codeOf(swarm.run(requester.pickUp(job.id))), 'JOB_UNKNOWN');
  assert.deepEqual(home.roles.requester.list(), []);
});

test('inputs that nobody can hold: the job is refused and its workers stop', async () => {
  const { hooks, state } = gate();
  const { swarm, submit } = await world(hooks);
  for (const { network } of swarm.nodes) {
    const handler = network.handlerOf('job')!;
    const { request } = handler;
    Object.assign(handler, {
      request: (from: string, body: Uint8Array, options: object) =>
        Buffer.from(body).includes('hold')
          ? Promise.reject(new Error('no'))
          : request!(from, body, options),
    });
  }
  const job = await submit(PRODUCT, { detached: true });
  assert.equal(await codeOf(swarm.run(job.result())), 'DETACH_REFUSED');
  await swarm.clock.advance(1_000);
  assert.equal(state.stopped, state.running);
});

test('without a cadre a job cannot be detached', async () => {
  const { submit } = await world();
  assert.equal(await codeOf(submit(PRODUCT, { detached: true, cadre: 0 })), 'BAD_POLICY');
});

test('a wait that no record could hold is refused, by whichever way it comes', async () => {
  const { swarm, home, submit } = await world();
  const job = await submit(PRODUCT);
  await swarm.run(job.result());
  const again = swarm.swarmOf(home).retry(job.id, { waitPeersMs: 0.5 });
  assert.equal(await codeOf(swarm.run(again)), 'BAD_POLICY');
  assert.equal(home.roles.requester.list().length, 1);
});

test('a job that failed with a code of another version is told with one of this', async () => {
  const jobs = new MemoryJobStore();
  const failure = { code: 'OF_TOMORROW', message: 'in words that last' };
  const failed = storedJob(1, { state: 'failed', failure, endedMs: 1_800_000_000_000 });
  await jobs.put(failed);
  const swarm = await VirtualSwarm.start(1);
  const home = await swarm.add(HOME_INDEX, { ...HOME, jobs });
  const picked = home.roles.requester.pickUp(jobIdText(failed.job));
  await assert.rejects(swarm.run(picked), { code: 'INTERNAL', message: failure.message });
});

test('a requester that is killed takes its job up again, whenever it was', async () => {
  for (const ms of [0, 1, 20, 500, 1_100, 2_000]) {
    const { open, hooks } = gate();
    const { swarm, home, submit } = await world(hooks);
    const job = await submit(PRODUCT);
    await swarm.clock.advance(ms);
    const again = await restart(swarm, home);
    const resumed = again.roles.requester.running(job.id);
    assert.ok(resumed !== undefined, `killed after ${ms} ms`);
    open();
    await checked(swarm, await swarm.run(resumed.finished), job.id);
    assert.equal(again.roles.requester.find(job.id)?.state, 'done');
  }
});

test('a plan that was announced stays; one that nobody opened is made anew', async () => {
  const { open, hooks } = gate();
  const { swarm, home, submit } = await world(hooks);
  const job = await submit(PRODUCT);
  await untilEvent(swarm, job, 'claimed');
  await swarm.clock.advance(10);
  const before = home.roles.requester.running(job.id)!.job.planId;
  const again = await restart(swarm, home);
  assert.deepEqual(again.roles.requester.running(job.id)!.job.planId, before);
  const stored = again.roles.requester.find(job.id)!;
  // As if the process had died between the record of the plan and its announcement.
  const unopened = { ...stored, isAnnounced: false };
  for (const node of swarm.nodes) node.planStore.logs.clear();
  await swarm.run(swarm.add(60, { roles: ['cadre'] }));
  const members = swarm.nodes.filter(({ roles }) => roles.cadre !== undefined);
  for (const member of members.slice(0, 5)) {
    swarm.crash(member);
    await swarm.run(swarm.add(member.index, { roles: ['cadre'] }));
  }
  swarm.crash(again);
  const jobs = new MemoryJobStore();
  await jobs.put(unopened);
  const third = await swarm.run(swarm.add(HOME_INDEX, { ...HOME, jobs, blobs: home.blobs }));
  const resumed = third.roles.requester.running(job.id)!;
  open();
  const finished = await swarm.run(resumed.finished);
  await checked(swarm, finished, job.id);
  assert.equal(finished.plan.package.plan.instance, 1);
});

test('a job that ended is fetched again from its record, without its cadre', async () => {
  const { swarm, home, submit } = await world();
  const job = await submit(PRODUCT);
  await swarm.run(job.result());
  const again = await restart(swarm, home);
  for (const node of swarm.nodes) if (node.roles.cadre) swarm.crash(node);
  const { finished } = await swarm.run(again.roles.requester.pickUp(job.id));
  await checked(swarm, await swarm.run(finished), job.id);
});

test('a node that stops cancels what cannot go on, and leaves what can', async () => {
  const { open, hooks } = gate();
  const { swarm, home, submit } = await world(hooks);
  const attached = await submit(PRODUCT);
  const detached = await submit({ ...PRODUCT, shards: 8 }, { detached: true });
  await untilEvent(swarm, detached, 'detachable');
  await swarm.run(home.roles.requester.stop());
  assert.equal(await codeOf(swarm.run(attached.result())), 'JOB_CANCELLED');
  assert.equal(await codeOf(swarm.run(detached.result())), 'STOPPED');
  assert.equal(home.roles.requester.find(detached.id)?.state, 'running');
  open();
  const { finished } = await swarm.run(swarm.requester.roles.requester.pickUp(detached.id));
  await checked(swarm, await swarm.run(finished), detached.id);
});

test('a cancel reaches every worker of a detached job within a second', async () => {
  const { hooks, state } = gate();
  const { swarm, home, submit } = await world(hooks);
  const job = await submit(PRODUCT, { detached: true });
  await untilEvent(swarm, job, 'detachable');
  const again = await restart(swarm, home);
  const { running } = state;
  assert.ok(running > 0);
  const picked = await swarm.run(again.roles.requester.pickUp(job.id));
  await swarm.clock.advance(100);
  const cancelled = picked.job.cancel();
  await swarm.clock.advance(1_000);
  await swarm.run(cancelled);
  assert.equal(state.stopped, running);
  assert.equal(await codeOf(swarm.run(picked.finished)), 'JOB_CANCELLED');
  for (const { roles } of swarm.nodes) {
    assert.equal((roles.cadre?.plans ?? 0) + (roles.worker?.load.plans ?? 0), 0);
  }
  assert.equal(again.roles.requester.find(job.id)?.state, 'cancelled');
});

test('a cancel reaches workers at once, though no judge can be reached', async () => {
  const { hooks, state } = gate();
  const { swarm, home, submit } = await world(hooks);
  const job = await submit(PRODUCT);
  await untilEvent(swarm, job, 'claimed');
  await swarm.clock.advance(100);
  for (const { roles, network } of swarm.nodes) {
    if (roles.cadre) swarm.hub.cut(home.signer.peerId, network.self);
  }
  const cancelled = job.cancel();
  await swarm.clock.advance(500);
  assert.ok(state.running > 0);
  assert.equal(state.stopped, state.running);
  await swarm.run(cancelled);
});

test('a cancel reaches workers of later waves, and those the requester cannot reach', async () => {
  const { hooks, state } = gate();
  const { swarm, home, submit } = await world(hooks);
  const job = await submit({ parameters: { items: 16 }, shards: 4 }, { replicas: 1 });
  await untilEvent(swarm, job, 'claimed');
  const first = swarm.nodes.filter(({ roles }) => (roles.worker?.load.plans ?? 0) > 0);
  await swarm.clock.advance(100);
  swarm.crash(first[0]!);
  await swarm.clock.advance(4_000);
  const busy = swarm.nodes.filter(({ roles, network }) => {
    return (roles.worker?.load.plans ?? 0) > 0 && swarm.hub.peers.has(network.self);
  });
  assert.ok(busy.some((node) => !first.includes(node)) || busy.length > 0);
  for (const { network } of busy) swarm.hub.cut(home.signer.peerId, network.self);
  const stoppedBefore = state.stopped;
  const cancelled = job.cancel();
  await swarm.clock.advance(1_000);
  await swarm.run(cancelled);
  assert.ok(state.stopped > stoppedBefore);
  for (const { roles } of busy) assert.equal(roles.worker?.load.plans, 0);
});
