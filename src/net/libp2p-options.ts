/**
 * How the libp2p node under a host is put together: transports, limits, discovery, the DHT on the
 * network's own protocol. The traps named in job.md section 8 are answered here
 * (docs/protocol/transport.md, docs/protocol/joining.md).
 */
import { networkInterfaces } from 'node:os';
import { noise } from '@chainsafe/libp2p-noise';
import { autoNAT } from '@libp2p/autonat';
import {
  type CircuitRelayService,
  circuitRelayServer,
  circuitRelayTransport,
} from '@libp2p/circuit-relay-v2';
import { dcutr } from '@libp2p/dcutr';
import { type Identify, identify } from '@libp2p/identify';
import type { ConnectionGater, PeerDiscovery, PeerInfo } from '@libp2p/interface';
import { type KadDHT, kadDHT } from '@libp2p/kad-dht';
import { type MulticastDNSComponents, mdns } from '@libp2p/mdns';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { uPnPNAT } from '@libp2p/upnp-nat';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import type { Libp2pOptions } from 'libp2p';
import type { Logger } from '../base/ports.ts';
import { ANYBODY } from '../swarm/admission.ts';
import { addressKind } from './address-kinds.ts';
import { type AdmissionGate, agentVersionOf, behindGate } from './admission-gate.ts';
import { withBatchedWrites } from './batched-writes.ts';
import { BoundedDatastore } from './bounded-datastore.ts';
import { componentLogger } from './component-logger.ts';
import { dialSorter, Subnet } from './dial-order.ts';
import type { HostInit } from './host.ts';
import { withPacedWalk } from './paced-walk.ts';
import { ADDRESSES_MAX, kadProtocolId, mdnsServiceName, RELAY_LIMITS } from './protocols.ts';
import { type ReachabilityComponents, ReachabilityWatch } from './reachability.ts';

export type HostServices = {
  dht: KadDHT;
  identify: Identify;
  ping: Ping;
  reachability: ReachabilityWatch;
  autoNAT: unknown;
  dcutr: unknown;
  relay?: CircuitRelayService;
  upnp?: unknown;
};

const CONNECTIONS_MAX = 512;
/** A whole lab joins from one address within a second; strangers are held off by other limits. */
const INBOUND_PER_SECOND = 256;
const PENDING_INBOUND_MAX = 128;
const DIAL_TIMEOUT_MS = 8_000;
/** Of one address: a router that swallows packets must leave time for the next one. */
const ADDRESS_DIAL_TIMEOUT_MS = 3_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const KIB = 1024;

export interface HostEdges {
  readonly connectionGater: ConnectionGater;
  readonly admission: AdmissionGate;
  /** A node of the local network made itself known. */
  onLanPeer(peer: PeerInfo): void;
}

export function libp2pOptions(
  init: HostInit,
  logger: Logger,
  edges: HostEdges,
): Libp2pOptions<HostServices> {
  const { connectionGater, admission, onLanPeer } = edges;
  return {
    addresses: { listen: [...init.listen], appendAnnounce: [...(init.announce ?? [])] },
    nodeInfo: { userAgent: agentVersionOf(init.membership ?? ANYBODY) },
    logger: componentLogger(logger),
    datastore: new BoundedDatastore(),
    transports: [
      tcp({ backlog: PENDING_INBOUND_MAX }),
      webSockets(),
      circuitRelayTransport({ discoveryFilter: forgetful }),
    ],
    connectionEncrypters: [withBatchedWrites(noise())],
    streamMuxers: [
      yamux({
        streamOptions: {
          initialStreamWindowSize: 512 * KIB,
          maxStreamWindowSize: 2048 * KIB,
          // A paused stream was seen to buffer two whole windows and a little more.
          maxReadBufferLength: 6144 * KIB,
        },
      }),
    ],
    connectionManager: {
      maxConnections: init.connectionsMax ?? CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_PER_SECOND,
      maxIncomingPendingConnections: PENDING_INBOUND_MAX,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      maxPeerAddrsToDial: ADDRESSES_MAX,
      addressSorter: dialSorter(ownSubnets),
    },
    // A loaded machine answers pings late; that alone is no reason to drop a peer with work on it.
    connectionMonitor: { pingInterval: 15_000, pingTimeout: { minTimeout: 20_000 } },
    connectionGater,
    peerDiscovery: isOnLan(init) && init.mdns ? [lanDiscovery(init.networkId, onLanPeer)] : [],
    // A provider record whose peer has left the address book spoils every answer for its key, so
    // addresses must outlive records.
    peerStore: { maxPeerAge: 24 * HOUR_MS, maxAddressAge: 24 * HOUR_MS },
    services: services(init, admission),
  };
}

function services(
  init: HostInit,
  admission: AdmissionGate,
): NonNullable<Libp2pOptions<HostServices>['services']> {
  const useRelays = init.listen.length > 0;
  return {
    identify: identify(),
    ping: ping(),
    dht: withPacedWalk(
      behindGate(
        admission,
        kadDHT({
          protocol: kadProtocolId(init.networkId),
          // Explicit, or it stays a client until it believes to have a public address.
          clientMode: !init.server,
          // The default mapper drops private addresses: LANs and loopback would never fill a table.
          peerInfoMapper: boundedPeerInfo,
          // No values are stored in this DHT, only provider records: puts find no validator.
          validators: {},
          selectors: {},
          allowQueryWithZeroPeers: true,
          initialQuerySelfInterval: 1_000,
          querySelfInterval: 5 * MINUTE_MS,
          reprovide: { validity: 2 * HOUR_MS, threshold: 75 * MINUTE_MS, interval: 10 * MINUTE_MS },
        }),
      ),
    ),
    reachability: (components) =>
      new ReachabilityWatch(components as unknown as ReachabilityComponents, { useRelays }),
    autoNAT: autoNAT(),
    dcutr: dcutr(),
    ...(init.relay && {
      relay: circuitRelayServer({
        reservations: {
          maxReservations: RELAY_LIMITS.reservationsMax,
          reservationTtl: RELAY_LIMITS.reservationMs,
          defaultDurationLimit: RELAY_LIMITS.connectionMs,
          defaultDataLimit: BigInt(RELAY_LIMITS.bytesMax),
        },
      }),
    }),
    ...(init.upnp && isOnLan(init) && { upnp: uPnPNAT({ portMappingDescription: 'kadre' }) }),
  };
}

/** The default remembers relays for ever, and a relay that came back would not be asked again. */
const forgetful = { has: () => false, add: () => undefined, remove: () => undefined };

/** A node that listens on loopback alone sends nothing into the local network. */
export function isOnLan({ listen }: HostInit): boolean {
  return listen.some((address) => addressKind(address) !== 'loopback');
}

/** mDNS under the network's own service name: who answers is of it, or pretends to be. */
function lanDiscovery(networkId: string, onLanPeer: (peer: PeerInfo) => void) {
  return (components: MulticastDNSComponents): PeerDiscovery => {
    const discovery = mdns({ serviceTag: mdnsServiceName(networkId) })(components);
    discovery.addEventListener('peer', (event) => onLanPeer(event.detail));
    return discovery;
  };
}

function ownSubnets(): Subnet[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address, netmask }) => new Subnet(address, netmask));
}

/** Keeps every kind of address, but only so many of them. */
function boundedPeerInfo(peer: PeerInfo): PeerInfo {
  return { ...peer, multiaddrs: peer.multiaddrs.slice(0, ADDRESSES_MAX) };
}
