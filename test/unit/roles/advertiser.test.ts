import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import { Advertiser } from '../../../src/roles/advertiser.ts';
import { WorkGate } from '../../../src/roles/work-gate.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { AdvertBook } from '../../../src/swarm/advert-book.ts';
import { OwnAdvert } from '../../../src/swarm/own-advert.ts';
import { advertOf, NETWORK, signerNumber } from '../../support/adverts.ts';
import { silentLogger } from '../../support/real-ports.ts';

function advertising() {
  const signer = signerNumber(1);
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const [network, peer] = [hub.join(signer.peerId), hub.join()];
  const announced: (readonly string[])[] = [];
  const state = { isDown: false, shards: 0, sequences: [] as number[] };
  const directory = {
    announce: async (classes: readonly string[]) => {
      if (state.isDown) throw new KadreError({ code: 'PEER_UNREACHABLE' }, 'nobody took it');
      announced.push(classes);
    },
    find: async function* () {},
    provide: async () => {},
    withdraw: () => {},
  };
  const book = new AdvertBook({ clock }, { network: NETWORK });
  const own = new OwnAdvert(
    { signer, clock },
    { network: NETWORK, software: 'kadre/test', lastSequence: 0 },
  );
  const { roles, addresses, devices, kernels } = advertOf(signer);
  const facts = () => {
    return { roles, addresses, devices, kernels, load: { shards: state.shards, plans: 0 } };
  };
  const onSequence = (sequence: number) => void state.sequences.push(sequence);
  const gate = new WorkGate();
  const advertiser = new Advertiser({
    gate,
    network,
    directory,
    book,
    clock,
    log: silentLogger,
    own,
    facts,
    onSequence,
  });
  const fetch = async () => {
    const bytes = await clock.run(peer.request(signer.peerId, 'advert', new Uint8Array(0)));
    const reader = new AdvertBook({ clock }, { network: NETWORK });
    const checked = reader.offer(bytes, { expect: signer.nodeId });
    assert.ok(checked.ok);
    return checked.value.advert;
  };
  return { gate, advertiser, clock, announced, state, fetch, book, signer };
}

test('at rest it shows no advert, so that nobody plans on it, and then again', async () => {
  const { advertiser, gate, fetch } = advertising();
  await advertiser.start();
  gate.close('draining');
  await assert.rejects(fetch(), { code: 'PEER_REFUSED' });
  gate.open('draining');
  assert.ok((await fetch()).sequence > 0);
  await advertiser.stop();
});

test('it shows a valid advert, is in its own book, and announces what it can do', async () => {
  const { advertiser, clock, announced, fetch, book, signer, state } = advertising();
  await advertiser.start();
  const advert = await fetch();
  assert.deepEqual(book.get(signer.peerId)?.advert, advert);
  assert.deepEqual(state.sequences, [advert.sequence]);
  await clock.advance(10);
  assert.deepEqual(announced[0]?.includes('kernel/noop@1'), true);
  await advertiser.stop();
});

test('a new load makes a new advert, not more often than it may', async () => {
  const { advertiser, clock, fetch, state } = advertising();
  await advertiser.start();
  const first = await fetch();
  state.shards = 5;
  assert.equal((await fetch()).sequence, first.sequence);
  await clock.advance(5_000);
  const second = await fetch();
  assert.ok(second.sequence > first.sequence);
  assert.deepEqual([second.load.shards, state.sequences.length], [5, 2]);
  await advertiser.stop();
});

test('an advert is renewed before it expires', async () => {
  const { advertiser, clock, fetch } = advertising();
  await advertiser.start();
  const first = await fetch();
  await clock.advance(first.expiresMs - first.issuedMs);
  assert.ok((await fetch()).expiresMs > clock.wallMs());
  await advertiser.stop();
});

test('what nobody took is announced again soon, what somebody took in an hour', async () => {
  const { advertiser, clock, announced, state } = advertising();
  state.isDown = true;
  await advertiser.start();
  await clock.advance(5_000);
  state.isDown = false;
  await clock.advance(2_000);
  assert.equal(announced.length, 1);
  await clock.advance(3_590_000);
  assert.equal(announced.length, 1);
  await clock.advance(20_000);
  assert.equal(announced.length, 2);
  await advertiser.stop();
});

test('a stopped advertiser announces nothing and answers nobody', async () => {
  const { advertiser, clock, announced, fetch } = advertising();
  await advertiser.start();
  await clock.advance(10);
  await advertiser.stop();
  await clock.advance(10_000_000);
  assert.deepEqual([announced.length, clock.pending], [1, 0]);
  await assert.rejects(fetch());
});
