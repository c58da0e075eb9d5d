/**
 * Meeting through somebody else's Kademlia: nodes of a network leave provider records of the
 * network's id in a public DHT, and a node that knows nobody looks there, so that no server of the
 * network's own has to live (docs/protocol/joining.md, "Rendezvous"). Each visit is a libp2p client
 * of its own that is gone afterwards: routing tables and protocols never mix.
 */
import { noise } from '@chainsafe/libp2p-noise';
import { type Identify, identify } from '@libp2p/identify';
import type { PrivateKey } from '@libp2p/interface';
import {
  type KadDHT,
  kadDHT,
  passthroughMapper,
  removePrivateAddressesMapper,
} from '@libp2p/kad-dht';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { CID } from 'multiformats/cid';
import { create as createMultihash } from 'multiformats/hashes/digest';
import { utf8 } from '../base/bytes.ts';
import type { Clock, Logger, Timer } from '../base/ports.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import type { RendezvousRule } from '../swarm/network-file.ts';
import { TAGS } from '../wire/tags.ts';
import { addressKind } from './address-kinds.ts';
import { componentLogger } from './component-logger.ts';
import { expandDnsaddrs, type ResolveTxt } from './dnsaddr.ts';
import { tableFilled } from './routing-table.ts';

export interface RendezvousComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly privateKey: PrivateKey;
  readonly resolveTxt: ResolveTxt;
}

export interface RendezvousInit {
  readonly networkId: string;
  readonly rule: RendezvousRule;
}

const PEERS_MAX = 16;
const ADDRESSES_PER_PEER = 4;
const VISIT_TIMEOUT_MS = 60_000;
/** Between two visits of a node that stays alone: to strangers, and to a DHT on the own network. */
const VISIT_INTERVAL_MS = 60_000;
const NEAR_INTERVAL_MS = 2_000;
/** Records of the public DHT live for two days. */
const ANNOUNCE_MS = 12 * 3_600_000;
const CONNECTIONS_MAX = 64;
const SHA2_256 = 0x12;
const RAW = 0x55;

/** Under which a network's nodes are found in another network's DHT. */
export function rendezvousKey(networkId: string): CID {
  const digest = taggedHash(TAGS.network, utf8(networkId));
  return CID.createV1(RAW, createMultihash(SHA2_256, digest));
}

/** Whether a rule is about this machine or its local network: a stand-in, or a private DHT. */
export function isPrivateRendezvous(rule: RendezvousRule): boolean {
  return rule.bootstrap.every((address) => addressKind(address) !== 'public');
}

type Visitor = Libp2p<{ dht: KadDHT }>;

export class Rendezvous {
  readonly name = 'rendezvous';
  readonly isLastResort = true;
  readonly #components: RendezvousComponents;
  readonly #init: RendezvousInit;
  readonly #intervalMs: number;
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;
  #visitedMs = Number.NEGATIVE_INFINITY;

  constructor(components: RendezvousComponents, init: RendezvousInit) {
    this.#components = components;
    this.#init = init;
    this.#intervalMs = isPrivateRendezvous(init.rule) ? NEAR_INTERVAL_MS : VISIT_INTERVAL_MS;
  }

  stop(): void {
    this.#stopping.abort();
    this.#timer?.cancel();
  }

  /** Keeps a record there while `addresses` has any: at once, then twice a day. */
  keep(addresses: () => readonly string[]): void {
    const { clock } = this.#components;
    this.#timer?.cancel();
    const again = (delayMs: number) => {
      if (this.#stopping.signal.aborted) return;
      this.#timer = clock.setTimer(delayMs, () => this.keep(addresses));
    };
    const present = addresses();
    if (present.length === 0) {
      again(this.#intervalMs);
      return;
    }
    void this.announce(present).then((isLeft) => again(isLeft ? ANNOUNCE_MS : this.#intervalMs));
  }

  /** A source of the bootstrap loop: empty soon after a visit, or when nobody was found. */
  async find(): Promise<readonly string[]> {
    const nowMs = this.#components.clock.monotonicMs();
    if (nowMs - this.#visitedMs < this.#intervalMs) return [];
    this.#visitedMs = nowMs;
    const found = new Map<string, readonly string[]>();
    await this.#visit([], async (visitor, signal) => {
      const key = rendezvousKey(this.#init.networkId);
      for await (const event of visitor.services.dht.findProviders(key, { signal })) {
        if (event.name !== 'PROVIDER') continue;
        for (const { id, multiaddrs } of event.providers) {
          if (id.equals(visitor.peerId)) continue;
          const texts = multiaddrs.slice(0, ADDRESSES_PER_PEER).map(String);
          found.set(
            id.toString(),
            texts.map((text) => withPeer(text, id.toString())),
          );
        }
        if (found.size >= PEERS_MAX) return;
      }
    });
    return [...found.values()].flat();
  }

  /** Leaves a record that this node is in the network, with these addresses. */
  async announce(addresses: readonly string[]): Promise<boolean> {
    return this.#visit(addresses, async (visitor, signal) => {
      const key = rendezvousKey(this.#init.networkId);
      for await (const event of visitor.services.dht.provide(key, { signal })) void event;
    });
  }

  /** Joins the other DHT for one errand; false, and a word in the log, when nothing came of it. */
  async #visit(
    announce: readonly string[],
    errand: (visitor: Visitor, signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    const late = AbortSignal.timeout(VISIT_TIMEOUT_MS);
    const signal = AbortSignal.any([late, this.#stopping.signal]);
    const visitor = await this.#visitor(announce);
    try {
      await visitor.start();
      await this.#enter(visitor, signal);
      await tableFilled(visitor.services.dht, signal);
      await errand(visitor, signal);
      return true;
    } catch (cause) {
      this.#components.logger.log('debug', 'rendezvous-failed', { cause: String(cause) });
      return false;
    } finally {
      await visitor.stop();
    }
  }

  async #enter(visitor: Visitor, signal: AbortSignal): Promise<void> {
    const { logger, resolveTxt } = this.#components;
    const entrances = await expandDnsaddrs(this.#init.rule.bootstrap, resolveTxt, (name, cause) => {
      logger.log('debug', 'dnsaddr-unresolved', { name, cause: String(cause) });
    });
    const dials = entrances.map((address) => visitor.dial(multiaddr(address), { signal }));
    await Promise.any(dials);
    // The others go on in the background; the visit ends them.
    void Promise.allSettled(dials);
  }

  #visitor(announce: readonly string[]): Promise<Visitor> {
    const { logger, privateKey } = this.#components;
    const { rule } = this.#init;
    return createLibp2p<{ dht: KadDHT; identify: Identify; ping: Ping }>({
      privateKey,
      start: false,
      addresses: { listen: [], announce: [...announce] },
      logger: componentLogger(logger),
      transports: [tcp(), webSockets()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: { maxConnections: CONNECTIONS_MAX },
      services: {
        identify: identify(),
        ping: ping(),
        dht: kadDHT({
          protocol: rule.protocol,
          clientMode: true,
          peerInfoMapper: isPrivateRendezvous(rule)
            ? passthroughMapper
            : removePrivateAddressesMapper,
        }),
      },
    });
  }
}

function withPeer(address: string, peer: string): string {
  return address.endsWith(`/p2p/${peer}`) ? address : `${address}/p2p/${peer}`;
}
