/** Hostile bytes into the job protocol: every answer is a verdict or a refusal, nothing throws. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, encodeMessage, jobAnswerShape } from '../../src/roles/job-messages.ts';
import { NOTICES, REQUESTS } from '../support/job-messages.ts';
import { VirtualSwarm } from '../support/virtual-swarm.ts';

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
