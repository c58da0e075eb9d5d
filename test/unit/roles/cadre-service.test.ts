import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes } from '../../../src/base/bytes.ts';
import type { PeerId } from '../../../src/base/ids.ts';
import { openCertificate } from '../../../src/certificate/open.ts';
import { signerFromSeed } from '../../../src/crypto/node/keys.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import { encodeRecord } from '../../../src/job/build-record.ts';
import type { PlanPackage } from '../../../src/job/plan.ts';
import { CADRE_DEFAULTS, type CadreServiceInit } from '../../../src/roles/cadre-limits.ts';
import { CadreService } from '../../../src/roles/cadre-service.ts';
import { EndedPlans } from '../../../src/roles/ended-plans.ts';
import { InputHolder } from '../../../src/roles/input-holder.ts';
import {
  decodeMessage,
  type JobAnswer,
  type JobNotice,
  jobAnswerShape,
  jobNoticeShape,
} from '../../../src/roles/job-messages.ts';
import { JobProvider } from '../../../src/roles/job-provider.ts';
import { PlanCache } from '../../../src/roles/plan-cache.ts';
import { SimDirectory } from '../../../src/sim/sim-directory.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { MemoryEndedPlanStore } from '../../../src/store/ended-plan-store.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import {
  CHECKS,
  type JobInit,
  makeJob,
  makePackage,
  signerNamed,
  unwrap,
  workOf,
} from '../../support/job-factory.ts';
import { promptVerifier } from '../../support/prompt-verifier.ts';
import { silentLogger } from '../../support/real-ports.ts';
import { MemoryPlanStore, seededRandom } from '../../support/virtual-swarm.ts';

/** Two nodes: both are within the window of a cadre of one. */
const JOB: JobInit = { nodes: 2, shards: 2, policy: { cadre: 1, replicas: 1 } };
const REQUESTER = signerNamed('requester');

/** The node of the only seat, and a requester that hears it. */
function serving(init: { limits?: Partial<CadreServiceInit>; store?: MemoryPlanStore } = {}) {
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const job = makeJob(JOB);
  const signer = job.identity(job.plan.rosterIndexOf(job.plan.seats[0]!.node)!);
  const network = hub.join(signer.peerId);
  const notices: JobNotice[] = [];
  hub.join(REQUESTER.peerId).handle('job', {
    message: (_, body) => void notices.push(unwrap(decodeMessage(body, jobNoticeShape))),
  });
  const store = init.store ?? new MemoryPlanStore();
  const seeds = seededRandom(3);
  const ports = { network, clock, log: silentLogger, blobs: new MemoryBlobStore({ clock }) };
  const service = new CadreService(
    {
      network,
      clock,
      signer,
      store,
      random: seededRandom(4),
      log: silentLogger,
      verifier: promptVerifier,
      plans: new PlanCache(CHECKS),
      ended: new EndedPlans({ ...ports, store: new MemoryEndedPlanStore() }),
      holder: new InputHolder(ports),
      provider: new JobProvider({ ...ports, directory: new SimDirectory().of(signer.peerId) }),
      keys: { generate: () => sha256(seeds.bytes(32)), signer: signerFromSeed },
    },
    { ...CADRE_DEFAULTS, ...init.limits },
  );
  return { job, clock, hub, network, signer, service, store, notices };
}

const draftOf = (init: Partial<JobInit> = {}): PlanPackage => {
  return { ...makePackage({ ...JOB, ...init }).package, cadre: [] };
};
const answerOf = (bytes: Uint8Array): JobAnswer => unwrap(decodeMessage(bytes, jobAnswerShape));
const reasonOf = (bytes: Uint8Array): string => {
  const answer = answerOf(bytes);
  return answer.t === 'refused' ? answer.reason : answer.t;
};

/** Convenes and opens a plan; gives its id. */
async function opened(world: ReturnType<typeof serving>, draft = draftOf()) {
  const { service, clock, job } = world;
  const answer = answerOf(service.convene(REQUESTER.peerId, 0, draft));
  assert.ok(answer.t === 'entry');
  const { planId } = job.plan;
  const open = { t: 'open' as const, planId, skipped: [], cadre: [answer.entry], detached: false };
  const reply = await clock.run(service.open(REQUESTER.peerId, open));
  assert.equal(reasonOf(reply), 'ok');
  return { planId, entry: answer.entry };
}

/** The one worker's seal and reveal of both shards. */
function worksOf({ job }: ReturnType<typeof serving>) {
  const { placement, workers } = job.plan;
  return [...workers.keys()].flatMap((candidate) => {
    const shards = placement.shardsOf(candidate);
    if (shards.length === 0) return [];
    const worker = workers[candidate]!;
    const { seal, reveal } = workOf(job, { worker, shards });
    const from = job.identity(worker).peerId;
    return [seal, reveal].map(({ record }) => ({ from, bytes: encodeRecord(record).bytes }));
  });
}

