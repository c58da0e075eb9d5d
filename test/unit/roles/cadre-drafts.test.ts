/** Standing in for a silent member: who may ask, who may agree, and what is promised. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PeerId, peerIdOf } from '../../../src/base/ids.ts';
import { signerFromSeed } from '../../../src/crypto/node/keys.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import { standInProblem, standInsLeft } from '../../../src/job/cadre.ts';
import { CadreDrafts } from '../../../src/roles/cadre-drafts.ts';
import { decodeMessage, type JobRequest, jobAnswerShape } from '../../../src/roles/job-messages.ts';
import { PlanCache } from '../../../src/roles/plan-cache.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { firstEpoch, giveAway } from '../../support/epochs.ts';
import { CHECKS, makeJob, signerNamed, unwrap } from '../../support/job-factory.ts';
import { seededRandom } from '../../support/virtual-swarm.ts';

const job = makeJob({ nodes: 8, shards: 2, policy: { replicas: 2, cadre: 4 } });
const { plan } = job;
const begun = firstEpoch(job);
const changed = giveAway(job, begun, 2);
const spare = standInsLeft(plan, []);
const members = plan.seats.map(({ node }) => peerIdOf(node));

type Asked = Partial<Extract<JobRequest, { t: 'stand-in' }>>;

/** The drafts of the node with this roster index. */
function drafting(index: number) {
  const clock = new VirtualClock();
  const signer = job.identity(index);
  const network = new SimHub({ clock }).join(signer.peerId);
  const penalised: string[] = [];
  network.penalise = (_, __, reason) => void penalised.push(reason);
  const seeds = seededRandom(5);
  const busy = { reason: undefined as string | undefined };
  const drafts = new CadreDrafts(
    {
      ...{ network, clock, signer, plans: new PlanCache(CHECKS) },
      keys: { generate: () => sha256(seeds.bytes(32)), signer: signerFromSeed },
    },
    { lifetimeMs: 30_000, busyReason: () => busy.reason, isLive: () => false },
  );
  const ask = (from: PeerId, change: Asked = {}) => {
    const request = { seat: 2, detached: false, package: plan.package, links: [], ...change };
    const answer = drafts.standIn(from, { t: 'stand-in', ...request });
    return unwrap(decodeMessage(answer, jobAnswerShape));
  };
  const reason = (from: PeerId, change: Asked = {}) => {
    const answer = ask(from, change);
    return answer.t === 'refused' ? answer.reason : answer.t;
  };
  return { drafts, clock, ask, reason, penalised, busy };
}

test('every member that asks for a seat gets the same entry, fit for a stand-in', () => {
  const { ask } = drafting(spare[0]!);
  const entries = [members[0]!, members[3]!].map((member) => ask(member));
  assert.deepEqual(entries[0], entries[1]);
  assert.ok(entries[0]!.t === 'entry');
  assert.equal(standInProblem(plan, entries[0]!.entry), undefined);
});

test('nobody but a member of the cadre of now may ask', () => {
  const { reason, penalised } = drafting(spare[1]!);
  const { links } = changed;
  assert.equal(reason(signerNamed('stranger').peerId), 'not-a-member');
  assert.equal(reason(peerIdOf(plan.spec.requester)), 'not-a-member');
  const standIn = peerIdOf(changed.cadre.seats[2]!.node);
  assert.equal(reason(standIn), 'not-a-member');
  assert.equal(reason(standIn, { seat: 1, links }), 'entry');
  assert.equal(reason(members[2]!, { seat: 1, links }), 'not-a-member', 'it lost its seat');
  assert.deepEqual(penalised, []);
  const forged = [{ ...links[0]!, commit: { ...links[0]!.commit, sigs: new Uint8Array(192) } }];
  assert.equal(reason(members[0]!, { seat: 1, links: forged }), 'bad-commit-signature');
  assert.deepEqual(penalised, ['bad-commit-signature']);
});

test('only who ranks in the window and never sat agrees, for a seat that there is', () => {
  const outside = plan.cadreRanks.at(-1)!;
  assert.equal(drafting(outside).reason(members[0]!), 'outside-window');
  const seated = plan.rosterIndexOf(plan.seats[1]!.node)!;
  assert.equal(drafting(seated).reason(members[0]!), 'outside-window');
  const { reason } = drafting(spare[0]!);
  assert.equal(reason(members[0]!, { seat: 4 }), 'bad-seat');
  assert.equal(reason(members[0]!, { links: changed.links, seat: 1 }), 'outside-window');
});

test('a busy node refuses, and a seat that nobody gives is forgotten', async () => {
  const { drafts, clock, reason, busy } = drafting(spare[0]!);
  busy.reason = 'busy';
  assert.equal(reason(members[0]!), 'busy');
  busy.reason = undefined;
  assert.equal(reason(members[0]!), 'entry');
  assert.equal(drafts.size, 1);
  await clock.advance(30_001);
  assert.equal(drafts.size, 0);
  assert.equal(clock.pending, 0);
});
