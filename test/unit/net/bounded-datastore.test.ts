import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { peerIdFromString } from '@libp2p/peer-id';
import { generateSigner } from '../../../src/crypto/node/keys.ts';
import { BoundedDatastore } from '../../../src/net/bounded-datastore.ts';

type Key = Parameters<BoundedDatastore['get']>[0];
const key = (name: string) => ({ toString: () => name }) as Key;
const value = Uint8Array.of(1);
const peers = Array.from({ length: 4 }, () => generateSigner().peerId);
const record = (content: string, peer: string) => key(`/dht/provider/${content}/${peer}`);
const book = (peer: string) => key(`/peers/${peerIdFromString(peer).toCID()}`);
const names = (store: BoundedDatastore, prefix: string) =>
  [...store.query({ prefix })].map((pair) => pair.key.toString());

describe('bounded datastore', () => {
  it('stores, finds and deletes by key and by prefix', () => {
    const store = new BoundedDatastore();
    for (const k of [
      record('c1', peers[0]!),
      record('c2', peers[0]!),
      book(peers[1]!),
      key('/x'),
    ]) {
      store.put(k, value);
    }
    assert.ok(store.has(key('/x')) && store.has(record('c1', peers[0]!)));
    assert.deepEqual(store.get(book(peers[1]!)), value);
    assert.deepEqual(names(store, '/dht/provider/c1'), [`/dht/provider/c1/${peers[0]}`]);
    assert.equal(names(store, '/dht/provider').length, 2);
    assert.equal(names(store, '').length, 4);
    store.delete(record('c1', peers[0]!));
    assert.throws(() => store.get(record('c1', peers[0]!)), { name: 'NotFoundError' });
    assert.deepEqual(names(store, '/dht/provider/c1'), []);
    assert.equal([...store.queryKeys({ prefix: '/', limit: 2 })].length, 2);
  });

  it('keeps nothing of the large buffers that entries came in', () => {
    const store = new BoundedDatastore();
    const large = new Uint8Array(65_536).fill(1);
    store.put(book(peers[0]!), large.subarray(10, 20));
    store.put(record('c1', peers[0]!), large.subarray(10, 20));
    for (const { key: kept, value: bytes } of store.query({ prefix: '' })) {
      assert.equal(bytes.buffer.byteLength, 10);
      const name = kept.uint8Array();
      assert.equal(name.buffer.byteLength, name.length);
    }
  });

  it('applies a batch only when it is committed', () => {
    const store = new BoundedDatastore();
    const batch = store.batch();
    batch.put(key('/a'), value);
    assert.ok(!store.has(key('/a')));
    void batch.commit();
    assert.ok(store.has(key('/a')));
  });

  it('holds one peer to its share, at its own expense', () => {
    const store = new BoundedDatastore({ providersPerPeerMax: 3 });
    store.put(record('c0', peers[1]!), value);
    for (let i = 0; i < 10; i++) store.put(record(`c${i}`, peers[0]!), value);
    assert.equal(names(store, '/dht/provider').length, 4);
    assert.ok(store.has(record('c0', peers[1]!)) && store.has(record('c9', peers[0]!)));
    assert.ok(!store.has(record('c0', peers[0]!)));
  });

  it('drops the longest untouched record at the total bound', () => {
    const store = new BoundedDatastore({ providersMax: 3 });
    for (const [i, peer] of peers.slice(0, 3).entries()) store.put(record(`c${i}`, peer), value);
    store.put(record('c0', peers[0]!), value);
    store.put(record('c9', peers[3]!), value);
    assert.ok(store.has(record('c0', peers[0]!)) && !store.has(record('c1', peers[1]!)));
    assert.equal(names(store, '/dht/provider').length, 3);
  });

  it('forgets the records of a peer with its addresses', () => {
    const store = new BoundedDatastore({ peersMax: 2 });
    for (const peer of peers.slice(0, 2)) {
      store.put(book(peer), value);
      store.put(record('c', peer), value);
    }
    store.put(book(peers[2]!), value);
    assert.ok(!store.has(book(peers[0]!)) && !store.has(record('c', peers[0]!)));
    assert.ok(store.has(record('c', peers[1]!)));
    store.delete(book(peers[1]!));
    assert.deepEqual(names(store, '/dht/provider/c'), []);
  });

  it('bounds everything else as well', () => {
    const store = new BoundedDatastore({ othersMax: 5 });
    for (let i = 0; i < 50; i++) store.put(key(`/other/${i}`), value);
    assert.equal(names(store, '/other').length, 5);
  });
});