test('a seat is taken with one key, for the requester alone, once opened never again', async () => {
  const world = serving();
  const { service, job } = world;
  const draft = draftOf();
  const stranger: PeerId = signerNamed('stranger').peerId;
  assert.equal(reasonOf(service.convene(stranger, 0, draft)), 'not-the-requester');
  assert.equal(reasonOf(service.convene(REQUESTER.peerId, 1, draft)), 'bad-seat');
  const [first, second] = [0, 0].map((seat) =>
    answerOf(service.convene(REQUESTER.peerId, seat, draft)),
  );
  assert.deepEqual(first, second);
  const { entry } = await opened(world, draft);
  assert.ok(first!.t === 'entry');
  assert.deepEqual(entry.key, first!.entry.key);
  assert.equal(reasonOf(service.convene(REQUESTER.peerId, 0, draft)), 'already-open');
  assert.equal(service.knows(job.plan.planId), true);
});

test('while a plan opens its seat cannot be taken again: one key, one replica', async () => {
  const { service, clock, job, store } = serving();
  const create = store.create.bind(store);
  const slow = Promise.withResolvers<void>();
  store.create = async (plan) => {
    await slow.promise;
    return create(plan);
  };
  const answer = answerOf(service.convene(REQUESTER.peerId, 0, draftOf()));
  assert.ok(answer.t === 'entry');
  const { planId } = job.plan;
  const open = { t: 'open' as const, planId, skipped: [], cadre: [answer.entry], detached: false };
  const [first, second] = [
    service.open(REQUESTER.peerId, open),
    service.open(REQUESTER.peerId, open),
  ];
  assert.equal(reasonOf(service.convene(REQUESTER.peerId, 0, draftOf())), 'already-open');
  slow.resolve();
  const replies = await clock.run(Promise.all([first, second]));
  assert.deepEqual(replies.map(reasonOf), ['ok', 'ok']);
  assert.equal(service.plans, 1);
});

test('a log that cannot be made frees the seat', async () => {
  const { service, clock, job, store } = serving({ limits: { plansPerRequesterMax: 1 } });
  const create = store.create.bind(store);
  store.create = async () => {
    throw new Error('disk full');
  };
  const answer = answerOf(service.convene(REQUESTER.peerId, 0, draftOf()));
  assert.ok(answer.t === 'entry');
  const { planId } = job.plan;
  const open = { t: 'open' as const, planId, skipped: [], cadre: [answer.entry], detached: false };
  await assert.rejects(clock.run(service.open(REQUESTER.peerId, open)));
  assert.deepEqual([service.plans, service.knows(planId)], [0, false]);
  store.create = create;
  assert.equal(reasonOf(service.convene(REQUESTER.peerId, 0, draftOf({ nonce: 1 }))), 'entry');
});

test('what does not fit the draft does not open', async () => {
  const { service, clock, job } = serving();
  const { planId } = job.plan;
  const answer = answerOf(service.convene(REQUESTER.peerId, 0, draftOf()));
  assert.ok(answer.t === 'entry');
  const open = (cadre: readonly (typeof answer.entry)[], from = REQUESTER.peerId) =>
    clock.run(service.open(from, { t: 'open', planId, skipped: [], cadre, detached: false }));
  assert.equal(reasonOf(await open([answer.entry], signerNamed('x').peerId)), 'not-the-requester');
  const bent = { ...answer.entry, key: signerNamed('y').publicKey };
  assert.equal(reasonOf(await open([bent])), 'bad-cadre-signature');
  assert.equal(reasonOf(await open([answer.entry])), 'ok', 'a refused open is not the last word');
  const other = {
    t: 'open' as const,
    planId: new Uint8Array(32),
    skipped: [],
    cadre: [],
    detached: false,
  };
  assert.equal(reasonOf(await service.open(REQUESTER.peerId, other)), 'unknown-plan');
});

test('what is stored for a restart is what was checked, not what came last', async () => {
  const world = serving();
  const honest = draftOf();
  assert.equal(reasonOf(world.service.convene(REQUESTER.peerId, 0, honest)), 'entry');
  await opened(world, { ...honest, roster: honest.roster.slice(0, 1) });
  const [stored] = world.store.logs.values();
  assert.equal(stored!.plan.package.roster.length, 2);
});

test('seats are limited, of all and of one requester, and given up when never opened', async () => {
  const all = serving({ limits: { plansMax: 1 } });
  const [first, second] = [draftOf(), draftOf({ nonce: 1 })].map((draft) => {
    return reasonOf(all.service.convene(REQUESTER.peerId, 0, draft));
  });
  assert.deepEqual([first, second], ['entry', 'busy']);
  await all.clock.advance(CADRE_DEFAULTS.draftLifetimeMs);
  assert.equal(reasonOf(all.service.convene(REQUESTER.peerId, 0, draftOf({ nonce: 1 }))), 'entry');
  const one = serving({ limits: { plansPerRequesterMax: 1 } });
  assert.equal(reasonOf(one.service.convene(REQUESTER.peerId, 0, draftOf())), 'entry');
  assert.equal(reasonOf(one.service.convene(REQUESTER.peerId, 0, draftOf())), 'entry', 'the same');
  const over = reasonOf(one.service.convene(REQUESTER.peerId, 0, draftOf({ nonce: 1 })));
  assert.equal(over, 'over-limits');
});

