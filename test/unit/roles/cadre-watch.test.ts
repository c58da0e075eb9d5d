import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KadreError } from '../../../src/base/errors.ts';
import { type PeerId, peerIdOf } from '../../../src/base/ids.ts';
import { CadreWatch } from '../../../src/roles/cadre-watch.ts';
import { encodeMessage, refusedAnswer } from '../../../src/roles/job-messages.ts';
import { judgesOf } from '../../../src/roles/judges.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import type { SimNetwork } from '../../../src/sim/sim-network.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { makeJob } from '../../support/job-factory.ts';

const KNOWN = { t: 'job', state: 'running', accepted: 0 } as const;

function watching(cadre = 4) {
  const { plan } = makeJob({ nodes: 12, shards: 2, policy: { cadre } });
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const network = hub.join();
  const asked = { count: 0 };
  const members = plan.seats.map(({ node }) => hub.join(peerIdOf(node)));
  for (const member of members)
    answerWith(member, encodeMessage({ ...KNOWN, planId: plan.planId }), asked);
  const errors: KadreError[] = [];
  const outcomes: PeerId[] = [];
  const watch = new CadreWatch(
    {
      network,
      clock,
      onLost: (error) => errors.push(error),
      onOutcome: (peer) => outcomes.push(peer),
      onProgress: () => {},
    },
    plan,
    judgesOf(plan),
  );
  watch.start();
  return { clock, members, errors, watch, asked, outcomes, plan };
}

function answerWith(member: SimNetwork, answer: Uint8Array, asked = { count: 0 }): () => void {
  return member.handle('job', {
    request: async () => {
      asked.count += 1;
      return answer;
    },
  });
}

test('members that answer are asked again and again', async () => {
  const { clock, errors, asked } = watching();
  await clock.advance(60_000);
  assert.deepEqual([errors, asked.count], [[], 80]);
});

test('as many lost members as the cadre tolerates are tolerated', async () => {
  const { clock, errors, members } = watching();
  members[0]!.stop();
  await clock.advance(120_000);
  assert.deepEqual(errors, []);
});

test('one more, and the cadre is lost after a while, once', async () => {
  const { clock, errors, members } = watching();
  members[0]!.stop();
  members[3]!.stop();
  await clock.advance(20_000);
  assert.equal(errors.length, 0);
  await clock.advance(60_000);
  assert.equal(errors.length, 1);
  assert.equal(errors[0]!.code, 'CADRE_LOST');
  assert.deepEqual(errors[0]!.data.members, [members[0]!.self, members[3]!.self]);
  assert.equal(clock.pending, 0);
});

test('a member that has forgotten the plan is as good as gone', async () => {
  const { clock, errors, members } = watching(1);
  Object.assign(members[0]!.handlerOf('job')!, {
    request: async () => refusedAnswer('unknown-plan'),
  });
  await clock.advance(60_000);
  assert.equal(errors[0]?.code, 'CADRE_LOST');
});

test('a member that comes back in time starts anew', async () => {
  const { clock, errors, members } = watching(1);
  const handler = members[0]!.handlerOf('job')!;
  const request = handler.request!;
  for (let round = 0; round < 4; round++) {
    Object.assign(handler, { request: async () => refusedAnswer('unknown-plan') });
    await clock.advance(15_000);
    Object.assign(handler, { request });
    await clock.advance(6_000);
  }
  assert.deepEqual(errors, []);
});

test('without a cadre nobody is asked', () => {
  assert.equal(watching(0).clock.pending, 0);
});

test('a stopped watch asks nobody', async () => {
  const { clock, watch, asked } = watching();
  watch.stop();
  await clock.advance(60_000);
  assert.deepEqual([asked.count, clock.pending], [0, 0]);
});
