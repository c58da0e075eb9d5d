import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeMessage,
  encodeMessage,
  type JobNotice,
  type JobRequest,
  jobAnswerShape,
} from '../../../src/roles/job-messages.ts';
import { makePackage, unwrap } from '../../support/job-factory.ts';
import { VirtualSwarm } from '../../support/virtual-swarm.ts';

const PLAN = new Uint8Array(32).fill(7);

/** What a node with these roles answers to a request, or the code it refuses it with. */
async function answering(roles: readonly ('worker' | 'cadre')[] = ['worker', 'cadre']) {
  const swarm = await VirtualSwarm.start([{ roles }]);
  const node = swarm.nodes[0]!;
  const stranger = swarm.hub.join();
  const raw = (body: Uint8Array) =>
    swarm.run(stranger.request(node.signer.peerId, 'job', body)).then(
      (bytes) => {
        const answer = unwrap(decodeMessage(bytes, jobAnswerShape));
        return answer.t === 'refused' ? answer.reason : answer.t;
      },
      (error: { code: string }) => error.code,
    );
  const ask = (request: JobRequest) => raw(encodeMessage(request));
  const tell = (notice: JobNotice | Uint8Array) =>
    stranger.send(
      node.signer.peerId,
      'job',
      notice instanceof Uint8Array ? notice : encodeMessage(notice),
    );
  return { swarm, node, ask, raw, tell, penalties: node.network.penalties };
}

test('whatever the bytes, the answer is a refusal and the sender pays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (body) => {
      const { raw, tell, penalties, swarm } = await answering();
      assert.match(await raw(body), /^[a-z-]+$/);
      tell(body);
      await swarm.clock.advance(1);
      assert.ok(penalties.length >= 2);
    }),
    { numRuns: 25 },
  );
});

const OPEN = { t: 'open', planId: PLAN, skipped: [], detached: false } as const;

test('about unknown plans every question has an answer', async () => {
  const { ask, penalties } = await answering();
  const record = new Uint8Array(3);
  const { package: pkg } = makePackage({ nodes: 8, shards: 2 });
  assert.equal(await ask({ t: 'record', planId: PLAN, record }), 'unknown-plan');
  assert.equal(await ask({ t: 'ask', planId: PLAN }), 'unknown-plan');
  assert.equal(await ask({ t: 'certificate', planId: PLAN }), 'no-certificate');
  assert.equal(await ask({ t: 'alive', planId: PLAN }), 'JOB_UNKNOWN');
  const cadre = pkg.cadre.slice(0, 1);
  assert.equal(await ask({ ...OPEN, cadre }), 'unknown-plan');
  assert.equal(await ask({ t: 'find', jobId: PLAN, plan: true }), 'unknown-job');
  assert.equal(await ask({ t: 'hold', planId: PLAN }), 'unknown-plan');
  assert.deepEqual(penalties, [], 'not to know a plan is nobody fault');
});

test('a plan of another network or with a bent roster is refused for its reason', async () => {
  const { ask, penalties } = await answering();
  const { package: pkg } = makePackage({ nodes: 8, shards: 2 });
  const shards = new Uint8Array(0);
  assert.equal(await ask({ t: 'assign', wave: 0, shards, package: pkg }), 'wrong-network');
  const draft = { ...pkg, cadre: [] };
  assert.equal(await ask({ t: 'convene', seat: 0, package: draft }), 'wrong-network');
  assert.deepEqual(
    penalties.map(({ penalty }) => penalty),
    ['ignore', 'ignore'],
  );
});

test('absent roles say so', async () => {
  const { package: pkg } = makePackage({ nodes: 8, shards: 2 });
  const worker = await answering(['worker']);
  assert.equal(await worker.ask({ t: 'convene', seat: 0, package: pkg }), 'not-cadre-capable');
  const { cadre } = pkg;
  assert.equal(await worker.ask({ ...OPEN, cadre }), 'not-cadre-capable');
  assert.equal(await worker.ask({ t: 'find', jobId: PLAN, plan: false }), 'unknown-job');
  const member = await answering(['cadre']);
  const assign = { t: 'assign' as const, wave: 0, shards: new Uint8Array(0), package: pkg };
  assert.equal(await member.ask(assign), 'not-entitled');
  assert.equal(await member.ask({ t: 'alive', planId: PLAN }), 'JOB_UNKNOWN');
});

test('notices about unknown plans, from anybody, change nothing and cost nothing', async () => {
  const { swarm, node, tell, penalties } = await answering();
  const planId = PLAN;
  const outcome = { planId, disputes: [], retries: [], failure: '', failedShard: 0 };
  tell({ t: 'closed', planId, wave: 0, shards: new Uint8Array(4) });
  tell({ t: 'ended', planId });
  tell({ t: 'computed', planId, shards: 1, micros: 1 });
  tell({ t: 'progress', planId, accepted: 1 });
  tell({ t: 'suspect', planId, worker: node.signer.nodeId });
  tell({ t: 'outcome', outcome });
  await swarm.clock.advance(10);
  assert.deepEqual(penalties, []);
});
