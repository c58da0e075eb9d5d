/** Submissions that a job of somebody else answers, where all who judged it are members. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Executor } from '../../../src/compute/executor.ts';
import type { SubmitOptions, Work } from '../../../src/sdk/types.ts';
import { hooksOf } from '../../../src/sim/worker-behaviours.ts';
import { type VirtualNodeInit, VirtualSwarm } from '../../support/virtual-swarm.ts';

const WORK: Work = { parameters: { items: 16 }, shards: 4 };
const TRUSTED: SubmitOptions = { reuse: 'trusted' };

/** Workers that count the shards they run. */
function counting() {
  const state = { shards: 0 };
  const wrapExecutor = (inner: Executor): Executor => ({
    backend: inner.backend,
    run: async (work, options) => {
      state.shards += work.shards.length;
      return inner.run(work, options);
    },
  });
  return { state, init: { hooks: { wrapExecutor } } satisfies VirtualNodeInit };
}

/** A swarm, one job in it that its client had certified, and another client with a network file. */
async function certifiedOnce(inits: readonly VirtualNodeInit[]) {
  const swarm = await VirtualSwarm.start(inits);
  const first = await swarm.submit('noop@1', WORK);
  const { outputs, certificate } = await swarm.run(first.result());
  // Members announce what they judged in a quiet moment.
  await swarm.clock.advance(10_000);
  const everybody = swarm.nodes.map(({ signer }) => signer.peerId);
  const guest = async (index: number, members: readonly string[] | undefined) =>
    swarm.swarmOf(await swarm.guest(index), members === undefined ? {} : { members });
  return { swarm, first, outputs, certificate, everybody, guest };
}

test('a stranger’s job whose whole cadre are members is taken for one’s own', async () => {
  const { state, init } = counting();
  const world = await certifiedOnce(Array(8).fill(init));
  const { swarm, first, everybody } = world;
  const { shards } = state;
  const guest = await world.guest(20, everybody);
  const job = await swarm.run(guest.submit('noop@1', WORK, TRUSTED));
  const result = await swarm.run(job.result());
  assert.equal(job.reused, 'trusted');
  assert.equal(job.id, first.id);
  assert.deepEqual(result.outputs, world.outputs);
  assert.deepEqual(result.certificate, world.certificate);
  assert.equal(state.shards, shards, 'no worker ran anything');
});

test('a member of the cadre who is no member of the network, `own`, other work: a new job', async () => {
  const { swarm, first, everybody, guest } = await certifiedOnce(Array(8).fill({}));
  const { summary } = await swarm.run(first.result());
  const [seated] = summary.cadre.members;
  const cases = [
    { members: everybody.filter((peer) => peer !== seated), options: TRUSTED, work: WORK },
    { members: everybody, options: {}, work: WORK },
    { members: everybody, options: { ...TRUSTED, quorum: 3 }, work: WORK },
    { members: everybody, options: TRUSTED, work: { ...WORK, parameters: { items: 17 } } },
  ];
  for (const [at, { members, options, work }] of cases.entries()) {
    const client = await guest(20 + at, members);
    const job = await swarm.run(client.submit('noop@1', work, options));
    await swarm.run(job.result());
    assert.equal(job.reused, false, `case ${at}`);
    assert.notEqual(job.id, first.id);
  }
});

test('without members there is no anchor, and the submission says so', async () => {
  const { swarm, guest } = await certifiedOnce(Array(8).fill({}));
  for (const members of [undefined, []]) {
    const client = await guest(members === undefined ? 20 : 21, members);
    const submitted = swarm.run(client.submit('noop@1', WORK, TRUSTED));
    await assert.rejects(submitted, { code: 'USAGE', message: /names no members/ });
  }
});

test('a certified lie is found by running some shards, and the job is run anew', async () => {
  const liars = hooksOf('wrong-result', { clock: undefined as never, crash: () => {} });
  const world = await certifiedOnce(Array(8).fill({ hooks: liars }));
  const { swarm, first, everybody } = world;
  const guest = await world.guest(20, everybody);
  const job = await swarm.run(guest.submit('noop@1', WORK, TRUSTED));
  assert.equal(job.reused, false);
  assert.notEqual(job.id, first.id);
});

test('one’s own certified job comes before anybody else’s', async () => {
  const { swarm, everybody, guest } = await certifiedOnce(Array(8).fill({}));
  const client = await guest(20, everybody);
  const own = await swarm.run(client.submit('noop@1', WORK, { reuse: false }));
  await swarm.run(own.result());
  const again = await swarm.run(client.submit('noop@1', WORK, TRUSTED));
  assert.equal(again.reused, 'own');
  assert.equal(again.id, own.id);
});
