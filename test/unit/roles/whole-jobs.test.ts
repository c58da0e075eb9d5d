import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import type { Executor } from '../../../src/compute/executor.ts';
import { systemClock } from '../../../src/crypto/node/system-ports.ts';
import type { JobEvent, JobHandle, JobResult, Work } from '../../../src/sdk/types.ts';
import { type Behaviour, hooksOf } from '../../../src/sim/worker-behaviours.ts';
import { verify } from '../../../src/verify.ts';
import { type VirtualNodeInit, VirtualSwarm } from '../../support/virtual-swarm.ts';

const WORK: Work = { parameters: { items: 64 }, shards: 8 };

/** Workers and members apart, so that a fault is one worker's or one member's. */
function swarmOf(workers: readonly (Behaviour | null)[], members = 4): VirtualNodeInit[] {
  const crash = () => assert.fail('nobody crashes here');
  return [
    ...workers.map((behaviour): VirtualNodeInit => {
      return { roles: ['worker'], hooks: hooksOf(behaviour, { clock: systemClock, crash }) };
    }),
    ...Array.from({ length: members }, (): VirtualNodeInit => ({ roles: ['cadre'] })),
  ];
}

async function withSwarm(
  nodes: number | readonly VirtualNodeInit[],
  use: (swarm: VirtualSwarm) => Promise<void>,
  seed?: number,
): Promise<void> {
  const swarm = await VirtualSwarm.start(nodes, seed);
  await use(swarm);
  await swarm.stop();
  // Requests that were under way end with their own timeouts.
  await swarm.clock.advance(10_000);
  assert.equal(swarm.clock.pending, 0, 'a stopped swarm leaves no timer behind');
}

/** The noop kernel copies a pattern: the same for everyone, whoever computed it. */
function isRight(result: JobResult): void {
  const out = result.outputs.out!.data;
  assert.equal(out.length, 64);
  assert.equal(result.summary.shards, 8);
}

async function eventsOf(job: JobHandle): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of job.events()) events.push(event);
  return events;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error instanceof KadreError ? error.code : String(error)),
  );
}

test('an honest job is certified, and nobody is blamed', async () => {
  await withSwarm(7, async (swarm) => {
    const result = await swarm.job('noop@1', WORK);
    isRight(result);
    assert.deepEqual([result.summary.disputes, result.summary.retries], [[], []]);
    const verdict = await verify(result.certificate!, { outputs: result.outputs });
    assert.ok(verdict.valid);
    assert.deepEqual([verdict.shards, verdict.receipts, verdict.cadre.n], [8, 'checked', 4]);
    assert.ok(swarm.clock.monotonicMs() < 2_000, 'nothing but joining was waited for');
  });
});

test('a liar is named, and its result is in no output', async () => {
  const honest = { value: new Uint8Array(0) };
  await withSwarm(swarmOf([null, null, null]), async (swarm) => {
    honest.value = Uint8Array.from((await swarm.job('noop@1', WORK)).outputs.out!.data as never);
  });
  await withSwarm(swarmOf(['wrong-result', null, null, null]), async (swarm) => {
    const liar = swarm.nodes[0]!.signer.peerId;
    const result = await swarm.job('noop@1', WORK);
    assert.deepEqual(result.outputs.out!.data, honest.value);
    const disputes = result.summary.disputes;
    assert.ok(disputes.length > 0);
    for (const { peer, kind, evidence } of disputes) {
      assert.deepEqual([peer, kind, evidence.length], [liar, 'wrong-result', 2]);
    }
    assert.equal(result.summary.workers[liar], undefined);
  });
});

test('who seals and never opens is named, and the job ends all the same', async () => {
  await withSwarm(swarmOf(['withhold', null, null, null]), async (swarm) => {
    const result = await swarm.job('noop@1', WORK);
    isRight(result);
    const kinds = new Set(result.summary.disputes.map(({ peer, kind }) => `${peer} ${kind}`));
    assert.deepEqual([...kinds], [`${swarm.nodes[0]!.signer.peerId} withheld`]);
  });
});

