/**
 * Joining a network: dials the bootstrap addresses, and what other sources know, until one
 * answers, again whenever the last peer is lost, with a backoff that doubles up to a cap and is
 * spread by chance so that a restarted network is not stormed. When the first peer appears the DHT
 * is asked for our own neighbourhood, which fills the routing table (docs/protocol/directory.md,
 * "Joining").
 */
import type { KadDHT } from '@libp2p/kad-dht';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock, Logger, Random, Timer } from '../base/ports.ts';
import { routingTableOf, tableFilled } from './routing-table.ts';

export interface BootstrapLoopComponents {
  readonly libp2p: Libp2p;
  readonly dht: KadDHT;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Somewhere to learn addresses of nodes from; asked again in every round. */
export interface JoinSource {
  readonly name: string;
  /** Asked only when nobody else answered: it costs strangers something. */
  readonly isLastResort?: boolean;
  find(): Promise<readonly string[]>;
}

export interface BootstrapLoopInit {
  readonly addresses: readonly string[];
  readonly sources?: readonly JoinSource[];
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
/** Nodes of the local network that are dialled at a time; more are met when they call again. */
const MEETING_MAX = 16;
/** With this many peers the bootstrap nodes are left alone. */
const PEERS_ENOUGH = 3;

export class BootstrapLoop {
  readonly #components: BootstrapLoopComponents;
  readonly #addresses: readonly Multiaddr[];
  readonly #sources: readonly JoinSource[];
  readonly #meeting = new Set<PeerId>();
  readonly #retryMinMs: number;
  readonly #retryMaxMs: number;
  readonly #stopping = new AbortController();
  #retryMs: number;
  #timer: Timer | undefined;
  #dialling = false;
  #isResorting = false;
  #exploring = false;

  constructor(components: BootstrapLoopComponents, init: BootstrapLoopInit) {
    this.#components = components;
    this.#addresses = init.addresses.slice(0, ADDRESSES_MAX).map(bootstrapAddress);
    this.#sources = init.sources ?? [];
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

  /** A node that made itself known, on the local network: dialled unless it is connected. */
  async meet(peer: PeerId, addresses: readonly string[]): Promise<void> {
    const { libp2p } = this.#components;
    const isKnown = peer === String(libp2p.peerId) || libp2p.getPeers().map(String).includes(peer);
    if (isKnown || this.#meeting.has(peer) || this.#meeting.size >= MEETING_MAX) return;
    this.#meeting.add(peer);
    try {
      const parsed = addresses.slice(0, ADDRESSES_MAX).flatMap(parsedAddress);
      for (const address of parsed) {
        if (!(await this.#dial(address))) continue;
        this.#components.logger.log('info', 'met-on-lan', { peer });
        return;
      }
    } finally {
      this.#meeting.delete(peer);
    }
  }

  async #dialAll(): Promise<void> {
    const hasNowhere = this.#addresses.length + this.#sources.length === 0;
    if (this.#dialling || this.#stopping.signal.aborted || hasNowhere) return;
    this.#dialling = true;
    const { libp2p } = this.#components;
    const [near, far] = [false, true].map((isFar) =>
      this.#sources.filter(({ isLastResort = false }) => isLastResort === isFar),
    );
    const rounds = [this.#dialEach(this.#addresses), ...near!.map((source) => this.#ask(source))];
    const isAnswered = (await Promise.all(rounds)).some(Boolean);
    this.#dialling = false;
    if (isAnswered) this.#retryMs = this.#retryMinMs;
    if (isAnswered || libp2p.getPeers().length >= PEERS_ENOUGH) return;
    void this.#resort(far!);
    this.#schedule();
  }

  /** Beside the rounds, which go on meanwhile: such a visit may take a minute. */
  async #resort(sources: readonly JoinSource[]): Promise<void> {
    if (this.#isResorting) return;
    this.#isResorting = true;
    await Promise.all(sources.map((source) => this.#ask(source)));
    this.#isResorting = false;
  }

  /** True when somebody that the source knows answered. */
  async #ask(source: JoinSource): Promise<boolean> {
    const { libp2p, logger } = this.#components;
    try {
      const self = `/p2p/${String(libp2p.peerId)}`;
      const found = (await source.find()).filter((address) => !address.endsWith(self));
      if (found.length > 0) logger.log('debug', 'addresses-found', { source: source.name, found });
      return await this.#dialEach(found.slice(0, ADDRESSES_MAX).flatMap(parsedAddress));
    } catch (cause) {
      logger.log('debug', 'source-failed', { source: source.name, cause: String(cause) });
      return false;
    }
  }

  async #dialEach(addresses: readonly Multiaddr[]): Promise<boolean> {
    const dials = addresses.map((address) => this.#dial(address));
    return (await Promise.all(dials)).some(Boolean);
  }

  async #dial(address: Multiaddr): Promise<boolean> {
    const { libp2p, logger } = this.#components;
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

/** What others say is checked by dialling it; what is no address is dropped. */
function parsedAddress(text: string): Multiaddr[] {
  try {
    return [multiaddr(text)];
  } catch {
    return [];
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
