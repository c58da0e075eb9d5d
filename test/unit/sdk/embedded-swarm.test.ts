import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerIdOf } from '../../../src/base/ids.ts';
import type { JobEvent, JobHandle, Work } from '../../../src/sdk/types.ts';
import { type VirtualNodeInit, VirtualSwarm } from '../../support/virtual-swarm.ts';

const WORK: Work = { parameters: { items: 16 }, shards: 4 };
const BUSY: VirtualNodeInit = {
  hooks: { wrapExecutor: ({ backend }) => ({ backend, run: () => new Promise(() => {}) }) },
};

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? 'no code',
  );

async function claimed(job: JobHandle): Promise<JobEvent> {
  for await (const event of job.events()) if (event.type === 'claimed') return event;
  return assert.fail('nobody claimed');
}

test('leaving the loop of events stops watching and nothing else', async () => {
  const swarm = await VirtualSwarm.start(8);
  const job = await swarm.submit('noop@1', WORK);
  await swarm.run(claimed(job));
  await swarm.run(claimed(job));
  assert.equal(await codeOf(swarm.run(job.result())), 'done');
});

test('after close every call says STOPPED; closing twice is closing once', async () => {
  const swarm = await VirtualSwarm.start(8);
  const job = await swarm.submit('noop@1', WORK);
  await swarm.run(job.result());
  const { client } = swarm;
  await swarm.run(Promise.all([client.close(), client.close()]));
  await swarm.run(client[Symbol.asyncDispose]());
  const calls = [
    client.submit('noop@1', WORK),
    client.submit('no such kernel', {}),
    client.kernels(),
    client.peers(),
    job.result(),
  ];
  const codes = await swarm.run(Promise.all(calls.map(codeOf)));
  assert.deepEqual(codes, Array(calls.length).fill('STOPPED'));
});

test('closing cancels what runs, while its cadre can still be told', async () => {
  const swarm = await VirtualSwarm.start(Array(10).fill(BUSY));
  const job = await swarm.submit('noop@1', WORK);
  await swarm.run(claimed(job));
  const result = codeOf(job.result());
  await swarm.run(swarm.client.close());
  assert.equal(await result, 'STOPPED');
  await swarm.clock.advance(1_000);
  const load = swarm.nodes.map(({ roles }) => [roles.cadre?.plans, roles.worker?.load.plans]);
  assert.deepEqual(load, Array(10).fill([0, 0]));
});

test('a cancel reaches every worker at once, also when the cadre cannot agree on it', async () => {
  const swarm = await VirtualSwarm.start(Array(10).fill(BUSY));
  const job = await swarm.submit('noop@1', WORK);
  await swarm.run(claimed(job));
  await swarm.clock.advance(500);
  const { plan } = swarm.requester.roles.requester.running(job.id)!.job;
  const busy = () => swarm.nodes.filter(({ roles }) => roles.worker!.load.plans > 0);
  // Two of four: no quorum is left that could end the plan.
  const away = plan!.seats.slice(0, 2).map(({ node }) => swarm.nodeOf(peerIdOf(node)));
  assert.ok(busy().length > 2);
  for (const node of away) swarm.crash(node);
  void job.cancel();
  // Without waiting for the members that are away, which alone takes a second.
  await swarm.clock.advance(200);
  assert.deepEqual(
    busy().filter((node) => !away.includes(node)),
    [],
  );
  assert.equal(await codeOf(swarm.run(job.result())), 'JOB_CANCELLED');
});

test('a node that closes its own swarm cancels the jobs and goes on itself', async () => {
  const swarm = await VirtualSwarm.start(Array(10).fill(BUSY));
  const own = swarm.swarmOf(swarm.nodes[0]!, { close: async () => {} });
  const job = await swarm.run(own.submit('noop@1', WORK));
  await swarm.run(claimed(job));
  await swarm.run(own.close());
  await swarm.clock.advance(1_000);
  const load = swarm.nodes.map(({ roles }) => [roles.cadre?.plans, roles.worker?.load.plans]);
  assert.deepEqual(load, Array(10).fill([0, 0]));
  assert.equal(swarm.nodes[0]!.roles.requester.counts.running, 0);
});

test('the signal of a submission cancels its job', async () => {
  const swarm = await VirtualSwarm.start(Array(10).fill(BUSY));
  const abort = new AbortController();
  const job = await swarm.submit('noop@1', WORK, { signal: abort.signal });
  await swarm.run(claimed(job));
  abort.abort();
  assert.equal(await codeOf(swarm.run(job.result())), 'JOB_CANCELLED');
});

test('the signal of a wait ends the wait, not the job, and errors carry codes', async () => {
  const swarm = await VirtualSwarm.start(8);
  const job = await swarm.submit('noop@1', WORK);
  const signal = AbortSignal.abort();
  assert.equal(await codeOf(swarm.run(job.result({ signal }))), 'INTERRUPTED');
  assert.equal(await codeOf(swarm.run(job.result())), 'done');
  assert.equal(
    await codeOf(swarm.run(swarm.client.submit('noop@1', WORK, { signal }))),
    'INTERRUPTED',
  );
});

test('an abort while peers are looked for has a code', async () => {
  const swarm = await VirtualSwarm.start(1);
  const abort = new AbortController();
  swarm.clock.setTimer(1_000, () => abort.abort());
  const submit = swarm.client.submit('noop@1', WORK, { signal: abort.signal });
  assert.equal(await codeOf(swarm.run(submit)), 'INTERRUPTED');
  assert.equal(await codeOf(swarm.run(swarm.client.submit('noop@1', WORK))), 'NOT_ENOUGH_PEERS');
});

test('what can be refused here is refused before anybody is asked', async () => {
  const swarm = await VirtualSwarm.start(1);
  const { client } = swarm;
  const bad: [Parameters<typeof client.submit>, string][] = [
    [['nop@1', WORK], 'UNKNOWN_KERNEL'],
    [['noop@1', { parameters: { items: 16 }, shards: 0 }], 'BAD_SHARD_COUNT'],
    [['noop@1', { parameters: { items: 16 }, shards: 1e9 }], 'BAD_SHARD_COUNT'],
    [['noop@1', { parameters: { itmes: 16 } }], 'BAD_PARAMETER'],
    [['noop@1', WORK, { replicas: 2, quorum: 3 }], 'BAD_POLICY'],
    [['noop@1', WORK, { waitPeersMs: 0.5 }], 'BAD_POLICY'],
    [['noop@1', WORK, { waitPeersMs: Number.NaN }], 'BAD_POLICY'],
    [['noop@1', WORK, { waitPeersMs: 86_400_001 }], 'BAD_POLICY'],
    [['gemm.f32@1', { inputs: {} }], 'BAD_INPUT'],
  ];
  for (const [call, code] of bad) {
    assert.equal(await codeOf(swarm.run(client.submit(...call))), code);
  }
  assert.deepEqual([swarm.clock.monotonicMs(), swarm.requester.network.connectedPeers()], [0, []]);
});

test('peers and kernels are told', async () => {
  const swarm = await VirtualSwarm.start(8);
  await swarm.job('noop@1', WORK);
  const peers = await swarm.run(swarm.client.peers());
  assert.equal(peers.length, 8);
  assert.ok(peers.every(({ kernels, connected }) => kernels.includes('noop@1') && connected));
  assert.ok((await swarm.client.kernels()).some(({ id }) => id === 'gemm.f32@1'));
});
