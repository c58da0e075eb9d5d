/**
 * The `Network` port over libp2p streams. Per peer and protocol one stream is kept open for
 * requests and messages; each bulk answer has a stream of its own. What is decided here is when
 * streams are opened and closed; frames and back-pressure are in the channels
 * (docs/protocol/transport.md).
 */
import type { Connection, IdentifyResult, PeerId as Libp2pPeerId, Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { asKadreError, KadreError } from '../base/errors.ts';
import { nodeIdOf, type PeerId } from '../base/ids.ts';
import type {
  Clock,
  Logger,
  Network,
  ProtocolHandler,
  ProtocolName,
  RequestOptions,
  SignalOption,
} from '../base/ports.ts';
import { RecentMap } from '../base/recent.ts';
import type { Penalty } from '../base/verdict.ts';
import type { AdmissionGate } from './admission-gate.ts';
import { bulkAnswer } from './bulk-stream.ts';
import { IncomingChannel } from './incoming-channel.ts';
import { Loopback } from './loopback.ts';
import { OutgoingChannel } from './outgoing-channel.ts';
import { Pace } from './paced-handler.ts';
import { PeerBudgets } from './peer-budgets.ts';
import type { PeerStanding } from './peer-standing.ts';
import { type OtherVersion, otherVersion, versionRefusal } from './protocol-versions.ts';
import {
  ADDRESS_CHARACTERS_MAX,
  ADDRESSES_MAX,
  BULK_MAX,
  FIRST_FRAME_MS,
  PROTOCOL_LIMITS,
  PROTOCOL_NAMES,
  PROTOCOL_VERSION,
  type ProtocolLimits,
  protocolId,
  QUEUED_BYTES_MAX,
  QUEUED_FRAMES_MAX,
  RELAYED_BULK_BYTES_MAX,
  REQUESTS_MAX,
  RUNNING_MAX,
  STREAMS_MAX,
  speaksFor,
} from './protocols.ts';
import { Slots } from './slots.ts';

export interface Libp2pNetworkComponents {
  readonly libp2p: Libp2p;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly standing: PeerStanding;
  readonly gate: AdmissionGate;
}

export interface Libp2pNetworkInit {
  readonly networkId: string;
  readonly limits?: Partial<Record<ProtocolName, ProtocolLimits>>;
  /** Dialling, negotiating: how long opening a stream may take. Default 10 s. */
  readonly openTimeoutMs?: number;
  /** Silence that ends a bulk answer. Default 15 s. */
  readonly idleTimeoutMs?: number;
}

const OPEN_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 15_000;
const ADDRESS_MERGE_TIMEOUT_MS = 5_000;
const IDENTIFY_TIMEOUT_MS = 2_000;
/** To show that there are such; how many there are in all is nobody's question. */
const OTHER_VERSIONS_MAX = 64;

export class Libp2pNetwork implements Network {
  readonly self: PeerId;
  readonly #components: Libp2pNetworkComponents;
  readonly #init: Libp2pNetworkInit;
  readonly #handlers = new Map<ProtocolName, ProtocolHandler>();
  readonly #channels = new Map<string, OutgoingChannel>();
  readonly #bulkSlots = new Map<string, Slots>();
  readonly #disconnectListeners = new Set<(peer: PeerId) => void>();
  readonly #loopback: Loopback;
  readonly #relayedBulk: PeerBudgets;
  readonly #pace: Pace;
  readonly #otherVersions = new RecentMap<PeerId, number>(OTHER_VERSIONS_MAX);
  #stopped = false;

  constructor(components: Libp2pNetworkComponents, init: Libp2pNetworkInit) {
    this.#components = components;
    this.#init = init;
    this.self = components.libp2p.peerId.toString();
    const perMinute = RELAYED_BULK_BYTES_MAX;
    this.#relayedBulk = new PeerBudgets({ clock: components.clock }, { perMinute });
    this.#pace = new Pace(components, this.self);
    this.#loopback = new Loopback(this.self, (protocol) => this.#handlers.get(protocol));
  }

  /** Registers the protocols; before the host starts, so that identify names them all. */
  async start(): Promise<void> {
    const { libp2p } = this.#components;
    libp2p.addEventListener('peer:disconnect', this.#onPeerDisconnect);
    libp2p.addEventListener('peer:identify', this.#onPeerIdentify);
    for (const name of PROTOCOL_NAMES) {
      await libp2p.handle(
        protocolId(this.#init.networkId, name),
        this.#components.gate.guarded((stream, connection) =>
          this.#serve(name, stream, connection),
        ),
        {
          maxInboundStreams: STREAMS_MAX,
          maxOutboundStreams: STREAMS_MAX,
          runOnLimitedConnection: true,
        },
      );
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const { libp2p } = this.#components;
    libp2p.removeEventListener('peer:disconnect', this.#onPeerDisconnect);
    libp2p.removeEventListener('peer:identify', this.#onPeerIdentify);
    for (const channel of [...this.#channels.values()]) channel.close(stopped());
    await libp2p.unhandle(PROTOCOL_NAMES.map((name) => protocolId(this.#init.networkId, name)));
  }

  addresses(): string[] {
    return this.#components.libp2p.getMultiaddrs().map(String);
  }

  async request(
    peer: PeerId,
    protocol: ProtocolName,
    body: Uint8Array,
    options: RequestOptions = {},
  ): Promise<Uint8Array> {
    if (peer === this.self) return this.#loopback.request(protocol, body, options);
    this.#assertReachable(peer, protocol, body);
    return this.#channel(peer, protocol).request(body, options);
  }

  send(peer: PeerId, protocol: ProtocolName, body: Uint8Array): void {
    if (peer === this.self) {
      this.#loopback.send(protocol, body);
      return;
    }
    try {
      this.#assertReachable(peer, protocol, body);
      if (this.#channel(peer, protocol).message(body)) return;
      this.#log('message-dropped', { peer, protocol, reason: 'queue-full' });
    } catch (cause) {
      this.#log('message-dropped', { peer, protocol, reason: String(cause) });
    }
  }

  async *openStream(
    peer: PeerId,
    protocol: ProtocolName,
    body: Uint8Array,
    options: SignalOption = {},
  ): AsyncGenerator<Uint8Array, void> {
    if (peer === this.self) return yield* this.#loopback.openStream(protocol, body, options);
    this.#assertReachable(peer, protocol, body);
    const { clock } = this.#components;
    const key = `${peer}/${protocol}`;
    const slots = this.#bulkSlots.get(key) ?? new Slots(BULK_MAX);
    this.#bulkSlots.set(key, slots);
    const release = await slots.take(options.signal);
    try {
      const stream = await this.#openStream(peer, protocol);
      const pieces = bulkAnswer(
        { clock, stream, onMisbehaviour: (refusal) => this.#misbehaved(peer, refusal.reason) },
        body,
        {
          peer,
          bodyBytesMax: this.#limits(protocol).bodyBytesMax,
          idleTimeoutMs: this.#init.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
          signal: options.signal,
        },
      );
      const isRelayed = this.#bestConnection(peer)?.limits !== undefined;
      for await (const piece of pieces) {
        if (isRelayed && !this.#relayedBulk.take(peer, piece.length)) throw noDirectPath(peer);
        yield piece;
      }
    } finally {
      release();
      if (slots.isIdle) this.#bulkSlots.delete(key);
    }
  }

  handle(protocol: ProtocolName, handler: ProtocolHandler): () => void {
    if (this.#handlers.has(protocol)) throw new Error(`bug: two handlers for ${protocol}`);
    const paced = this.#pace.of(handler);
    this.#handlers.set(protocol, paced);
    return () => {
      if (this.#handlers.get(protocol) === paced) this.#handlers.delete(protocol);
    };
  }

  async addAddresses(peer: PeerId, addresses: readonly string[]): Promise<void> {
    if (peer === this.self || nodeIdOf(peer) === undefined) return;
    const multiaddrs = addresses.slice(0, ADDRESSES_MAX).flatMap(parsedAddress);
    if (multiaddrs.length === 0) return;
    const signal = AbortSignal.timeout(ADDRESS_MERGE_TIMEOUT_MS);
    await this.#components.libp2p.peerStore.merge(
      peerIdFromString(peer),
      { multiaddrs },
      { signal },
    );
  }

  /** Peers of this network that speak other versions, the one heard of longest ago first. */
  otherVersions(): OtherVersion[] {
    return Array.from(this.#otherVersions.entries(), ([peer, version]) => ({ peer, version }));
  }

  connectedPeers(): PeerId[] {
    return this.#components.libp2p.getPeers().map(String);
  }

  onDisconnect(listener: (peer: PeerId) => void): () => void {
    this.#disconnectListeners.add(listener);
    return () => this.#disconnectListeners.delete(listener);
  }

  penalise(peer: PeerId, penalty: Penalty, reason: string): void {
    if (peer === this.self) return;
    const denied = this.#components.standing.book(peer, penalty, reason);
    if (penalty !== 'ignore') this.#log('peer-penalised', { peer, penalty, reason, denied });
    if (!denied || nodeIdOf(peer) === undefined) return;
    // An abort, not a close: a hostile peer gets no say in how the connection ends.
    for (const connection of this.#components.libp2p.getConnections(peerIdFromString(peer))) {
      connection.abort(new KadreError({ code: 'PEER_MISBEHAVED', peer }, reason));
    }
  }

  #channel(peer: PeerId, protocol: ProtocolName): OutgoingChannel {
    const key = `${peer}/${protocol}`;
    const existing = this.#channels.get(key);
    if (existing !== undefined) return existing;
    const channel: OutgoingChannel = new OutgoingChannel(
      {
        clock: this.#components.clock,
        open: () => this.#openStream(peer, protocol),
        onClosed: () => {
          if (this.#channels.get(key) === channel) this.#channels.delete(key);
        },
        onMisbehaviour: (refusal) => this.#misbehaved(peer, refusal.reason),
      },
      {
        peer,
        bodyBytesMax: this.#limits(protocol).bodyBytesMax,
        requestsMax: REQUESTS_MAX,
        queuedFramesMax: QUEUED_FRAMES_MAX,
        queuedBytesMax: QUEUED_BYTES_MAX,
      },
    );
    this.#channels.set(key, channel);
    void channel.run();
    return channel;
  }

  /** Over the present connection, in whichever direction it was made, else by dialling. */
  async #openStream(peer: PeerId, protocol: ProtocolName): Promise<Stream> {
    if (nodeIdOf(peer) === undefined) {
      throw new KadreError({ code: 'PEER_UNREACHABLE', peer }, `${peer} is no Ed25519 peer id`);
    }
    const id = protocolId(this.#init.networkId, protocol);
    const options = {
      signal: AbortSignal.timeout(this.#init.openTimeoutMs ?? OPEN_TIMEOUT_MS),
      runOnLimitedConnection: true,
    };
    try {
      const { libp2p, gate } = this.#components;
      const present = this.#bestConnection(peer);
      const connection = present ?? (await libp2p.dial(peerIdFromString(peer), options));
      await gate.admitted(connection);
      return await connection.newStream(id, options);
    } catch (cause) {
      const isUnspoken = (cause as Error).name === 'UnsupportedProtocolError';
      const refusal = isUnspoken ? await this.#versionRefusal(peer, protocol) : undefined;
      if (refusal !== undefined) throw refusal;
      // Refused, gone while the protocol was agreed on, no address: to a caller all the same.
      throw asKadreError(cause, 'PEER_UNREACHABLE', `cannot open ${protocol} to ${peer}`);
    }
  }

  /** Direct before relayed; libp2p itself would dial again for every stream over a relay. */
  #bestConnection(peer: PeerId): Connection | undefined {
    const present = this.#components.libp2p
      .getConnections(peerIdFromString(peer))
      .filter(({ status }) => status === 'open');
    return present.find(({ limits }) => limits === undefined) ?? present[0];
  }

  async #serve(protocol: ProtocolName, stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString();
    const channel = new IncomingChannel(
      {
        clock: this.#components.clock,
        handler: () => this.#handlers.get(protocol),
        onMisbehaviour: (refusal) => {
          this.#misbehaved(peer, refusal.reason);
        },
        onHandlerFailure: (cause) => {
          this.#components.logger.log('error', 'handler-failed', { protocol, peer, cause });
        },
        mayStream: (bytes) =>
          connection.limits === undefined || this.#relayedBulk.take(peer, bytes),
      },
      {
        peer,
        bodyBytesMax: this.#limits(protocol).bodyBytesMax,
        runningMax: RUNNING_MAX,
        queuedBytesMax: QUEUED_BYTES_MAX,
        firstFrameMs: FIRST_FRAME_MS,
      },
    );
    await channel.run(stream);
  }

  readonly #onPeerDisconnect = (event: CustomEvent<Libp2pPeerId>): void => {
    const peer = event.detail.toString();
    for (const name of PROTOCOL_NAMES) {
      this.#channels.get(`${peer}/${name}`)?.close(this.#gone(peer, name));
    }
    for (const listener of [...this.#disconnectListeners]) listener(peer);
  };

  /** Someone of another network, of none, or of another version: nothing to talk about. */
  readonly #onPeerIdentify = (event: CustomEvent<IdentifyResult>): void => {
    const { protocols, connection } = event.detail;
    const { networkId } = this.#init;
    const peer = connection.remotePeer.toString();
    const version = otherVersion(networkId, protocols);
    this.#otherVersions.delete(peer);
    if (version !== undefined) this.#noteVersion({ peer, version });
    if (version === undefined && speaksFor(networkId, protocols)) return;
    connection.close().catch(() => undefined);
  };

  #gone(peer: PeerId, name: ProtocolName): KadreError {
    const { networkId } = this.#init;
    const version = this.#otherVersions.get(peer);
    const spoken = version === undefined ? [] : [`/kadre/${networkId}/${name}/${version}`];
    const why = this.#components.standing.reasonOf(peer);
    const how = why === undefined ? 'disconnected' : `is shut out: ${why}`;
    return (
      versionRefusal(peer, { networkId, name }, spoken) ??
      new KadreError({ code: 'PEER_UNREACHABLE', peer }, `${peer} ${how}`)
    );
  }

  #noteVersion({ peer, version }: OtherVersion): void {
    this.#otherVersions.set(peer, version);
    const [own, isNewer] = [PROTOCOL_VERSION, version > PROTOCOL_VERSION];
    const facts = { peer, version, own, advice: isNewer ? 'upgrade this node' : 'it is older' };
    this.#components.logger.log(isNewer ? 'warn' : 'info', 'peer-version', facts);
  }

  async #versionRefusal(peer: PeerId, name: ProtocolName): Promise<KadreError | undefined> {
    const { libp2p, clock } = this.#components;
    const { networkId } = this.#init;
    const protocolsOf = async () => {
      const known = await libp2p.peerStore.get(peerIdFromString(peer)).catch(() => undefined);
      return known?.protocols ?? [];
    };
    if (!speaksFor(networkId, await protocolsOf())) await identified({ libp2p, clock }, peer);
    return versionRefusal(peer, { networkId, name }, await protocolsOf());
  }

  #assertReachable(peer: PeerId, protocol: ProtocolName, body: Uint8Array): void {
    if (this.#stopped) throw stopped();
    const why = this.#components.standing.reasonOf(peer);
    if (why !== undefined) {
      const message = `${peer} is shut out for a while: ${why}`;
      throw new KadreError({ code: 'PEER_UNREACHABLE', peer }, message);
    }
    const bytesMax = this.#limits(protocol).bodyBytesMax;
    if (body.length <= bytesMax) return;
    throw new KadreError(
      { code: 'OVERLOADED', peer, data: { bytes: body.length, bytesMax } },
      `a body of ${body.length} bytes is over the limit of ${bytesMax} for ${protocol}`,
    );
  }

  #limits(protocol: ProtocolName): ProtocolLimits {
    return this.#init.limits?.[protocol] ?? PROTOCOL_LIMITS[protocol];
  }

  #misbehaved(peer: PeerId, reason: string): void {
    this.penalise(peer, 'reject', reason);
  }

  #log(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#components.logger.log('debug', event, fields);
  }
}

/** Resolves when identify has told what a peer speaks, or has had its time for that. */
function identified(
  { libp2p, clock }: Pick<Libp2pNetworkComponents, 'libp2p' | 'clock'>,
  peer: PeerId,
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      timer.cancel();
      libp2p.removeEventListener('peer:identify', heard);
      resolve();
    };
    const heard = ({ detail }: CustomEvent<IdentifyResult>) => {
      if (detail.peerId.toString() === peer) end();
    };
    const timer = clock.setTimer(IDENTIFY_TIMEOUT_MS, end);
    libp2p.addEventListener('peer:identify', heard);
  });
}

function noDirectPath(peer: PeerId): KadreError {
  const init = { code: 'PEER_UNREACHABLE', peer } as const;
  return new KadreError(init, `no direct path to ${peer}, and a relay carries little bulk`);
}

function stopped(): KadreError {
  return new KadreError({ code: 'STOPPED' }, 'the network has been stopped');
}

function parsedAddress(text: string): Multiaddr[] {
  if (text.length > ADDRESS_CHARACTERS_MAX) return [];
  try {
    return [multiaddr(text)];
  } catch {
    return [];
  }
}
