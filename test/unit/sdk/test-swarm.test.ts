import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobEvent } from '../../../src/index.ts';
import { KadreError } from '../../../src/index.ts';
import { testSwarm } from '../../../src/sim.ts';
import { verify } from '../../../src/verify.ts';

const WORK = { parameters: { items: 64 }, shards: 8 };

test('a program tests itself: submit, follow, await, verify, without touching a clock', async () => {
  await using swarm = await testSwarm({ nodes: 7, seed: 3 });
  const job = await swarm.submit('noop@1', WORK);
  const types: JobEvent['type'][] = [];
  for await (const event of job.events()) types.push(event.type);
  assert.deepEqual([types[0], types.at(-1)], ['planned', 'done']);
  const { outputs, certificate, summary } = await job.result();
  assert.ok((await verify(certificate!, { outputs })).valid);
  assert.deepEqual(summary.disputes, []);
  assert.equal((await swarm.peers()).length, 7);
});

test('liars are there when asked for, and are named', async () => {
  // Twelve nodes: cadre and workers are apart, so every liar is a worker of some shard.
  await using swarm = await testSwarm({ nodes: 12, byzantine: ['wrong-result'], seed: 1 });
  const blamed = new Set<string>();
  for (let i = 0; i < 4; i++) {
    const job = await swarm.submit('noop@1', WORK);
    for (const { peer, kind } of (await job.result()).summary.disputes)
      blamed.add(`${kind} ${peer}`);
  }
  assert.equal(blamed.size, 1);
  assert.match([...blamed][0]!, /^wrong-result /);
});

test('jobs side by side, a cancel, and closing twice', async () => {
  const swarm = await testSwarm({ nodes: 7, latencyMs: 40 });
  const jobs = await Promise.all([swarm.submit('noop@1', WORK), swarm.submit('noop@1', WORK)]);
  const [first, second] = jobs;
  await second.cancel();
  assert.ok((await first.result()).summary.ms.total >= 80, 'latency takes virtual time');
  await assert.rejects(second.result(), { code: 'JOB_CANCELLED' });
  await swarm.close();
  await swarm.close();
  await assert.rejects(swarm.submit('noop@1', WORK), { code: 'STOPPED' });
});

test('the same seed gives the same job', async () => {
  const certificateOf = async () => {
    await using swarm = await testSwarm({ nodes: 7, seed: 9 });
    const job = await swarm.submit('noop@1', WORK);
    return (await job.result()).certificate;
  };
  assert.deepEqual(await certificateOf(), await certificateOf());
});

test('more liars than nodes are refused', async () => {
  const isUsage = (cause: unknown) => cause instanceof KadreError && cause.code === 'USAGE';
  await assert.rejects(testSwarm({ nodes: 3, byzantine: 4 }), isUsage);
  await assert.rejects(testSwarm({ nodes: 0 }), isUsage);
});