test('records that are ahead of the opening count', async () => {
  const world = serving();
  const { service, clock, notices, job } = world;
  const answer = answerOf(service.convene(REQUESTER.peerId, 0, draftOf()));
  assert.ok(answer.t === 'entry');
  for (const { from, bytes } of worksOf(world)) {
    assert.equal(service.record(from, job.plan.planId, bytes)?.ok, true);
  }
  await opened(world);
  await clock.advance(2_000);
  assert.ok(notices.some(({ t }) => t === 'outcome'));
  assert.equal(service.plans, 0);
});

test('what comes early is bounded in number and bytes', async () => {
  const world = serving();
  const { service, job, network } = world;
  assert.equal(reasonOf(service.convene(REQUESTER.peerId, 0, draftOf())), 'entry');
  const { planId } = job.plan;
  const big = new Uint8Array(16 * 2 ** 20);
  const works = worksOf(world);
  for (let i = 0; i < 3; i++) service.record(REQUESTER.peerId, planId, big);
  for (const { from, bytes } of works) service.record(from, planId, bytes);
  await opened(world);
  await world.clock.advance(2_000);
  assert.equal(service.plans, 1, 'what was beyond the bound is lost, and is sent again');
  for (const { from, bytes } of works) service.record(from, planId, bytes);
  await world.clock.advance(2_000);
  assert.equal(service.plans, 0);
  assert.equal(network.penalties.length, 0);
});

test('messages of strangers, short ones and ones of unknown plans change nothing', async () => {
  const world = serving();
  await world.service.start();
  const { planId } = await opened(world);
  const peer = world.hub.join();
  for (const body of [
    new Uint8Array(0),
    new Uint8Array(33),
    concatBytes([planId, new Uint8Array(9)]),
  ]) {
    peer.send(world.signer.peerId, 'consensus', body);
  }
  await world.clock.advance(100);
  assert.equal(world.service.plans, 1);
  assert.equal(world.service.record(peer.self, new Uint8Array(32), new Uint8Array(1)), undefined);
});

test('a member that restarts goes on from its log, and certifies', async () => {
  const store = new MemoryPlanStore();
  const before = serving({ store });
  const { planId } = await opened(before);
  const works = worksOf(before);
  before.service.record(works[0]!.from, planId, works[0]!.bytes);
  await before.clock.advance(500);
  await before.service.stop();
  const after = serving({ store });
  const start = after.service.start();
  await after.clock.run(start);
  assert.equal(after.service.plans, 1);
  for (const { from, bytes } of worksOf(after)) after.service.record(from, planId, bytes);
  await after.clock.advance(5_000);
  const outcome = after.notices.find(({ t }) => t === 'outcome');
  assert.ok(outcome?.t === 'outcome' && outcome.outcome.failure === '');
  const certificate = after.service.certificate(planId);
  assert.ok(certificate instanceof Uint8Array && openCertificate(certificate).ok);
});

test('an ended plan is archived for a while, repeats its end, and then is gone', async () => {
  const world = serving();
  const { planId } = await opened(world);
  for (const { from, bytes } of worksOf(world)) world.service.record(from, planId, bytes);
  await world.clock.advance(2_000);
  const count = () => world.notices.filter(({ t }) => t === 'outcome').length;
  assert.equal(count(), 1);
  world.service.repeat(REQUESTER.peerId, planId);
  await world.clock.advance(10);
  assert.equal(count(), 2);
  assert.equal(world.store.logs.size, 1);
  await world.clock.advance(CADRE_DEFAULTS.archiveAfterMs);
  assert.deepEqual([world.store.logs.size, world.service.knows(planId)], [0, false]);
  assert.equal(world.clock.pending, 0);
});

test('a plan that never ends is given up, so that its place is free', async () => {
  const world = serving({ limits: { planLifetimeMs: 1_000 } });
  const { planId } = await opened(world);
  await world.clock.advance(1_100);
  assert.deepEqual([world.service.plans, world.service.knows(planId)], [0, false]);
  assert.equal(world.store.logs.size, 0);
});

test('a stopped service takes no seats and leaves no timers', async () => {
  const world = serving();
  await opened(world);
  await world.service.stop();
  assert.equal(world.clock.pending, 0);
  assert.equal(
    reasonOf(world.service.convene(REQUESTER.peerId, 0, draftOf({ nonce: 1 }))),
    'draining',
  );
});
