/** What is handed over to a later epoch: everything in it is checked, nothing believed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerIdOf } from '../../../src/base/ids.ts';
import type { Network } from '../../../src/base/ports.ts';
import { sleep } from '../../../src/base/signals.ts';
import type { EpochLink } from '../../../src/certificate/epochs.ts';
import { SNAPSHOT_BYTES_MAX } from '../../../src/consensus/messages.ts';
import {
  fetchHandover,
  handoverAnswer,
  openHandover,
  openLinks,
} from '../../../src/roles/handover.ts';
import {
  decodeMessage,
  encodeMessage,
  HANDOVER_CHUNK_BYTES,
  jobRequestShape,
} from '../../../src/roles/job-messages.ts';
import { JudgeList } from '../../../src/roles/judges.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import type { StoredHandover } from '../../../src/store/plan-store.ts';
import { certify, firstEpoch, giveAway, recertified, standInFor } from '../../support/epochs.ts';
import { digestOf, makeJob, unwrap, workOf } from '../../support/job-factory.ts';

const job = makeJob({ nodes: 8, shards: 2, policy: { replicas: 2, cadre: 4 } });
const { plan } = job;
const begun = firstEpoch(job);
const { seal } = workOf(job, { worker: plan.workers[0]!, shards: [0] });
const once = giveAway(job, begun, 2, [seal.record]);
const twice = giveAway(job, once, 0);

async function open(handover: StoredHandover): Promise<string> {
  const clock = new VirtualClock();
  const opened = await clock.run(openHandover(plan, handover, clock));
  return opened.ok ? `epoch ${opened.value.cadre.epoch}` : opened.reason;
}

const linksOf = (...links: EpochLink[]) => {
  const opened = openLinks(plan, links);
  return opened.ok ? `epoch ${opened.value.cadre.epoch}` : opened.reason;
};

test('one epoch or two in a step: the state is the one that the last link certified', async () => {
  assert.equal(await open(once), 'epoch 1');
  const clock = new VirtualClock();
  const opened = await clock.run(openHandover(plan, twice, clock));
  assert.ok(opened.ok);
  assert.deepEqual(opened.value.cadre, twice.cadre);
  assert.deepEqual(opened.value.start.state.ledger, twice.state.ledger);
});

test('a history of another state, or of none, is refused', async () => {
  const { links } = once;
  assert.equal(await open({ links, history: twice.history }), 'history-of-other-state');
  assert.equal(await open({ links: twice.links, history: once.history }), 'history-of-other-state');
  assert.equal(await open({ links: [], history: once.history }), 'no-links');
  const bent = once.history.slice();
  bent[bent.length - 1]! ^= 1;
  assert.notEqual(await open({ links, history: bent }), 'epoch 1');
  assert.notEqual(await open({ links, history: once.history.subarray(1) }), 'epoch 1');
});

test('links that no quorum of the right cadre signed are refused', () => {
  const [first, second] = twice.links as [EpochLink, EpochLink];
  assert.equal(linksOf(first), 'epoch 1');
  assert.equal(linksOf(second), 'wrong-epoch');
  const { commit } = first;
  const weak = { ...first, commit: certify(job, begun, commit, [0, 1]) };
  assert.equal(linksOf(weak), 'too-few-signers');
  // The seat that was given away has no say in the epoch after.
  const old = { ...once, keys: begun.keys };
  const forged = { ...second, commit: certify(job, old, second.commit, [0, 1, 2]) };
  assert.equal(linksOf(first, forged), 'bad-commit-signature');
  const honest = { ...second, commit: certify(job, once, second.commit, [0, 1, 2]) };
  assert.equal(linksOf(first, honest), 'epoch 2');
});

test('a certificate for one stand-in seats no other', () => {
  const [first] = once.links as [EpochLink];
  const other = standInFor(job, begun, { seat: 2, nth: 1 }).entry;
  assert.equal(linksOf({ ...first, entry: other }), 'wrong-next-cadre');
  const unsaid = recertified(job, begun, first, ({ nextCadreRoot: _, ...rest }) => rest);
  assert.equal(linksOf(unsaid), 'wrong-next-cadre');
  const lied = { ...first.commit, nextCadreRoot: digestOf(9) };
  assert.equal(linksOf(recertified(job, begun, first, () => lied)), 'wrong-next-cadre');
  assert.equal(linksOf(first, { ...first }), 'seated-before');
});

test('judges change by proof alone, and only from a judge', () => {
  const judges = new JudgeList(plan);
  const [gone, stays] = [plan.seats[2]!, plan.seats[1]!].map(({ node }) => peerIdOf(node));
  const standIn = peerIdOf(once.cadre.seats[2]!.node);
  const refused = judges.adopt(standIn, once.links);
  assert.equal(!refused.ok && refused.reason, 'not-a-judge');
  const adopted = judges.adopt(stays!, once.links);
  assert.deepEqual(adopted.ok && adopted.value, [gone]);
  assert.ok(judges.has(standIn) && !judges.has(gone!));
  const again = judges.adopt(stays!, once.links);
  assert.deepEqual(again.ok && again.value, []);
  const forged = judges.adopt(stays!, [once.links[0]!, once.links[0]!]);
  assert.equal(!forged.ok && forged.reason, 'seated-before');
});

/** Fetches from a peer that answers so; the bytes asked for so far are given. */
async function fetchFrom(answer: (offset: number) => Uint8Array | Promise<Uint8Array>) {
  const clock = new VirtualClock();
  const asked: number[] = [];
  const network = {
    request: async (_: string, __: string, body: Uint8Array) => {
      const request = unwrap(decodeMessage(body, jobRequestShape));
      assert.ok(request.t === 'handover');
      asked.push(request.offset);
      await sleep(clock, 4_000);
      return answer(request.offset);
    },
  } as unknown as Network;
  const fetching = fetchHandover({ network, clock }, 'peer', plan.planId, {});
  const end = clock.run(fetching).then(
    (fetched) => fetched,
    (error: { code: string }) => error.code,
  );
  return { end: await end, asked };
}

test('a handover comes in whole pieces, or from somebody else', async () => {
  const long = { links: once.links, history: new Uint8Array(1_200_000).fill(7) };
  const whole = await fetchFrom((offset) => handoverAnswer(long, offset));
  assert.deepEqual(whole.end, long);
  assert.deepEqual(whole.asked, [0, HANDOVER_CHUNK_BYTES, 2 * HANDOVER_CHUNK_BYTES]);
  const piece = (bytes: number, total: number) =>
    encodeMessage({ t: 'handover', links: [], total, bytes: new Uint8Array(bytes) });
  // A byte at a time would take for ever; so would nothing.
  for (const bytes of [0, 1]) {
    const dripped = await fetchFrom(() => piece(bytes, 1_200_000));
    assert.deepEqual([dripped.end, dripped.asked.length], ['PEER_MISBEHAVED', 1]);
  }
  const grown = await fetchFrom((offset) => piece(HANDOVER_CHUNK_BYTES, 2_000_000 + offset));
  assert.deepEqual([grown.end, grown.asked.length], ['PEER_MISBEHAVED', 2]);
  const slow = await fetchFrom(() => piece(HANDOVER_CHUNK_BYTES, SNAPSHOT_BYTES_MAX));
  assert.equal(slow.end, 'TIMEOUT');
  assert.ok(slow.asked.length < 20);
});
