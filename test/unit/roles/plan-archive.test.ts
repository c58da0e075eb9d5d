import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blobRoot } from '../../../src/blob/tree.ts';
import { silentLogger } from '../../../src/crypto/node/system-ports.ts';
import type { CadreMember } from '../../../src/roles/cadre-member.ts';
import { EndedPlans } from '../../../src/roles/ended-plans.ts';
import { PlanArchive } from '../../../src/roles/plan-archive.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { MemoryEndedPlanStore } from '../../../src/store/ended-plan-store.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { makePackage } from '../../support/job-factory.ts';

const KEEP_MS = 1_000;

function archive(plansMax: number, blobs = new MemoryBlobStore()) {
  const clock = new VirtualClock();
  const ports = { clock, log: silentLogger, blobs };
  const endedStore = new MemoryEndedPlanStore();
  const retired: number[] = [];
  const removed: number[] = [];
  const store = {
    create: () => assert.fail('never made here'),
    begin: () => assert.fail('never made here'),
    recover: async () => [],
    remove: async (planId: Uint8Array) => {
      removed.push(planId[0]!);
    },
  };
  const kept = new PlanArchive(
    { clock, log: silentLogger, ended: new EndedPlans({ ...ports, store: endedStore }), store },
    {
      keepMs: KEEP_MS,
      plansMax,
      retire: async (member) => {
        retired.push(member.plan.planId[0]!);
      },
    },
  );
  return { kept, clock, blobs, retired, removed };
}

/** As much of a member as an archive sees; odd plans failed and have no certificate. */
function member(id: number): CadreMember {
  const certificate = () => (id % 2 === 0 ? Uint8Array.of(7, id) : undefined);
  const { package: pkg } = makePackage({ nodes: 2, shards: 1, policy: { cadre: 1, replicas: 1 } });
  const planId = Uint8Array.of(id);
  const plan = { planId, jobId: Uint8Array.of(id), spec: pkg.job.spec, package: pkg };
  return { plan, certificate, outcome: {} } as unknown as CadreMember;
}

test('a plan leaves by age: certificate stored, replica retired, log removed', async () => {
  const { kept, clock, blobs, retired, removed } = archive(8);
  kept.add(member(2));
  await clock.advance(KEEP_MS / 2);
  kept.add(member(3));
  assert.deepEqual(removed, []);
  await clock.advance(KEEP_MS / 2);
  assert.deepEqual([retired, removed], [[2], [2]]);
  assert.equal(await blobs.size(blobRoot(Uint8Array.of(7, 2))), 2);
  await clock.advance(KEEP_MS / 2);
  assert.deepEqual(
    [retired, removed],
    [
      [2, 3],
      [2, 3],
    ],
  );
  assert.equal(clock.pending, 0);
});

test('too many plans: the oldest quarter leaves at once', async () => {
  const { kept, clock, removed } = archive(8);
  for (let id = 0; id < 9; id++) kept.add(member(id));
  await clock.advance(0);
  assert.deepEqual(removed, [0, 1]);
});

test('certificates that cannot be stored keep their logs', async () => {
  const { kept, clock, removed, retired } = archive(8, new MemoryBlobStore({ bytesMax: 1 }));
  kept.add(member(2));
  await clock.advance(KEEP_MS);
  assert.deepEqual([retired, removed], [[], []]);
});

test('stopping leaves everything to the next start', async () => {
  const { kept, clock, removed } = archive(8);
  kept.add(member(2));
  await kept.stop();
  await clock.advance(2 * KEEP_MS);
  assert.deepEqual([removed, clock.pending], [[], 0]);
});
