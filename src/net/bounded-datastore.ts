/**
 * Where libp2p keeps what other peers told it: DHT provider records and the address book. It is
 * in memory and bounded, because strangers write to it: at most `PROVIDERS_MAX` provider records,
 * `PROVIDERS_PER_PEER_MAX` of any one peer, and `PEERS_MAX` peers; the longest untouched goes
 * first.
 *
 * A provider record of a peer that the address book has dropped would make every answer for its key
 * fail inside the DHT, so forgetting a peer forgets its records too.
 */
import { NotFoundError } from '@libp2p/interface';
import { peerIdFromCID } from '@libp2p/peer-id';
import { Key } from 'interface-datastore/key';
import type { Libp2pInit } from 'libp2p';
import { CID } from 'multiformats/cid';

type Datastore = NonNullable<Libp2pInit['datastore']>;
type Query = Parameters<Datastore['query']>[0];
type KeyQuery = Parameters<Datastore['queryKeys']>[0];
interface Pair {
  readonly key: Key;
  readonly value: Uint8Array;
}

const PEER_PREFIX = '/peers/';
const PROVIDER_PREFIX = '/dht/provider/';

export interface BoundedDatastoreInit {
  readonly providersMax?: number;
  readonly providersPerPeerMax?: number;
  readonly peersMax?: number;
  readonly othersMax?: number;
}

const PROVIDERS_MAX = 65_536;
const PROVIDERS_PER_PEER_MAX = 512;
const PEERS_MAX = 16_384;
const OTHERS_MAX = 4096;

export class BoundedDatastore implements Datastore {
  readonly #init: Required<BoundedDatastoreInit>;
  readonly #peers = new Map<string, Pair>();
  readonly #others = new Map<string, Pair>();
  /** Provider records by key folder, and the folders of each provider; insertion order is age. */
  readonly #providers = new Map<string, Map<string, Pair>>();
  readonly #providersOf = new Map<string, Set<string>>();
  #providerCount = 0;

