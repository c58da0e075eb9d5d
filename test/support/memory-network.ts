/**
 * The `Network` port in memory: the same contract as the real one (test/conformance/network.ts),
 * without sockets. For tests of roles; links can be cut, peers can be stopped.
 */
import { KadreError } from '../../src/base/errors.ts';
import type { PeerId } from '../../src/base/ids.ts';
import type {
  Clock,
  Network,
  ProtocolHandler,
  ProtocolName,
  RequestOptions,
  SignalOption,
} from '../../src/base/ports.ts';
import { anySignal, throwIfAborted } from '../../src/base/signals.ts';
import type { Penalty } from '../../src/base/verdict.ts';
import { generateSigner } from '../../src/crypto/node/keys.ts';
import { Loopback } from '../../src/net/loopback.ts';
import { PeerStanding } from '../../src/net/peer-standing.ts';
import { PROTOCOL_LIMITS } from '../../src/net/protocols.ts';
import { decodeRemoteError, encodeRemoteError } from '../../src/net/remote-error.ts';

type TimerClock = Pick<Clock, 'setTimer'>;

/** Real time, for tests that have no clock of their own. */
const REAL_TIME: TimerClock = {
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export class MemoryNetworkHub {
  readonly peers = new Map<PeerId, MemoryNetwork>();
  readonly clock: TimerClock;
  readonly #cut = new Set<string>();

  constructor(components: { readonly clock?: TimerClock } = {}) {
    this.clock = components.clock ?? REAL_TIME;
  }

  join(peer: PeerId = generateSigner().peerId): MemoryNetwork {
    const network = new MemoryNetwork(this, peer);
    this.peers.set(peer, network);
    return network;
  }

  /** Neither can reach the other any more. */
  cut(a: PeerId, b: PeerId): void {
    this.#cut.add([a, b].sort().join());
    this.peers.get(a)?.lost(b);
    this.peers.get(b)?.lost(a);
  }

  heal(a: PeerId, b: PeerId): void {
    this.#cut.delete([a, b].sort().join());
  }

  /** The other end of a link that works in both directions. */
  reach(from: MemoryNetwork, to: PeerId): MemoryNetwork {
    const other = this.peers.get(to);
    const isUp = this.peers.get(from.self) === from;
    const open = isUp && !this.#cut.has([from.self, to].sort().join());
    if (other !== undefined && open && !from.denies(to) && !other.denies(from.self)) return other;
    throw new KadreError({ code: 'PEER_UNREACHABLE', peer: to }, `${to} is unreachable`);
  }
}

const REQUEST_TIMEOUT_MS = 10_000;

export class MemoryNetwork implements Network {
  readonly self: PeerId;
  readonly #hub: MemoryNetworkHub;
  readonly #handlers = new Map<ProtocolName, ProtocolHandler>();
  readonly #connected = new Map<PeerId, AbortController>();
  readonly #disconnectListeners = new Set<(peer: PeerId) => void>();
  readonly #standing = new PeerStanding({ clock: { monotonicMs: () => 0 } });
  readonly #loopback: Loopback;
  /** Every penalty booked here, oldest first. */
  readonly penalties: { peer: PeerId; penalty: Penalty; reason: string }[] = [];

  constructor(hub: MemoryNetworkHub, self: PeerId) {
    this.#hub = hub;
    this.self = self;
    this.#loopback = new Loopback(self, (protocol) => this.#handlers.get(protocol));
  }

  stop(): void {
    this.#hub.peers.delete(this.self);
    for (const peer of this.connectedPeers()) {
      this.#hub.peers.get(peer)?.lost(this.self);
      this.lost(peer);
    }
  }

  addresses(): string[] {
    return [`/memory/${this.self}/p2p/${this.self}`];
  }

  async request(
    peer: PeerId,
    protocol: ProtocolName,
    body: Uint8Array,
    options: RequestOptions = {},
  ): Promise<Uint8Array> {
    if (peer === this.self) return this.#loopback.request(protocol, body, options);
    throwIfAborted(options.signal);
    assertSize(protocol, body);
    const { other, gone } = this.#link(peer);
    const late = new AbortController();
    const timer = this.#hub.clock.setTimer(options.timeoutMs ?? REQUEST_TIMEOUT_MS, () => {
      const init = { code: 'PEER_UNREACHABLE', peer } as const;
      late.abort(new KadreError(init, 'no answer in time'));
    });
    const signal = anySignal(options.signal, gone, late.signal);
    try {
      const answer = other.answer(this.self, protocol, body.slice(), { signal });
      return await Promise.race([answer, aborted(signal)]);
    } catch (cause) {
      throwIfAborted(signal);
      throw decodeRemoteError(peer, encodeRemoteError(cause));
    } finally {
      timer.cancel();
    }
  }

  send(peer: PeerId, protocol: ProtocolName, body: Uint8Array): void {
    if (peer === this.self) {
      this.#loopback.send(protocol, body);
      return;
    }
    try {
      assertSize(protocol, body);
      const { other } = this.#link(peer);
      const copy = body.slice();
      queueMicrotask(() => {
        try {
          other.handlerOf(protocol)?.message?.(this.self, copy);
        } catch {
          // A handler that throws on a message harms only itself, as over real streams.
        }
      });
    } catch {
      // Fire and forget: a message to an unreachable peer is lost.
    }
  }

  async *openStream(
    peer: PeerId,
    protocol: ProtocolName,
    body: Uint8Array,
    options: SignalOption = {},
  ): AsyncGenerator<Uint8Array, void> {
    if (peer === this.self) return yield* this.#loopback.openStream(protocol, body, options);
    throwIfAborted(options.signal);
    assertSize(protocol, body);
    const { other, gone } = this.#link(peer);
    const left = new AbortController();
    const signal = anySignal(options.signal, gone, left.signal);
    const handler = other.handlerOf(protocol);
    try {
      if (handler?.stream === undefined) throw noHandler();
      const pieces = handler.stream(this.self, body.slice(), { signal })[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await Promise.race([pieces.next(), aborted(signal)]);
          if (next.done) return;
          yield next.value.slice();
        }
      } finally {
        left.abort();
        void pieces.return?.();
      }
    } catch (cause) {
      throwIfAborted(options.signal);
      throwIfAborted(gone);
      throw decodeRemoteError(peer, encodeRemoteError(cause));
    }
  }

  handle(protocol: ProtocolName, handler: ProtocolHandler): () => void {
    if (this.#handlers.has(protocol)) throw new Error(`bug: two handlers for ${protocol}`);
    this.#handlers.set(protocol, handler);
    return () => {
      if (this.#handlers.get(protocol) === handler) this.#handlers.delete(protocol);
    };
  }

  async addAddresses(): Promise<void> {}

  connectedPeers(): PeerId[] {
    return [...this.#connected.keys()];
  }

  onDisconnect(listener: (peer: PeerId) => void): () => void {
    this.#disconnectListeners.add(listener);
    return () => this.#disconnectListeners.delete(listener);
  }

  penalise(peer: PeerId, penalty: Penalty, reason: string): void {
    this.penalties.push({ peer, penalty, reason });
    if (!this.#standing.book(peer, penalty)) return;
    this.#hub.peers.get(peer)?.lost(this.self);
    this.lost(peer);
  }

  denies(peer: PeerId): boolean {
    return this.#standing.isDenied(peer);
  }

  handlerOf(protocol: ProtocolName): ProtocolHandler | undefined {
    return this.#handlers.get(protocol);
  }

  async answer(
    from: PeerId,
    protocol: ProtocolName,
    body: Uint8Array,
    options: SignalOption,
  ): Promise<Uint8Array> {
    await Promise.resolve();
    const handler = this.handlerOf(protocol);
    if (handler?.request === undefined) throw noHandler();
    return (await handler.request(from, body, options)).slice();
  }

  /** The link to a peer is gone. */
  lost(peer: PeerId): void {
    const link = this.#connected.get(peer);
    if (link === undefined) return;
    this.#connected.delete(peer);
    link.abort(new KadreError({ code: 'PEER_UNREACHABLE', peer }, `${peer} disconnected`));
    for (const listener of [...this.#disconnectListeners]) listener(peer);
  }

  connected(peer: PeerId): AbortController {
    let link = this.#connected.get(peer);
    if (link === undefined) {
      link = new AbortController();
      this.#connected.set(peer, link);
    }
    return link;
  }

  #link(peer: PeerId): { other: MemoryNetwork; gone: AbortSignal } {
    const other = this.#hub.reach(this, peer);
    other.connected(this.self);
    return { other, gone: this.connected(peer).signal };
  }
}

function assertSize(protocol: ProtocolName, body: Uint8Array): void {
  if (body.length <= PROTOCOL_LIMITS[protocol].bodyBytesMax) return;
  throw new KadreError({ code: 'OVERLOADED' }, 'the body is over the limit');
}

function noHandler(): KadreError {
  return new KadreError({ code: 'PEER_REFUSED' }, 'no handler for this protocol');
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
