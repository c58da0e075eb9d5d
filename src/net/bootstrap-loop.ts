/**
 * Joining a network: dials the bootstrap addresses until one answers, again whenever the last peer
 * is lost, with a backoff that doubles up to a cap and is spread by chance so that a restarted
 * network is not stormed. When the first peer appears the DHT is asked for our own neighbourhood,
 * which fills the routing table (docs/protocol/directory.md, "Joining").
 */
import type { KadDHT } from '@libp2p/kad-dht';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { KadreError } from '../base/errors.ts';
import type { Clock, Logger, Random, Timer } from '../base/ports.ts';
import { routingTableOf, tableFilled } from './routing-table.ts';

export interface BootstrapLoopComponents {
  readonly libp2p: Libp2p;
  readonly dht: KadDHT;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface BootstrapLoopInit {
  readonly addresses: readonly string[];
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
}

const ADDRESSES_MAX = 64;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 15_000;
const DIAL_TIMEOUT_MS = 8_000;
const NEIGHBOURHOOD_TIMEOUT_MS = 10_000;
/** A table of this size was explored when it was smaller; the DHT's own refresh does the rest. */
const EXPLORED_ENTRIES = 4;
/** With this many peers the bootstrap nodes are left alone. */
const PEERS_ENOUGH = 3;

export class BootstrapLoop {
  readonly #components: BootstrapLoopComponents;
  readonly #addresses: readonly Multiaddr[];
  readonly #retryMinMs: number;
  readonly #retryMaxMs: number;
  readonly #stopping = new AbortController();
  #retryMs: number;
  #timer: Timer | undefined;
  #dialling = false;
  #exploring = false;

  constructor(components: BootstrapLoopComponents, init: BootstrapLoopInit) {
    this.#components = components;
    this.#addresses = init.addresses.slice(0, ADDRESSES_MAX).map(bootstrapAddress);
    this.#retryMinMs = init.retryMinMs ?? RETRY_MIN_MS;
    this.#retryMaxMs = init.retryMaxMs ?? RETRY_MAX_MS;
    this.#retryMs = this.#retryMinMs;
  }

  start(): void {
    const { libp2p, dht } = this.#components;
    routingTableOf(dht).addEventListener('peer:add', this.#onTableGrowth);
    libp2p.addEventListener('peer:disconnect', this.#onDisconnect);
    void this.#dialAll();
  }

  stop(): void {
    const { libp2p, dht } = this.#components;
    this.#stopping.abort(new KadreError({ code: 'STOPPED' }, 'the host is stopping'));
    this.#timer?.cancel();
    routingTableOf(dht).removeEventListener('peer:add', this.#onTableGrowth);
    libp2p.removeEventListener('peer:disconnect', this.#onDisconnect);
  }

  /** Resolves once a peer of this network answers DHT queries; rejects with the signal. */
  joined(signal: AbortSignal): Promise<void> {
    return tableFilled(this.#components.dht, AbortSignal.any([signal, this.#stopping.signal]));
  }

  /** The first entries, and those after having been alone, lead to the rest of the network. */
  readonly #onTableGrowth = (): void => {
    const { dht } = this.#components;
    if (this.#exploring || routingTableOf(dht).size > EXPLORED_ENTRIES) return;
    this.#exploring = true;
    void this.#exploreNeighbourhood().finally(() => {
      this.#exploring = false;
    });
  };

  readonly #onDisconnect = (): void => {
    if (this.#components.libp2p.getPeers().length > 0) return;
    this.#retryMs = this.#retryMinMs;
    this.#schedule();
  };

  async #dialAll(): Promise<void> {
    if (this.#dialling || this.#stopping.signal.aborted || this.#addresses.length === 0) return;
    this.#dialling = true;
    const { libp2p, logger } = this.#components;
    const dial = async (address: Multiaddr): Promise<boolean> => {
      const late = AbortSignal.timeout(DIAL_TIMEOUT_MS);
      const signal = AbortSignal.any([late, this.#stopping.signal]);
      try {
        await libp2p.dial(address, { signal });
        return true;
      } catch (cause) {
        const fields = { address: String(address), cause: String(cause) };
        logger.log('debug', 'bootstrap-unreachable', fields);
        return false;
      }
    };
    const answered = (await Promise.all(this.#addresses.map(dial))).filter(Boolean).length;
    this.#dialling = false;
    if (answered > 0) this.#retryMs = this.#retryMinMs;
    if (answered === 0 && libp2p.getPeers().length < PEERS_ENOUGH) this.#schedule();
  }

  #schedule(): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer?.cancel();
    const { clock, random } = this.#components;
    const delayMs = this.#retryMs / 2 + random.integer(Math.ceil(this.#retryMs / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, this.#retryMaxMs);
    this.#timer = clock.setTimer(delayMs, () => void this.#dialAll());
  }

  async #exploreNeighbourhood(): Promise<void> {
    const { libp2p, dht, logger } = this.#components;
    const late = AbortSignal.timeout(NEIGHBOURHOOD_TIMEOUT_MS);
    const signal = AbortSignal.any([late, this.#stopping.signal]);
    try {
      const self = libp2p.peerId.toMultihash().bytes;
      for await (const event of dht.getClosestPeers(self, { signal })) void event;
    } catch (cause) {
      logger.log('debug', 'neighbourhood-query-failed', { cause: String(cause) });
    }
  }
}

/** BAD_CONFIG unless the address says whom to expect there: /…/p2p/<peer id>. */
function bootstrapAddress(text: string): Multiaddr {
  const malformed = (cause?: unknown) =>
    new KadreError(
      { code: 'BAD_CONFIG', data: { address: text } },
      `bootstrap address ${text} is not of the form /ip4/HOST/tcp/PORT/p2p/PEERID`,
      { cause },
    );
  try {
    const address = multiaddr(text);
    if (address.getComponents().at(-1)?.name === 'p2p') return address;
  } catch (cause) {
    throw malformed(cause);
  }
  throw malformed();
}
