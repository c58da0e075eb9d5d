import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { merged, PeerMemory, REMEMBERED_MAX } from '../../../src/net/peer-memory.ts';
import { AddressFile } from '../../../src/store/address-file.ts';
import { realClock, silentLogger } from '../../support/real-ports.ts';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const folder = await mkdtemp(join(tmpdir(), 'kadre-memory-'));
after(() => rm(folder, { recursive: true }));

/** A host whose one peer lists these addresses. */
function memoryOver(store: AddressFile, addresses: readonly string[]): PeerMemory {
  const libp2p = {
    peerId: 'self',
    getPeers: () => (addresses.length === 0 ? [] : [PEER]),
    peerStore: {
      get: async () => ({ addresses: addresses.map((a) => ({ multiaddr: multiaddr(a) })) }),
    },
  } as unknown as Libp2p;
  return new PeerMemory({ libp2p, clock: realClock, logger: silentLogger, store });
}

test('peers of one run are known in the next, direct addresses first, also after a lonely one', async () => {
  const store = new AddressFile(join(folder, 'peers.json'));
  const relayed = `/ip4/45.9.0.1/tcp/1/p2p/${PEER}/p2p-circuit`;
  const addresses = [relayed, '/ip4/45.9.0.2/tcp/1', '/ip4/45.9.0.3/tcp/1'];
  const first = memoryOver(store, addresses);
  await first.start();
  assert.deepEqual(await first.find(), []);
  await first.stop();
  const lonely = memoryOver(store, []);
  await lonely.start();
  await lonely.stop();
  const again = memoryOver(store, []);
  await again.start();
  const known = ['/ip4/45.9.0.2/tcp/1', '/ip4/45.9.0.3/tcp/1'].map((a) => `${a}/p2p/${PEER}`);
  assert.deepEqual(await again.find(), known);
  await again.stop();
});

test('a file that is none, too long, or lists no addresses is as good as absent', async () => {
  const file = join(folder, 'bent.json');
  const store = new AddressFile(file);
  const bent = ['', '{', 'null', '{"v":2,"addresses":[]}', '{"v":1,"addresses":{}}'];
  for (const text of [...bent, `{"v":1,"addresses":["${'x'.repeat(70_000)}"]}`]) {
    await writeFile(file, text);
    assert.deepEqual(await store.load(), [], text.slice(0, 30));
  }
  await writeFile(file, '{"v":1,"addresses":["nonsense",7,"/ip4/1.2.3.4/tcp/1"]}');
  const memory = memoryOver(store, []);
  await memory.start();
  assert.deepEqual(await memory.find(), []);
  await memory.stop();
});

test('the newest are kept, and no more than the maximum', () => {
  const old = Array.from({ length: 100 }, (_, index) => `old ${index}`);
  const all = merged(['new', 'old 3'], old);
  assert.equal(all.length, REMEMBERED_MAX);
  assert.deepEqual(all.slice(0, 3), ['new', 'old 3', 'old 0']);
});
