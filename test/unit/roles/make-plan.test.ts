import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerIdOf } from '../../../src/base/ids.ts';
import { buildSpec } from '../../../src/job/build-spec.ts';
import { derivePolicy, type PolicyChoice } from '../../../src/job/policy.ts';
import { announcePlan } from '../../../src/roles/announce-plan.ts';
import { decodeMessage, jobNoticeShape, refusedAnswer } from '../../../src/roles/job-messages.ts';
import { makePlan } from '../../../src/roles/make-plan.ts';
import { PlanCache } from '../../../src/roles/plan-cache.ts';
import { unwrap } from '../../support/job-factory.ts';
import { silentLogger } from '../../support/real-ports.ts';
import { NETWORK, type VirtualNode, VirtualSwarm } from '../../support/virtual-swarm.ts';

const WAIT_MS = 3_000;

/** What the requester of a swarm plans with. */
function planner(swarm: VirtualSwarm, choice: PolicyChoice = {}) {
  const { network, roles, signer } = swarm.requester;
  const { scout, book } = roles;
  const checkAdvert = book.check.bind(book);
  const plans = new PlanCache({ network: NETWORK, checkAdvert });
  const { clock } = swarm;
  const components = { network, scout, book, plans, clock, log: silentLogger };
  const job = buildSpec(
    {
      kernelId: 'noop@1',
      parameters: { items: 8 },
      inputs: [],
      shards: 4,
      policy: derivePolicy(choice),
      network: NETWORK,
      nonce: new Uint8Array(16),
    },
    signer,
  );
  const make = (onFull?: (reasons: readonly string[]) => void) => {
    const init = { job, waitPeersMs: WAIT_MS, instance: 0, onFull };
    return swarm.run(makePlan(components, init, {}));
  };
  return { make, components, book };
}

/** The swarm's nodes by rank in the cadre order of the plan that would be made now. */
async function byRank(swarm: VirtualSwarm): Promise<VirtualNode[]> {
  const { plan } = await planner(swarm).make();
  return plan.cadreRanks.map((index) => swarm.nodeOf(peerIdOf(plan.nodes[index]!)));
}

/** Answers to nobody about jobs, and still shows its advert. */
function silence({ network }: VirtualNode): void {
  Object.assign(network.handlerOf('job')!, { request: () => new Promise(() => {}) });
}

test('a plan has the whole roster, the first ranks in the cadre, and disjoint workers', async () => {
  const swarm = await VirtualSwarm.start(10);
  const { plan, skipped } = await planner(swarm).make();
  assert.deepEqual(
    [plan.nodes.length, plan.seats.length, skipped, plan.overlap],
    [10, 4, [], false],
  );
  assert.equal(plan.workers.length, 6);
});

test('ranks that do not answer are skipped, and listed', async () => {
  const swarm = await VirtualSwarm.start(10);
  const ranks = await byRank(swarm);
  silence(ranks[1]!);
  silence(ranks[2]!);
  const { plan, skipped, skippedReasons } = await planner(swarm).make();
  assert.deepEqual(
    [skipped, plan.package.skipped],
    [
      [1, 2],
      [1, 2],
    ],
  );
  assert.equal(skippedReasons.length, 2);
  const members = new Set(plan.seats.map((seat) => peerIdOf(seat.node)));
  assert.deepEqual(members, new Set([0, 3, 4, 5].map((rank) => ranks[rank]!.signer.peerId)));
});

test('when a window is dead, the dead are dropped from the roster and a new seed is tried', async () => {
  const swarm = await VirtualSwarm.start(10);
  const ranks = await byRank(swarm);
  for (const node of ranks.slice(0, 3)) swarm.crash(node);
  const { plan } = await planner(swarm).make();
  const nodes = plan.nodes.map((node) => peerIdOf(node));
  for (const dead of ranks.slice(0, 3)) assert.equal(nodes.includes(dead.signer.peerId), false);
  assert.equal(plan.seats.length, 4);
});

test('a window that lives and refuses is not tried for ever', async () => {
  const swarm = await VirtualSwarm.start(10);
  await byRank(swarm);
  for (const node of swarm.nodes) silence(node);
  await assert.rejects(planner(swarm).make(), { code: 'CADRE_REFUSED' });
});

/** Every node of the swarm refuses seats until then. */
function fillUntil(swarm: VirtualSwarm, untilMs: number): void {
  for (const { network } of swarm.nodes) {
    const handler = network.handlerOf('job')!;
    const { request } = handler;
    Object.assign(network.handlerOf('job')!, {
      request: async (...asked: Parameters<NonNullable<typeof request>>) => {
        const isFull = swarm.clock.monotonicMs() < untilMs;
        const isSeat = Buffer.from(asked[1]).includes('convene');
        return isFull && isSeat ? refusedAnswer('over-limits') : request!.call(handler, ...asked);
      },
    });
  }
}

