/**
 * One simulated machine's `Network`: the same contract as the real one (test/conformance), over the
 * links of a `SimHub` instead of sockets.
 */
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type {
  Network,
  ProtocolHandler,
  ProtocolName,
  RequestOptions,
  SignalOption,
} from '../base/ports.ts';
import { anySignal, throwIfAborted } from '../base/signals.ts';
import type { Penalty } from '../base/verdict.ts';
import { Loopback } from '../net/loopback.ts';
import { PeerStanding } from '../net/peer-standing.ts';
import { PROTOCOL_LIMITS } from '../net/protocols.ts';
import { decodeRemoteError, encodeRemoteError } from '../net/remote-error.ts';
import type { Packet, SimHub } from './sim-hub.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const NO_BYTES = new Uint8Array(0);

export class SimNetwork implements Network {
  readonly self: PeerId;
  readonly #hub: SimHub;
  readonly #handlers = new Map<ProtocolName, ProtocolHandler>();
  readonly #connected = new Map<PeerId, AbortController>();
  readonly #disconnectListeners = new Set<(peer: PeerId) => void>();
  readonly #standing: PeerStanding;
  readonly #loopback: Loopback;
  /** Every penalty booked here, oldest first. */
  readonly penalties: { peer: PeerId; penalty: Penalty; reason: string }[] = [];

  constructor(hub: SimHub, self: PeerId) {
    this.#hub = hub;
    this.self = self;
    this.#standing = new PeerStanding({ clock: hub.clock });
    this.#loopback = new Loopback(self, (protocol) => this.#handlers.get(protocol));
  }

  stop(): void {
    if (this.#hub.isUp(this)) this.#hub.peers.delete(this.self);
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
      const answer = this.#exchange(other, protocol, body.slice(), { signal });
      return await Promise.race([answer, aborted(signal)]);
    } catch (cause) {
      throwIfAborted(signal);
      throw decodeRemoteError(peer, encodeRemoteError(cause));
    } finally {
      timer.cancel();
    }
  }

  /** The request there, the answer or the failure back; either may be lost. */
  #exchange(
    other: SimNetwork,
    protocol: ProtocolName,
    body: Uint8Array,
    options: SignalOption,
  ): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const back = (bytes: Uint8Array, settle: () => void) =>
      this.#hub.carry(this, other.#packet(this.self, protocol, 'answer', bytes), settle);
    this.#hub.carry(other, this.#packet(other.self, protocol, 'request', body), () => {
      other.answer(this.self, protocol, body, options).then(
        (answer) => back(answer, () => resolve(answer)),
        (cause) => back(NO_BYTES, () => reject(cause)),
      );
    });
    return promise;
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
      this.#hub.carry(other, this.#packet(peer, protocol, 'message', copy), () => {
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
      await Promise.race([this.#reached(other, protocol, body), aborted(signal)]);
      if (handler?.stream === undefined) throw noHandler();
      const pieces = handler.stream(this.self, body.slice(), { signal })[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await Promise.race([pieces.next(), aborted(signal)]);
          if (next.done) return;
          yield await Promise.race([this.#piece(other, protocol, next.value), aborted(signal)]);
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

  /** A stream begins when its request arrives; over a link that loses it, it breaks off. */
  #reached(other: SimNetwork, protocol: ProtocolName, body: Uint8Array): Promise<void> {
    return this.#delivered(other, this.#packet(other.self, protocol, 'request', body));
  }

  async #piece(other: SimNetwork, protocol: ProtocolName, piece: Uint8Array) {
    const bytes = piece.slice();
    await this.#delivered(this, other.#packet(this.self, protocol, 'piece', bytes));
    return bytes;
  }

  #delivered(to: SimNetwork, packet: Packet): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#hub.carry(to, packet, resolve)) return;
      const init = { code: 'PEER_UNREACHABLE', peer: packet.to } as const;
      reject(new KadreError(init, 'the stream broke off'));
    });
  }

  #packet(to: PeerId, protocol: ProtocolName, kind: Packet['kind'], bytes: Uint8Array): Packet {
    return { from: this.self, to, protocol, kind, bytes };
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
    if (!this.#standing.book(peer, penalty, reason)) return;
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

  #link(peer: PeerId): { other: SimNetwork; gone: AbortSignal } {
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
