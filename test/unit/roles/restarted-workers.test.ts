/** Workers that die and come back: what they sealed opens, and nobody takes them for liars. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Network, ProtocolName, RequestOptions } from '../../../src/base/ports.ts';
import type { Executor } from '../../../src/compute/executor.ts';
import { recordShape } from '../../../src/job/records.ts';
import { decodeMessage, jobRequestShape } from '../../../src/roles/job-messages.ts';
import type { Work } from '../../../src/sdk/types.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { MemoryWorkStore } from '../../../src/store/work-store.ts';
import { verify } from '../../../src/verify.ts';
import { decodeCanonical } from '../../../src/wire/cbor.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { type VirtualNodeInit, VirtualSwarm } from '../../support/virtual-swarm.ts';

const WORK: Work = { parameters: { items: 64 }, shards: 8 };

type RecordKind = 'seal' | 'reveal';

/** Calls `act` instead of sending the first record of a kind; after it, nothing is sent at all. */
function dyingBefore(kind: RecordKind, act: () => void): NonNullable<VirtualNodeInit['hooks']> {
  const state = { isDead: false };
  const wrapNetwork = (inner: Network): Network => {
    const request = (
      peer: string,
      protocol: ProtocolName,
      body: Uint8Array,
      options?: RequestOptions,
    ) => {
      if (!state.isDead && protocol === 'job' && recordKind(body) === kind) {
        state.isDead = true;
        act();
      }
      return state.isDead
        ? Promise.reject(new Error('dead'))
        : inner.request(peer, protocol, body, options);
    };
    return new Proxy(inner, {
      get: (target, name) => {
        if (name === 'request') return request;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  return { wrapNetwork };
}

function recordKind(body: Uint8Array): string | undefined {
  const request = decodeMessage(body, jobRequestShape);
  if (!request.ok || request.value.t !== 'record') return undefined;
  const record = decodeCanonical(request.value.record, recordShape, LIMITS.recordBytesMax);
  return record.ok ? record.value.kind : undefined;
}

/** Three workers, so that every shard needs the one that dies to be judged. */
async function dying(kind: RecordKind) {
  const crash = { now: () => {} };
  const workStore = new MemoryWorkStore();
  const blobs = new MemoryBlobStore();
  const victim: VirtualNodeInit = {
    roles: ['worker'],
    workStore,
    blobs,
    hooks: dyingBefore(kind, () => crash.now()),
  };
  const workers: VirtualNodeInit[] = [victim, { roles: ['worker'] }, { roles: ['worker'] }];
  const members = Array.from({ length: 4 }, (): VirtualNodeInit => ({ roles: ['cadre'] }));
  const swarm = await VirtualSwarm.start([...workers, ...members]);
  const died = Promise.withResolvers<void>();
  crash.now = () => {
    swarm.crash(swarm.nodes[0]!);
    died.resolve();
  };
  const job = await swarm.submit('noop@1', WORK);
  await swarm.run(died.promise);
  const restart = (stores: Partial<VirtualNodeInit> = { workStore, blobs }) =>
    swarm.run(swarm.add(1, { roles: ['worker'], ...stores }));
  return { swarm, job, restart, workStore, peer: swarm.nodes[0]!.signer.peerId };
}

for (const kind of ['seal', 'reveal'] as const) {
  test(`killed before its first ${kind} is sent, it comes back and agrees`, async () => {
    const { swarm, job, restart, workStore, peer } = await dying(kind);
    await swarm.clock.advance(1_000);
    await restart();
    const { summary, certificate, outputs } = await swarm.run(job.result());
    assert.deepEqual(summary.disputes, []);
    assert.equal(summary.workers[peer]?.shards, 8);
    assert.ok((await verify(certificate!, { outputs })).valid);
    await swarm.clock.advance(70_000);
    assert.equal(workStore.size, 0, 'what is over is not kept');
  });
}

test('what was sealed and not stored is computed once more', async () => {
  const { swarm, job, restart, workStore, peer } = await dying('reveal');
  const blobs = new MemoryBlobStore();
  await swarm.clock.advance(1_000);
  await restart({ workStore, blobs });
  const { summary } = await swarm.run(job.result());
  assert.equal(summary.workers[peer]?.shards, 8);
  assert.ok(blobs.bytes > 0);
});

test('a plan that ends while its outputs are computed once more takes nobody down', async () => {
  const { swarm, job, restart, workStore } = await dying('reveal');
  await swarm.clock.advance(1_000);
  const wrapExecutor = ({ backend }: Executor): Executor => ({
    backend,
    run: (_, { signal } = {}) =>
      new Promise((__, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  });
  const again = await restart({ workStore, hooks: { wrapExecutor } });
  await swarm.run(job.cancel());
  await swarm.clock.advance(1_000);
  assert.equal(again.roles.worker!.load.plans, 0);
});

test('one that lost its memory cannot open, and is named for it: the log is what saves it', async () => {
  const { swarm, job, restart, peer } = await dying('reveal');
  await swarm.clock.advance(1_000);
  await restart({});
  const { summary } = await swarm.run(job.result());
  assert.deepEqual(
    [...new Set(summary.disputes.map((one) => `${one.peer} ${one.kind}`))],
    [`${peer} withheld`],
  );
});

test('one that never comes back costs the time to reveal, and no more', async () => {
  const { swarm, job } = await dying('reveal');
  const startMs = swarm.clock.monotonicMs();
  const { summary } = await swarm.run(job.result());
  assert.ok(swarm.clock.monotonicMs() - startMs < 7_000);
  assert.equal(summary.shards, 8);
});

test('a worker that comes back to dead judges asks them now and then, not without end', async () => {
  const { swarm, restart, workStore } = await dying('reveal');
  for (const member of swarm.nodes.slice(3)) swarm.crash(member);
  const asked = { count: 0 };
  const wrapNetwork = (inner: Network): Network =>
    new Proxy(inner, {
      get: (target, name) => {
        if (name === 'request') asked.count += 1;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  await restart({ workStore, hooks: { wrapNetwork } });
  // One that never pauses would keep this clock from moving: it is stopped by the count.
  const untilMs = swarm.clock.monotonicMs() + 20_000;
  await swarm.clock.runUntil(untilMs, () => asked.count >= 200);
  // Its seals and one question to each of four judges, at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 seconds.
  assert.ok(asked.count > 0 && asked.count < 200, `${asked.count} requests`);
  await swarm.stop();
});