test('members without room are waited for, not given up', async () => {
  const swarm = await VirtualSwarm.start(10);
  const startMs = swarm.clock.monotonicMs();
  fillUntil(swarm, startMs + 30_000);
  const heard: (readonly string[])[] = [];
  const { plan, skipped } = await planner(swarm).make((reasons) => heard.push(reasons));
  assert.deepEqual([plan.seats.length, skipped], [4, []]);
  assert.ok(heard.length > 5 && heard.length < 60, `${heard.length} questions`);
  assert.ok(heard[0]!.every((reason) => reason.endsWith('over-limits')));
  assert.ok(swarm.clock.monotonicMs() - startMs < 32_000);
});

test('who never has room is refused in the end, by name', async () => {
  const swarm = await VirtualSwarm.start(10);
  const startMs = swarm.clock.monotonicMs();
  fillUntil(swarm, Number.POSITIVE_INFINITY);
  const refused = { code: 'CADRE_REFUSED', message: /over-limits/ };
  await assert.rejects(planner(swarm, { deadlineMs: 60_000 }).make(), refused);
  assert.ok(swarm.clock.monotonicMs() - startMs >= 55_000);
});

test('too few peers are too few, and said to be', async () => {
  const swarm = await VirtualSwarm.start(3);
  await assert.rejects(planner(swarm).make(), { code: 'NOT_ENOUGH_PEERS' });
});

test('without a cadre nobody is convened', async () => {
  const swarm = await VirtualSwarm.start(3);
  const { plan } = await planner(swarm, { cadre: 0 }).make();
  assert.deepEqual([plan.seats, plan.package.cadre, plan.q], [[], [], 0]);
});

/** Announces a plan; what the requester hears. */
async function announced(swarm: VirtualSwarm, before: (members: VirtualNode[]) => void) {
  const { make, components } = planner(swarm);
  const { plan } = await make();
  const seats = plan.seats.map((seat) => swarm.nodeOf(peerIdOf(seat.node)));
  before(seats);
  const heard: string[] = [];
  const answers = {
    detached: false,
    onClaimed: (peer: string, shards: number) => heard.push(`${peer} ${shards}`),
    onRefused: (peer: string, reason: string) => heard.push(`${peer} ${reason}`),
  };
  await swarm.run(announcePlan(components, plan, answers));
  await swarm.clock.advance(4_000);
  return { plan, heard, seats };
}

test('members open, every worker of the first wave claims what is its own', async () => {
  const swarm = await VirtualSwarm.start(10);
  const { plan, heard } = await announced(swarm, () => {});
  const expected = [...plan.workers.keys()]
    .filter((candidate) => plan.placement.shardsOf(candidate).length > 0)
    .map((candidate) => {
      const peer = peerIdOf(plan.nodes[plan.workers[candidate]!]!);
      return `${peer} ${plan.placement.shardsOf(candidate).length}`;
    });
  assert.deepEqual(heard.toSorted(), expected.toSorted());
});

test('a member that is gone is tolerated; two are one too many', async () => {
  const one = await VirtualSwarm.start(10);
  await announced(one, (members) => one.crash(members[0]!));
  const two = await VirtualSwarm.start(10);
  const failing = announced(two, (members) => {
    two.crash(members[0]!);
    two.crash(members[1]!);
  });
  await assert.rejects(failing, { code: 'CADRE_LOST' });
});

test('members that refuse to open count as gone', async () => {
  const swarm = await VirtualSwarm.start(10);
  const failing = announced(swarm, (members) => {
    for (const { network } of members.slice(0, 2)) {
      const request = async () => refusedAnswer('unknown-plan');
      Object.assign(network.handlerOf('job')!, { request });
    }
  });
  await assert.rejects(failing, { code: 'CADRE_REFUSED' });
});

test('a worker that cannot be reached is refused for, and reported to the judges', async () => {
  const swarm = await VirtualSwarm.start(10);
  const { make, components } = planner(swarm);
  const { plan } = await make();
  const candidate = [...plan.workers.keys()].find((at) => plan.placement.shardsOf(at).length > 0)!;
  const dead = swarm.nodeOf(peerIdOf(plan.nodes[plan.workers[candidate]!]!));
  swarm.crash(dead);
  const suspects: string[] = [];
  for (const { node } of plan.seats) {
    const handler = swarm.nodeOf(peerIdOf(node)).network.handlerOf('job')!;
    Object.assign(handler, {
      message: (_: string, body: Uint8Array) => {
        const notice = unwrap(decodeMessage(body, jobNoticeShape));
        if (notice.t === 'suspect') suspects.push(peerIdOf(notice.worker));
      },
    });
  }
  const refused: string[] = [];
  const answers = {
    detached: false,
    onClaimed: () => {},
    onRefused: (peer: string, reason: string) => void refused.push(`${peer} ${reason}`),
  };
  await swarm.run(announcePlan(components, plan, answers));
  await swarm.clock.advance(4_000);
  assert.deepEqual(refused, [`${dead.signer.peerId} unreachable`]);
  assert.deepEqual(suspects, Array(4).fill(dead.signer.peerId));
});
