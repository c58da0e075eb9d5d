import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAdvert } from '../../../src/swarm/check-advert.ts';
import {
  type AdvertFacts,
  CAPABILITY_CLASSES_MAX,
  capabilityClasses,
  LOAD_REFRESH_MS,
  OwnAdvert,
} from '../../../src/swarm/own-advert.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { advertOf, ISSUED_MS, NETWORK, StillClock, signerNumber } from '../../support/adverts.ts';

const signer = signerNumber(1);
const { roles, addresses, devices, kernels, load } = advertOf(signer);
const facts: AdvertFacts = { roles, addresses, devices, kernels, load };

function ownOf(lastSequence = 0) {
  const clock = new StillClock();
  const init = { network: NETWORK, software: 'kadre/0.0.1', lastSequence };
  return { clock, own: new OwnAdvert({ signer, clock }, init) };
}

test('what it issues passes the check of strangers', () => {
  const { own } = ownOf();
  const rules = { network: NETWORK, wallMs: ISSUED_MS, expect: signer.nodeId };
  assert.ok(checkAdvert(encodeCanonical(own.current(facts)), rules).ok);
});

test('an advert serves until half of its lifetime', () => {
  const { own, clock } = ownOf();
  assert.equal(own.refreshInMs(), 0);
  const first = own.current(facts);
  assert.equal(own.refreshInMs(), 1_800_000);
  clock.nowMs += 1_799_999;
  assert.equal(own.current(facts), first);
  clock.nowMs += 1;
  assert.equal(own.refreshInMs(), 0);
  const second = own.current(facts);
  assert.notEqual(second, first);
  assert.ok(second.advert.sequence > first.advert.sequence);
  assert.equal(second.advert.issuedMs, clock.nowMs);
});

test('changed capabilities show at once, changed load every few seconds', () => {
  const { own, clock } = ownOf();
  const first = own.current(facts);
  const busy = { ...facts, load: { shards: 3, plans: 1 } };
  assert.equal(own.current(busy), first);
  clock.nowMs += LOAD_REFRESH_MS;
  assert.equal(own.current(facts), first);
  const second = own.current(busy);
  assert.deepEqual(second.advert.load, busy.load);
  const third = own.current({ ...busy, roles: ['cadre'] });
  assert.deepEqual(third.advert.roles, ['cadre']);
});

test('sequences rise over restarts and clocks set back', () => {
  const { own, clock } = ownOf(ISSUED_MS + 10);
  assert.equal(own.current(facts).advert.sequence, ISSUED_MS + 11);
  clock.nowMs -= 1_000_000;
  const sane = own.current(facts).advert;
  assert.equal(sane.sequence, ISSUED_MS + 12);
  assert.equal(sane.issuedMs, clock.nowMs);
  assert.equal(own.sequence, ISSUED_MS + 12);
  clock.nowMs = ISSUED_MS + 1_000_000;
  assert.equal(own.issue(facts).advert.sequence, ISSUED_MS + 1_000_000);
});

test('more addresses than an advert holds are cut, each named once', () => {
  const { own } = ownOf();
  const many = Array.from({ length: 20 }, (_, i) => `/ip4/10.0.0.${i}/tcp/1/p2p/${signer.peerId}`);
  const first = own.current({ ...facts, addresses: [many[0]!, ...many] });
  assert.deepEqual(first.advert.addresses, many.slice(0, 16));
  assert.equal(own.current({ ...facts, addresses: many }), first);
});

test('an advert that strangers would refuse is a bug, found at once', () => {
  const { own } = ownOf();
  assert.throws(() => own.current({ ...facts, devices: [] }), /own advert is refused: bad-kernel/);
});

test('capability classes: roles, devices, kernels, none twice, bounded', () => {
  assert.deepEqual(capabilityClasses({ ...facts, devices: [devices[0]!, devices[0]!] }), [
    'role/worker',
    'role/cadre',
    'cpu/avx2',
    'kernel/noop@1',
    'kernel/gemm.f32@1',
  ]);
  const many = Array.from({ length: 128 }, (_, i) => ({ ...kernels[0]!, id: `k${i}@1` }));
  const classes = capabilityClasses({ ...facts, kernels: many });
  assert.equal(classes.length, CAPABILITY_CLASSES_MAX);
  assert.equal(classes[0], 'role/worker');
});
