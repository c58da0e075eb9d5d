/**
 * Peers of the last run: where they were reached is kept, so that a node that knew a network finds
 * it again although every bootstrap node is gone (docs/protocol/joining.md, "Sources").
 */
import type { Libp2p } from 'libp2p';
import type { Clock, Logger, Timer } from '../base/ports.ts';
import { isBootstrapAddress } from '../swarm/network-file.ts';
import { addressKind } from './address-kinds.ts';

/** Where addresses survive a restart. `load` of nothing, or of rubbish, is an empty list. */
export interface AddressStore {
  load(): Promise<readonly string[]>;
  save(addresses: readonly string[]): Promise<void>;
}

export interface PeerMemoryComponents {
  readonly libp2p: Libp2p;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: AddressStore;
}

export const REMEMBERED_MAX = 64;
const PER_PEER = 2;
const SAVE_MS = 60_000;

export class PeerMemory {
  readonly name = 'remembered';
  readonly #components: PeerMemoryComponents;
  #known: readonly string[] = [];
  #timer: Timer | undefined;

  constructor(components: PeerMemoryComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    const { logger, store } = this.#components;
    const loaded = await store.load().catch((cause) => {
      logger.log('warn', 'remembered-peers-unreadable', { cause: String(cause) });
      return [];
    });
    this.#known = loaded.filter(isBootstrapAddress).slice(0, REMEMBERED_MAX);
    this.#schedule();
  }

  /** Writes down who is connected now. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#save();
  }

  /** A source of the bootstrap loop. */
  async find(): Promise<readonly string[]> {
    return this.#known;
  }

  #schedule(): void {
    this.#timer = this.#components.clock.setTimer(SAVE_MS, () => {
      void this.#save().finally(() => this.#schedule());
    });
  }

  async #save(): Promise<void> {
    const { libp2p, logger, store } = this.#components;
    try {
      const present = await this.#present();
      // Nobody connected is no reason to forget those who were.
      if (present.length === 0) return;
      this.#known = merged(present, this.#known);
      await store.save(this.#known);
    } catch (cause) {
      const fields = { cause: String(cause), self: libp2p.peerId.toString() };
      logger.log('warn', 'remembered-peers-not-saved', fields);
    }
  }

  /** Of each connected peer its own addresses, relays last: where others can dial it. */
  async #present(): Promise<string[]> {
    const { libp2p } = this.#components;
    const found: string[] = [];
    for (const peer of libp2p.getPeers().slice(0, REMEMBERED_MAX)) {
      const { addresses } = await libp2p.peerStore.get(peer);
      const texts = addresses.map(({ multiaddr }) => withPeer(multiaddr.toString(), String(peer)));
      const relayedLast = texts.sort((a, b) => isRelayed(a) - isRelayed(b));
      found.push(...relayedLast.filter(isBootstrapAddress).slice(0, PER_PEER));
    }
    return found;
  }
}

/** The newest first; of older ones what still has room. */
export function merged(present: readonly string[], known: readonly string[]): string[] {
  return [...new Set([...present, ...known])].slice(0, REMEMBERED_MAX);
}

function isRelayed(address: string): number {
  return addressKind(address) === 'relayed' ? 1 : 0;
}

function withPeer(address: string, peer: string): string {
  return address.endsWith(`/p2p/${peer}`) ? address : `${address}/p2p/${peer}`;
}
