import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proveMembership } from '../../../src/sdk/prove-membership.ts';
import {
  checkAdmission,
  formatInvitation,
  PuzzleSearch,
  parseInvitation,
  signInvitation,
} from '../../../src/swarm/admission.ts';
import type { Admission } from '../../../src/swarm/advert.ts';
import { AdvertBook } from '../../../src/swarm/advert-book.ts';
import type { AdmissionRule } from '../../../src/swarm/network-file.ts';
import { OwnAdvert } from '../../../src/swarm/own-advert.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { advertOf, NETWORK, StillClock, signedOf, signerNumber } from '../../support/adverts.ts';

const [authority, guest, stranger] = [signerNumber(1), signerNumber(2), signerNumber(3)];
const byInvitation: AdmissionRule = { kind: 'invite', authority: authority.peerId };
const byPuzzle: AdmissionRule = { kind: 'open', bits: 8 };
const invitation: Admission = {
  kind: 'invite',
  proof: signInvitation(authority, NETWORK, guest.nodeId),
};

const reasonOf = (rule: AdmissionRule, node: Uint8Array, shown?: Admission, network = NETWORK) =>
  checkAdmission(rule, network, node, shown)?.reason;

test('an invitation holds for one node of one network, from the authority alone', () => {
  assert.equal(reasonOf(byInvitation, guest.nodeId, invitation), undefined);
  assert.equal(reasonOf(byInvitation, stranger.nodeId, invitation), 'bad-admission');
  assert.equal(reasonOf(byInvitation, guest.nodeId, invitation, 'other'), 'bad-admission');
  const forged = signInvitation(stranger, NETWORK, guest.nodeId);
  assert.equal(
    reasonOf(byInvitation, guest.nodeId, { kind: 'invite', proof: forged }),
    'bad-admission',
  );
  assert.equal(reasonOf(byInvitation, guest.nodeId), 'not-admitted');
  const claimed: Admission = { kind: 'open', proof: invitation.proof };
  assert.equal(reasonOf(byInvitation, guest.nodeId, claimed), 'not-admitted');
  assert.equal(reasonOf({ kind: 'none' }, guest.nodeId, invitation), 'unsupported-admission');
});

test('an invitation survives being read aloud, and nothing else does', () => {
  assert.deepEqual(parseInvitation(formatInvitation(invitation.proof)), invitation);
  for (const text of ['', 'xyz', '00', 'ab'.repeat(65)]) {
    assert.equal(parseInvitation(text), undefined);
  }
});

test('a puzzle costs tries, and its solution is worth nothing to another identity', () => {
  const search = new PuzzleSearch(NETWORK, guest.nodeId, 8);
  let solution = search.attempt(1);
  let tries = 1;
  for (; solution === undefined; tries++) solution = search.attempt(1);
  assert.ok(tries > 1);
  assert.equal(reasonOf(byPuzzle, guest.nodeId, solution), undefined);
  assert.equal(reasonOf(byPuzzle, stranger.nodeId, solution), 'bad-admission');
  assert.equal(reasonOf({ kind: 'open', bits: 40 }, guest.nodeId, solution), 'bad-admission');
  assert.equal(reasonOf(byPuzzle, guest.nodeId, solution, 'other'), 'bad-admission');
});

test('a node proves itself: authority by signing, guest by what it was given, others not', async () => {
  const network = { id: NETWORK, name: 'n', admission: byInvitation };
  const own = await proveMembership(network, authority);
  assert.equal(reasonOf(byInvitation, authority.nodeId, own.own), undefined);
  const text = formatInvitation(invitation.proof);
  const given = await proveMembership(network, guest, { invitation: text });
  assert.deepEqual(given.own, invitation);
  assert.equal((await proveMembership(network, guest, { held: invitation })).own, invitation);
  for (const options of [{}, { invitation: text }, { held: invitation }, { invitation: 'x' }]) {
    await assert.rejects(proveMembership(network, stranger, options), { code: 'NOT_INVITED' });
  }
  const open = { ...network, admission: byPuzzle };
  const solved = await proveMembership(open, stranger, { held: invitation });
  assert.equal(reasonOf(byPuzzle, stranger.nodeId, solved.own), undefined);
  const endless = { ...network, admission: { kind: 'open', bits: 40 } } as const;
  const signal = AbortSignal.abort();
  await assert.rejects(proveMembership(endless, guest, { signal }), { code: 'INTERRUPTED' });
});

test('adverts of a closed network carry the proof, and rosters take no others', () => {
  const clock = new StillClock();
  const book = new AdvertBook({ clock }, { network: NETWORK, admission: byInvitation });
  const membership = { rule: byInvitation, own: invitation };
  const init = { network: NETWORK, software: 'kadre/0.0.1', lastSequence: 0, membership };
  const signed = new OwnAdvert({ signer: guest, clock }, init).issue(advertOf(guest));
  assert.ok(book.offer(encodeCanonical(signed)).ok);
  assert.ok(book.check(signed).ok);
  const outside = signedOf(stranger);
  const borrowed = signedOf(stranger, { admission: invitation });
  for (const [advert, reason] of [
    [outside, 'not-admitted'],
    [borrowed, 'bad-admission'],
  ] as const) {
    const offered = book.offer(encodeCanonical(advert));
    const checked = book.check(advert);
    assert.ok(!offered.ok && !checked.ok);
    assert.deepEqual([offered.reason, checked.reason], [reason, reason]);
  }
  assert.equal(book.size, 1);
});
