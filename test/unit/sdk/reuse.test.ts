/** Submissions that an earlier job of the same requester answers, and those that none may. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Executor } from '../../../src/compute/executor.ts';
import type { Work } from '../../../src/sdk/types.ts';
import { type VirtualNodeInit, VirtualSwarm } from '../../support/virtual-swarm.ts';

const WORK: Work = { parameters: { items: 16 }, shards: 4 };

/** Workers that count the shards they run; after `callsMax` calls none comes back. */
function counting() {
  const state = { shards: 0, calls: 0, callsMax: Infinity };
  const wrapExecutor = (inner: Executor): Executor => ({
    backend: inner.backend,
    run: async (work, options) => {
      state.calls += 1;
      if (state.calls > state.callsMax) await new Promise(() => {});
      state.shards += work.shards.length;
      return inner.run(work, options);
    },
  });
  return { state, init: { hooks: { wrapExecutor } } satisfies VirtualNodeInit };
}

async function swarmOf(nodes: number) {
  const { state, init } = counting();
  const swarm = await VirtualSwarm.start(Array<VirtualNodeInit>(nodes).fill(init));
  return { state, swarm, counted: init };
}

test('the same work again is the job that certified it', async () => {
  const { swarm, state } = await swarmOf(8);
  const first = await swarm.submit('noop@1', WORK);
  const { outputs, certificate } = await swarm.run(first.result());
  const { shards } = state;
  const again = await swarm.submit('noop@1', WORK);
  const result = await swarm.run(again.result());
  assert.equal(first.reused, false);
  assert.equal(again.reused, 'own');
  assert.equal(again.id, first.id);
  assert.deepEqual(result.outputs, outputs);
  assert.deepEqual(result.certificate, certificate);
  assert.equal(state.shards, shards, 'nothing was run');
});

test('`reuse: false`, a stronger policy, or a job without a certificate: a new job', async () => {
  const { swarm, state } = await swarmOf(12);
  const first = await swarm.submit('noop@1', WORK);
  await swarm.run(first.result());
  for (const options of [{ reuse: false }, { quorum: 3 }, { cadre: 5 }] as const) {
    const before = state.shards;
    const job = await swarm.submit('noop@1', WORK, options);
    await swarm.run(job.result());
    assert.equal(job.reused, false);
    assert.notEqual(job.id, first.id);
    assert.ok(state.shards > before);
  }
  const other: Work = { parameters: { items: 17 }, shards: 4 };
  const ids = new Set<string>();
  for (const cadre of [0, 0, 4]) {
    const job = await swarm.submit('noop@1', other, { cadre });
    await swarm.run(job.result());
    ids.add(job.id);
  }
  assert.equal(ids.size, 3, 'what nobody certified is not reused');
});

test('a job that runs for somebody is not shared; one that a restart took up is', async () => {
  const { swarm, state, counted } = await swarmOf(8);
  const [home] = swarm.nodes;
  const node = swarm.swarmOf(home!);
  state.callsMax = 0;
  const first = await swarm.run(node.submit('noop@1', WORK));
  const beside = await swarm.run(node.submit('noop@1', WORK));
  assert.notEqual(beside.id, first.id);
  assert.equal(beside.reused, false);
  const { jobs, blobs, signer, index } = home!;
  swarm.crash(home!);
  const restarted = await swarm.run(swarm.add(index, { ...counted, jobs, blobs }));
  assert.equal(restarted.signer.peerId, signer.peerId);
  const resumed = await swarm.run(swarm.swarmOf(restarted).submit('noop@1', WORK));
  assert.equal(resumed.reused, 'own');
  assert.ok([first.id, beside.id].includes(resumed.id));
});

test('outputs that nobody holds any more are computed anew', async () => {
  const { swarm } = await swarmOf(8);
  const first = await swarm.submit('noop@1', WORK);
  await swarm.run(first.result());
  for (const { blobs, network } of swarm.nodes) {
    if (network.self === swarm.requester.network.self) continue;
    await blobs.expire(Number.MAX_SAFE_INTEGER, []);
  }
  const again = await swarm.submit('noop@1', WORK);
  const { certificate } = await swarm.run(again.result());
  assert.equal(again.reused, false);
  assert.notEqual(again.id, first.id);
  assert.ok(certificate);
});

test('a job that was cancelled half-way resumes: known shards are not run again', async () => {
  const { swarm, state } = await swarmOf(4);
  const product: Work = { inputs: { a: matrix(64, 32, 7), b: matrix(32, 16, 5) }, shards: 8 };
  state.callsMax = 2;
  const first = await swarm.submit('gemm.f32@1', product, { replicas: 4, quorum: 3 });
  await swarm.clock.advance(2_000);
  assert.equal(state.shards, 16, 'two of four workers are through, and no shard is accepted');
  await swarm.run(first.cancel());
  await assert.rejects(swarm.run(first.result()), { code: 'JOB_CANCELLED' });
  state.callsMax = Infinity;
  const second = await swarm.submit('gemm.f32@1', product, { replicas: 4, quorum: 3 });
  const { summary } = await swarm.run(second.result());
  assert.equal(second.reused, false);
  assert.equal(Object.values(summary.workers).length, 4, 'those that remember agree as well');
  assert.equal(state.shards, 32, 'each worker ran each shard once');
  const fresh = await swarm.submit('gemm.f32@1', product, { replicas: 4, reuse: false });
  await swarm.run(fresh.result());
  assert.equal(state.shards, 64, 'who doubts is served anew');
});

function matrix(rows: number, columns: number, modulus: number) {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => i % modulus);
  return { data, shape: [rows, columns] };
}