test('two seals for one shard are evidence against whoever signed them', async () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
  let named = 0;
  for (const seed of seeds) {
    const use = async (swarm: VirtualSwarm) => {
      const result = await swarm.job('noop@1', WORK);
      isRight(result);
      const { disputes } = result.summary;
      const liar = swarm.nodes[0]!.signer.peerId;
      assert.ok(disputes.every(({ peer }) => peer === liar));
      if (disputes.some(({ kind }) => kind === 'equivocation')) named += 1;
    };
    await withSwarm(swarmOf(['equivocate', null, null, null]), use, seed);
  }
  // A job that ends before a judge with the other seal has led a round has no evidence in it.
  assert.ok(named >= seeds.length - 2, `named in ${named} of ${seeds.length} swarms`);
});

test('a silent worker is passed over, and its shards go to others', async () => {
  await withSwarm(swarmOf(['silent', null, null, null]), async (swarm) => {
    const result = await swarm.job('noop@1', WORK);
    isRight(result);
    assert.deepEqual(result.summary.disputes, []);
    const silent = swarm.nodes[0]!.signer.peerId;
    assert.ok(result.summary.retries.length > 0);
    for (const retry of result.summary.retries) {
      assert.deepEqual([retry.peer, retry.reason], [silent, 'overdue']);
    }
  });
});

test('a worker that crashes after its first seal does not hold the job up', async () => {
  const crashed: { swarm?: VirtualSwarm } = {};
  const crash = () => crashed.swarm!.crash(crashed.swarm!.nodes[0]!);
  const nodes = swarmOf([null, null, null, null]);
  nodes[0] = { roles: ['worker'], hooks: hooksOf('crash', { clock: systemClock, crash }) };
  await withSwarm(nodes, async (swarm) => {
    crashed.swarm = swarm;
    const result = await swarm.job('noop@1', WORK);
    isRight(result);
    assert.equal(swarm.hub.peers.has(swarm.nodes[0]!.signer.peerId), false);
    assert.ok(
      swarm.clock.monotonicMs() < 8_000,
      `what it sealed is awaited as long as the policy says: ${swarm.clock.monotonicMs()} ms`,
    );
  });
});

test('a member that crashes is one of the faults the cadre tolerates', async () => {
  await withSwarm(swarmOf([null, null, null]), async (swarm) => {
    const job = await swarm.submit('noop@1', WORK);
    for await (const event of job.events()) {
      if (event.type === 'convened') swarm.crash(swarm.nodeOf(event.members[1]!));
      if (event.type === 'convened') break;
    }
    const result = await swarm.run(job.result());
    isRight(result);
    assert.ok((await verify(result.certificate!, { outputs: result.outputs })).valid);
  });
});

test('with the cadre off the requester judges, and there is no certificate', async () => {
  await withSwarm(swarmOf(['wrong-result', null, null, null], 0), async (swarm) => {
    const result = await swarm.job('noop@1', WORK, { cadre: 0 });
    isRight(result);
    assert.equal(result.certificate, null);
    assert.deepEqual(result.summary.cadre, { n: 0, q: 0, members: [] });
    const liars = new Set(result.summary.disputes.map(({ peer }) => peer));
    assert.deepEqual([...liars], [swarm.nodes[0]!.signer.peerId]);
  });
});

test('a cadre of one certifies, and the certificate says so', async () => {
  await withSwarm(5, async (swarm) => {
    const result = await swarm.job('noop@1', WORK, { cadre: 1 });
    const verdict = await verify(result.certificate!);
    assert.ok(verdict.valid && verdict.single === true);
  });
});

test('one replica, and more shards than workers', async () => {
  await withSwarm(swarmOf([null, null]), async (swarm) => {
    const work = { parameters: { items: 640 }, shards: 200 };
    const result = await swarm.job('noop@1', work, { replicas: 1 });
    assert.equal(result.outputs.out!.data.length, 640);
    const shards = Object.values(result.summary.workers).map((worker) => worker.shards);
    assert.equal(
      shards.reduce((sum, count) => sum + count),
      200,
    );
  });
});

test('inputs travel from the requester to the workers', async () => {
  await withSwarm(7, async (swarm) => {
    const a = { data: Float32Array.from({ length: 64 * 32 }, (_, i) => i % 7), shape: [64, 32] };
    const b = { data: Float32Array.from({ length: 32 * 16 }, (_, i) => i % 5), shape: [32, 16] };
    const result = await swarm.job('gemm.f32@1', { inputs: { a, b }, shards: 4 });
    const c = result.outputs.c!;
    const expected = (row: number, column: number) =>
      Array.from({ length: 32 }, (_, k) => a.data[row * 32 + k]! * b.data[k * 16 + column]!).reduce(
        (sum, value) => sum + value,
      );
    assert.deepEqual(c.shape, [64, 16]);
    assert.equal(c.data[5 * 16 + 3], expected(5, 3));
    const verdict = await verify(result.certificate!, {
      inputs: { a, b },
      outputs: result.outputs,
    });
    assert.ok(verdict.valid);
  });
});

