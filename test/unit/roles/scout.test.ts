import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProviderHint } from '../../../src/base/ports.ts';
import { Scout, type Wanted } from '../../../src/roles/scout.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { AdvertBook } from '../../../src/swarm/advert-book.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { NETWORK, signedOf, signerNumber } from '../../support/adverts.ts';
import { silentLogger } from '../../support/real-ports.ts';

const WANTED: Wanted = { kernel: 'noop@1', workersMin: 3, cadreMin: 2, waitMs: 5_000 };

/** Peers that answer with their advert, or with what a test makes of it. */
function world() {
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const network = hub.join();
  const book = new AdvertBook({ clock }, { network: NETWORK });
  const counts = { searches: 0, adverts: 0 };
  const hints: ProviderHint[] = [];
  const directory = {
    announce: async () => {},
    provide: async () => {},
    withdraw: () => {},
    find: async function* () {
      counts.searches += 1;
      yield* hints;
    },
  };
  const scout = new Scout({ network, directory, book, clock, log: silentLogger });
  const add = (number: number, bend: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes) => {
    const signer = signerNumber(number);
    hub.join(signer.peerId).handle('advert', {
      request: async () => {
        counts.adverts += 1;
        return bend(encodeCanonical(signedOf(signer)));
      },
    });
    hints.push({ peer: signer.peerId, addresses: [] });
    return signer;
  };
  const gather = (wanted: Partial<Wanted> = {}, signal?: AbortSignal) =>
    clock.run(scout.gather({ ...WANTED, ...wanted }, { signal }));
  return { clock, hub, network, book, scout, add, gather, counts, directory };
}

test('peers are found, checked, and asked once', async () => {
  const { add, gather, counts, book } = world();
  for (let i = 1; i <= 4; i++) add(i);
  assert.equal((await gather()).length, 4);
  assert.equal(book.size, 4);
  const { searches, adverts } = counts;
  assert.equal((await gather()).length, 4);
  assert.deepEqual(counts, { searches, adverts }, 'a fresh search answers for a while');
});

test('a required device is looked for under its own classes, and counts', async () => {
  const { add, gather, directory } = world();
  for (let i = 1; i <= 4; i++) add(i);
  const names: string[] = [];
  const { find } = directory as { find(name?: string): AsyncGenerator<ProviderHint> };
  Object.assign(directory, {
    find: (name: string) => {
      names.push(name);
      return find();
    },
  });
  const requires = { kind: 'cuda', capability: 100 } as const;
  await assert.rejects(gather({ requires, waitMs: 100 }), /0 workers for noop@1 on .*cuda.*need 3/);
  const classes = ['kernel/noop@1', 'role/cadre', 'cuda/sm_100', 'cuda/sm_121'];
  for (const name of classes) assert.ok(names.includes(name), name);
  assert.ok(!names.includes('cuda/sm_90'));
  assert.equal((await gather({ requires: { kind: 'cpu' } })).length, 4);
});

test('a search grows old', async () => {
  const { add, gather, counts, clock } = world();
  for (let i = 1; i <= 3; i++) add(i);
  await gather();
  const { searches } = counts;
  await clock.advance(30_000);
  add(4);
  assert.equal((await gather()).length, 4);
  assert.ok(counts.searches > searches);
});

test('too few peers: looked for until the time is over, then said how many there are', async () => {
  const { add, gather, clock, counts } = world();
  add(1);
  await assert.rejects(gather(), (error: { code: string; data: Record<string, unknown> }) => {
    assert.equal(error.code, 'NOT_ENOUGH_PEERS');
    assert.deepEqual([error.data.workers, error.data.cadre], [1, 1]);
    return true;
  });
  assert.ok(clock.monotonicMs() >= 5_000 && clock.monotonicMs() < 6_000);
  assert.ok(counts.searches > 4, 'looked again and again');
});

test('who comes late is still found', async () => {
  const { add, gather, clock } = world();
  add(1);
  add(2);
  clock.setTimer(2_000, () => add(3));
  assert.equal((await gather()).length, 3);
  assert.ok(clock.monotonicMs() < 3_000);
});

test('a forged advert is not taken, and costs who sent it', async () => {
  const { add, gather, network } = world();
  for (let i = 1; i <= 3; i++) add(i);
  const forger = add(4, (bytes) =>
    bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
  );
  const liar = add(5, () => encodeCanonical(signedOf(signerNumber(1))));
  assert.equal((await gather()).length, 3);
  const blamed = new Set(
    network.penalties.filter((p) => p.penalty !== 'ignore').map((p) => p.peer),
  );
  assert.deepEqual(blamed, new Set([forger.peerId, liar.peerId]));
});

test('a slow peer does not hold up a roster that is large enough', async () => {
  const { add, gather, clock, hub } = world();
  for (let i = 1; i <= 3; i++) add(i);
  const silent = add(4);
  Object.assign(hub.peers.get(silent.peerId)!.handlerOf('advert')!, {
    request: () => new Promise(() => {}),
  });
  assert.equal((await gather()).length, 3);
  assert.ok(clock.monotonicMs() <= 1_500);
});

test('a directory that fails or never ends costs nothing but time', async () => {
  const { add, gather, clock, directory, network } = world();
  for (let i = 1; i <= 3; i++) add(i);
  const peers = [1, 2, 3].map((number) => signerNumber(number).peerId);
  for (const peer of peers) await network.request(peer, 'advert', new Uint8Array(0));
  Object.assign(directory, {
    find: () => {
      throw new Error('no route');
    },
  });
  assert.equal((await gather()).length, 3, 'neighbours are enough');
  assert.ok(clock.monotonicMs() < 1_200, 'the time of a first search');
});

test('who connects while the first search is under way is in the roster', async () => {
  const { add, gather, clock, network } = world();
  for (let i = 1; i <= 3; i++) add(i);
  clock.setTimer(400, () => {
    add(4);
    // Any exchange makes it a neighbour; the directory was asked before.
    void network.request(signerNumber(4).peerId, 'advert', new Uint8Array(0));
  });
  assert.equal((await gather()).length, 4);
});

test('an abort ends the search at once, with a code', async () => {
  const { add, gather, clock } = world();
  add(1);
  const abort = new AbortController();
  clock.setTimer(1_000, () => abort.abort());
  await assert.rejects(gather({}, abort.signal), (error: { name: string }) => error !== undefined);
  assert.ok(clock.monotonicMs() < 1_500);
});
