/** Hostile bytes into the job protocol: every answer is a verdict or a refusal, nothing throws. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OpenPlan } from '../../src/job/open-plan.ts';
import { decodeMessage, encodeMessage, jobAnswerShape } from '../../src/roles/job-messages.ts';
import { Dice } from '../support/fuzz/dice.ts';
import { hostileInput } from '../support/fuzz/mutate.ts';
import { NOTICES, REQUESTS } from '../support/job-messages.ts';
import { type VirtualNodeInit, VirtualSwarm } from '../support/virtual-swarm.ts';

const mutated = (messages: readonly Parameters<typeof encodeMessage>[0][]) =>
  fc
    .tuple(
      fc.constantFrom(...messages),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: -2, max: 2 }),
    )
    .map(([message, changes, grow]) => {
      const bytes = encodeMessage(message);
      const bent = new Uint8Array(Math.max(1, bytes.length + grow));
      bent.set(bytes.subarray(0, bent.length));
      for (const [at, value] of changes) bent[at % bent.length] = value;
      return bent;
    });

test('a node answers bent requests, survives bent notices, and takes nothing on', async () => {
  const swarm = await VirtualSwarm.start(1);
  const node = swarm.nodes[0]!;
  await fc.assert(
    fc.asyncProperty(mutated(REQUESTS), mutated(NOTICES), async (request, notice) => {
      const stranger = swarm.hub.join();
      stranger.send(node.signer.peerId, 'job', notice);
      const answer = await swarm.run(
        stranger.request(node.signer.peerId, 'job', request).catch((error: { code: string }) => {
          assert.equal(error.code, 'JOB_UNKNOWN');
        }),
      );
      if (answer !== undefined) assert.ok(decodeMessage(answer, jobAnswerShape).ok);
      assert.deepEqual([node.roles.worker?.load.plans, node.roles.cadre?.plans], [0, 0]);
    }),
    { numRuns: 300 },
  );
});

/** Every request about the plan that is live here, as its own requester would send it. */
function requestsAbout(plan: OpenPlan): Uint8Array[] {
  const { planId, jobId, package: pkg } = plan;
  return REQUESTS.map((request) =>
    encodeMessage({
      ...request,
      ...('planId' in request ? { planId } : {}),
      ...('jobId' in request ? { jobId } : {}),
      ...('package' in request ? { package: pkg } : {}),
    }),
  );
}

const NEVER: VirtualNodeInit = {
  hooks: { wrapExecutor: ({ backend }) => ({ backend, run: () => new Promise(() => {}) }) },
};

test('members and workers of a live plan answer whatever its requester bends', async () => {
  const swarm = await VirtualSwarm.start(Array(5).fill(NEVER));
  const work = { parameters: { items: 16 }, shards: 4 };
  const job = await swarm.submit('noop@1', work, { detached: true });
  await swarm.clock.advance(1_000);
  const { plan } = swarm.requester.roles.requester.running(job.id)!.job;
  const good = requestsAbout(plan!);
  const dice = new Dice(7);
  const answered = new Map<string, number>();
  for (let i = 0; i < 2_500; i++) {
    const { network } = swarm.nodes[i % swarm.nodes.length]!;
    // Nobody is cut off here, or the first few would be all that is heard.
    network.penalise = () => undefined;
    const request = hostileInput(dice, 'cbor', good);
    const asked = swarm.requester.network.request(network.self, 'job', request);
    const answer = await swarm.run(
      asked.catch((error: { code: string }) => assert.equal(error.code, 'JOB_UNKNOWN')),
    );
    if (answer === undefined) continue;
    const decoded = decodeMessage(answer, jobAnswerShape);
    assert.ok(decoded.ok);
    answered.set(decoded.value.t, (answered.get(decoded.value.t) ?? 0) + 1);
  }
  for (const kind of ['job', 'held', 'why', 'doing', 'refused'])
    assert.ok(answered.has(kind), kind);
  // None of it harmed the plan.
  assert.equal((await job.describe()).state, 'running');
  await swarm.run(job.cancel());
});