/** Everyone answers, each with an answer of its own. */
function ownAnswer(index: number): (inner: Executor) => Executor {
  return (inner) => ({
    backend: inner.backend,
    run: async ({ shards }) =>
      shards.map((shard) => {
        const content = new Uint8Array(8).fill(index);
        return { shard, outputs: [{ content, root: blobRoot(content) }] };
      }),
  });
}

test('a node that is alone works on its own job, inputs and all', async () => {
  await withSwarm(1, async (swarm) => {
    const a = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] };
    const own = swarm.swarmOf(swarm.nodes[0]!, { close: async () => {} });
    const policy = { replicas: 1, quorum: 1, cadre: 1 };
    const job = await swarm.run(own.submit('gemm.f32@1', { inputs: { a, b: a } }, policy));
    const { outputs } = await swarm.run(job.result());
    assert.deepEqual(outputs.c!.data, Float32Array.of(7, 10, 15, 22));
  });
});

test('workers that never agree: the job fails with NO_AGREEMENT', async () => {
  const workers = Array.from({ length: 7 }, (_, index): VirtualNodeInit => {
    return { roles: ['worker'], hooks: { wrapExecutor: ownAnswer(index) } };
  });
  await withSwarm([...workers, ...swarmOf([], 4)], async (swarm) => {
    const job = await swarm.submit('noop@1', WORK);
    assert.equal(await codeOf(swarm.run(job.result())), 'NO_AGREEMENT');
    const last = (await swarm.run(eventsOf(job))).at(-1);
    assert.ok(last?.type === 'failed' && last.error.code === 'NO_AGREEMENT');
  });
});

/** Computes until it is told to stop. */
function endlessExecutor(log: string[]): (inner: Executor) => Executor {
  return (inner) => ({
    backend: inner.backend,
    run: (_, { signal } = {}) =>
      new Promise((_resolve, reject) => {
        log.push('running');
        signal!.addEventListener('abort', () => {
          log.push('stopped');
          reject(signal!.reason);
        });
      }),
  });
}

for (const cadre of [4, 0]) {
  test(`a cancel reaches the workers (cadre ${cadre})`, async () => {
    const log: string[] = [];
    const workers = Array.from({ length: 3 }, (): VirtualNodeInit => {
      return { roles: ['worker'], hooks: { wrapExecutor: endlessExecutor(log) } };
    });
    await withSwarm([...workers, ...swarmOf([], 4)], async (swarm) => {
      const job = await swarm.submit('noop@1', WORK, { cadre });
      for await (const event of job.events()) if (event.type === 'claimed') break;
      await swarm.clock.advance(1_000);
      assert.deepEqual(log, ['running', 'running', 'running']);
      await swarm.run(job.cancel());
      assert.equal(await codeOf(swarm.run(job.result())), 'JOB_CANCELLED');
      await swarm.clock.advance(1_000);
      assert.equal(log.filter((line) => line === 'stopped').length, 3);
      const loads = swarm.nodes.map(({ roles }) => [roles.worker?.load, roles.cadre?.plans]);
      for (const [load, plans] of loads) {
        assert.deepEqual(
          [load ?? { shards: 0, plans: 0 }, plans ?? 0],
          [{ shards: 0, plans: 0 }, 0],
        );
      }
    });
  });
}

test('the deadline of a job fails it', async () => {
  const log: string[] = [];
  const workers = Array.from({ length: 3 }, (): VirtualNodeInit => {
    return { roles: ['worker'], hooks: { wrapExecutor: endlessExecutor(log) } };
  });
  await withSwarm([...workers, ...swarmOf([], 4)], async (swarm) => {
    const job = await swarm.submit('noop@1', WORK, { deadlineMs: 2_000 });
    assert.equal(await codeOf(swarm.run(job.result())), 'DEADLINE_PASSED');
    assert.equal(log.filter((line) => line === 'stopped').length, 3);
  });
});