  constructor(init: BoundedDatastoreInit = {}) {
    this.#init = {
      providersMax: PROVIDERS_MAX,
      providersPerPeerMax: PROVIDERS_PER_PEER_MAX,
      peersMax: PEERS_MAX,
      othersMax: OTHERS_MAX,
      ...init,
    };
  }

  put(key: Key, value: Uint8Array): Key {
    const name = key.toString();
    const pair = ownCopy(name, value);
    if (name.startsWith(PROVIDER_PREFIX)) this.#putProvider(name, pair);
    else if (name.startsWith(PEER_PREFIX)) this.#putPeer(name, pair);
    else putYoungest(this.#others, name, pair, this.#init.othersMax);
    return key;
  }

  get(key: Key): Uint8Array {
    const found = this.#find(key);
    if (found === undefined) throw new NotFoundError(`no entry ${key.toString()}`);
    return found.value;
  }

  has(key: Key): boolean {
    return this.#find(key) !== undefined;
  }

  delete(key: Key): void {
    const name = key.toString();
    if (name.startsWith(PROVIDER_PREFIX)) this.#dropProvider(...split(name));
    else if (name.startsWith(PEER_PREFIX)) this.#dropPeer(name);
    else this.#others.delete(name);
  }

  async *putMany(
    source:
      | Iterable<{ key: Key; value: Uint8Array }>
      | AsyncIterable<{ key: Key; value: Uint8Array }>,
  ): AsyncGenerator<Key> {
    for await (const { key, value } of source) yield this.put(key, value);
  }

  async *getMany(source: Iterable<Key> | AsyncIterable<Key>): AsyncGenerator<Pair> {
    for await (const key of source) yield { key, value: this.get(key) };
  }

  async *deleteMany(source: Iterable<Key> | AsyncIterable<Key>): AsyncGenerator<Key> {
    for await (const key of source) {
      this.delete(key);
      yield key;
    }
  }

  batch(): ReturnType<Datastore['batch']> {
    const steps: (() => void)[] = [];
    return {
      put: (key, value) => {
        steps.push(() => this.put(key, value));
      },
      delete: (key) => {
        steps.push(() => this.delete(key));
      },
      commit: () => {
        for (const step of steps.splice(0)) step();
      },
    };
  }

  *query(query: Query): Generator<Pair> {
    let pairs = [...this.#under(query.prefix ?? '')];
    for (const filter of query.filters ?? []) pairs = pairs.filter(filter);
    for (const order of query.orders ?? []) pairs.sort(order);
    yield* page(pairs, query);
  }

  *queryKeys(query: KeyQuery): Generator<Key> {
    let keys = [...this.#under(query.prefix ?? '')].map(({ key }) => key);
    for (const filter of query.filters ?? []) keys = keys.filter(filter);
    for (const order of query.orders ?? []) keys.sort(order);
    yield* page(keys, query);
  }

  #find(key: Key): Pair | undefined {
    const name = key.toString();
    if (name.startsWith(PEER_PREFIX)) return this.#peers.get(name);
    if (!name.startsWith(PROVIDER_PREFIX)) return this.#others.get(name);
    const [folder, peer] = split(name);
    return this.#providers.get(folder)?.get(peer);
  }

  /** One folder when the prefix names exactly that, which is what a lookup asks for. */
  *#under(prefix: string): Generator<Pair> {
    const folder = this.#providers.get(prefix);
    if (folder !== undefined) {
      yield* folder.values();
      return;
    }
    const all = [this.#peers, this.#others, ...this.#providers.values()];
    for (const map of all) {
      for (const pair of map.values()) if (pair.key.toString().startsWith(prefix)) yield pair;
    }
  }

  #putPeer(name: string, pair: Pair): void {
    const oldest = this.#peers.keys().next().value;
    const isFull = this.#peers.size >= this.#init.peersMax && !this.#peers.has(name);
    if (isFull && oldest !== undefined) this.#dropPeer(oldest);
    putYoungest(this.#peers, name, pair, this.#init.peersMax);
  }

  #dropPeer(name: string): void {
    this.#peers.delete(name);
    const peer = peerOfKey(name);
    if (peer === undefined) return;
    for (const folder of [...(this.#providersOf.get(peer) ?? [])]) this.#dropProvider(folder, peer);
  }

  #putProvider(name: string, pair: Pair): void {
    const [folder, peer] = split(name);
    this.#dropProvider(folder, peer);
    const folders = this.#providersOf.get(peer) ?? new Set();
    // A peer over its share pushes out its own oldest record, never someone else's.
    if (folders.size >= this.#init.providersPerPeerMax) {
      this.#dropProvider(folders.values().next().value!, peer);
    } else if (this.#providerCount >= this.#init.providersMax) {
      this.#dropOldestProvider();
    }
    const records = this.#providers.get(folder) ?? new Map<string, Pair>();
    records.set(peer, pair);
    // Re-inserting keeps the map ordered by the last touch of each key.
    this.#providers.delete(folder);
    this.#providers.set(folder, records);
    folders.add(folder);
    this.#providersOf.set(peer, folders);
    this.#providerCount += 1;
  }

  #dropProvider(folder: string, peer: string): void {
    const records = this.#providers.get(folder);
    if (records === undefined || !records.delete(peer)) return;
    this.#providerCount -= 1;
    if (records.size === 0) this.#providers.delete(folder);
    const folders = this.#providersOf.get(peer);
    folders?.delete(folder);
    if (folders?.size === 0) this.#providersOf.delete(peer);
  }

  #dropOldestProvider(): void {
    const oldest = this.#providers.entries().next().value;
    if (oldest === undefined) return;
    const [folder, records] = oldest;
    const peer = records.keys().next().value;
    if (peer !== undefined) this.#dropProvider(folder, peer);
  }
}

/**
 * Bytes that libp2p hands over are views of large buffers, of sockets and of Node's pool: kept as
 * they are, an entry of a hundred bytes would hold 64 KiB.
 */
function ownCopy(name: string, value: Uint8Array): Pair {
  const key = new Key(new Uint8Array(new TextEncoder().encode(name)), false);
  return { key, value: new Uint8Array(value) };
}

function putYoungest(map: Map<string, Pair>, name: string, pair: Pair, max: number): void {
  map.delete(name);
  if (map.size >= max) map.delete(map.keys().next().value!);
  map.set(name, pair);
}

/** A provider record's key is /dht/provider/<content>/<peer>. */
function split(name: string): [folder: string, peer: string] {
  const cut = name.lastIndexOf('/');
  return [name.slice(0, cut), name.slice(cut + 1)];
}

/** An address book key is /peers/<peer id as CID>; records name the peer in base58. */
function peerOfKey(name: string): string | undefined {
  try {
    return peerIdFromCID(CID.parse(name.slice(PEER_PREFIX.length))).toString();
  } catch {
    return undefined;
  }
}

function* page<T>(items: readonly T[], query: { offset?: number; limit?: number }): Generator<T> {
  const start = query.offset ?? 0;
  yield* items.slice(start, query.limit === undefined ? undefined : start + query.limit);
}
