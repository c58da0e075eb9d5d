/** Members that fall silent for good: their seats go to others, and the job outlives them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { type PeerId, peerIdOf } from '../../../src/base/ids.ts';
import type { RequesterEvent } from '../../../src/roles/requester-events.ts';
import { ConsensusWatch } from '../../../src/sim/consensus-watch.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { SimJob } from '../../../src/sim/sim-job.ts';
import type { SimNode } from '../../../src/sim/sim-node.ts';
import { type LogLine, SimWorld } from '../../../src/sim/sim-world.ts';
import { verify } from '../../../src/verify.ts';

const WORKERS = 8;
/** Four seats and the two ranks of the window that may stand in. */
const MEMBERS = 6;
const POLICY = { replicas: 2, quorum: 2, cadre: 4, sealMs: 300_000, revealMs: 10_000 };

/** A job of some minutes: each worker takes ten seconds longer than the one before. */
async function begin(seed: number) {
  const world = new SimWorld({ seed });
  const watch = new ConsensusWatch<SimNode>(() => true);
  const lines: { node: number; line: LogLine }[] = [];
  world.observe({
    sent: (from, packet) => watch.sent(from, packet),
    signed: (node, signing) => watch.signed(node, signing),
    logged: (node, line) => {
      watch.logged(node, line);
      lines.push({ node: node.index, line });
    },
  });
  const client = world.add({ roles: [] });
  for (let i = 0; i < WORKERS; i++) {
    world.add({ roles: ['worker'], shardMs: 10_000 * (i + 1), speed: 1_000_000 });
  }
  for (let i = 0; i < MEMBERS; i++) world.add({ roles: ['cadre'] });
  await world.clock.run(Promise.all(world.nodes.map((node) => node.start())));
  const job = new SimJob({ kernel: 'noop@1', shards: 8, policy: POLICY }, new SeededRandom(seed));
  const done = job.run(client, world.networkId);
  while (job.job?.plan === undefined) await world.clock.advance(100);
  const members = job.job.plan.seats.map(({ node }) => world.nodeOf(peerIdOf(node))!);
  await world.clock.advance(2_000);
  return { world, watch, lines, client, job, done, members };
}

type Begun = Awaited<ReturnType<typeof begin>>;

const begunEpochs = ({ lines }: Begun) =>
  lines.filter(({ line }) => line.event === 'epoch-begins').map(({ line }) => line.fields.epoch);

async function untilEpoch(begun: Begun, epoch: number): Promise<void> {
  const { world } = begun;
  for (let s = 0; s < 200 && !begunEpochs(begun).includes(epoch); s++) {
    await world.clock.advance(1_000);
  }
  assert.ok(begunEpochs(begun).includes(epoch), `epoch ${epoch} never began`);
  await world.clock.advance(1_000);
}

async function finish({ world, watch, job, done }: Begun) {
  await world.clock.run(done);
  assert.ok(job.end?.kind === 'done', JSON.stringify(job.end));
  assert.deepEqual(watch.faults, []);
  const { results, plan } = job.end.finished;
  const verdict = await verify(results.certificate!);
  assert.ok(verdict.valid, JSON.stringify(verdict));
  assert.equal(verdict.cadreRoot, toHex(plan.cadreRoot));
  return verdict;
}

async function replacedIn(job: SimJob): Promise<PeerId[]> {
  const events: RequesterEvent[] = [];
  for await (const event of job.job!.events.follow()) events.push(event);
  return events.flatMap((event) => (event.type === 'replaced' ? [event.peer] : []));
}

test('a job outlives more members than its cadre tolerates, one after the other', async () => {
  const begun = await begin(1);
  const [first, second] = begun.members as [SimNode, SimNode];
  first.crash();
  await untilEpoch(begun, 1);
  second.crash();
  await untilEpoch(begun, 2);
  const verdict = await finish(begun);
  assert.equal(verdict.cadre.standIns.length, 2);
  assert.deepEqual(await replacedIn(begun.job), [first.peerId, second.peerId]);
  for (const dead of [first, second]) assert.ok(!verdict.cadre.signers.includes(dead.peerId));
  const spare = begun.world.nodes.slice(-MEMBERS).filter((node) => !begun.members.includes(node));
  assert.deepEqual(new Set(verdict.cadre.standIns), new Set(spare.map(({ peerId }) => peerId)));
});

test('a member that was away for a whole epoch catches up; one that lost its seat lets go', async () => {
  const begun = await begin(2);
  const { world, members } = begun;
  const [gone, late] = members as [SimNode, SimNode];
  gone.crash();
  await world.clock.advance(20_000);
  // Silent for a while only: the others need it, because one of four is gone for good.
  late.crash();
  await world.clock.advance(8_000);
  await world.clock.run(late.start());
  await untilEpoch(begun, 1);
  await world.clock.run(gone.start());
  await world.clock.advance(20_000);
  assert.equal(gone.roles.cadre?.plans, 0, 'somebody else has its seat');
  assert.equal(late.roles.cadre?.plans, 1);
  const verdict = await finish(begun);
  assert.equal(verdict.cadre.standIns.length, 1);
});

test('after a power cut everywhere the newest epoch goes on, from the logs', async () => {
  const begun = await begin(3);
  const { world, members, client } = begun;
  members[0]!.crash();
  await untilEpoch(begun, 1);
  const dead = members[0]!;
  const others = world.nodes.filter((node) => node !== dead && node !== client);
  for (const node of others) node.crash();
  await world.clock.advance(1_000);
  await world.clock.run(Promise.all(others.map((node) => node.start())));
  const verdict = await finish(begun);
  assert.equal(verdict.cadre.standIns.length, 1);
  assert.deepEqual(
    begunEpochs(begun).filter((epoch) => epoch !== 1),
    [],
  );
});

test('nobody is blamed while nothing happens, nor for a restart', async () => {
  const begun = await begin(4);
  const { world, members } = begun;
  // A member that has signed nothing may lose its log, and with it its seat, to a power cut.
  await world.clock.advance(25_000);
  for (const member of members) {
    member.crash();
    await world.clock.advance(3_000);
    await world.clock.run(member.start());
    await world.clock.advance(20_000);
  }
  const verdict = await finish(begun);
  assert.deepEqual(verdict.cadre.standIns, []);
  assert.deepEqual(begunEpochs(begun), []);
});

test('a log put back from an epoch ago signs nothing in this one until others have spoken', async () => {
  const begun = await begin(5);
  const { world, members, lines } = begun;
  const [gone, rolledBack] = members as [SimNode, SimNode];
  await world.clock.advance(25_000);
  const name = `${toHex(begun.job.job!.plan!.planId)}.wal`;
  const before = rolledBack.disk.synced(name).slice();
  assert.ok(before.length > 0);
  gone.crash();
  await untilEpoch(begun, 1);
  await world.clock.advance(15_000);
  rolledBack.crash();
  rolledBack.disk.restore(name, before);
  lines.length = 0;
  await world.clock.run(rolledBack.start());
  await world.clock.advance(5_000);
  const starts = lines
    .filter(({ node, line }) => node === rolledBack.index && line.event === 'consensus.start')
    .map(({ line }) => line.fields.signing);
  assert.deepEqual(starts, ['probation', 'probation'], 'in the epoch of its log, and in the next');
});
