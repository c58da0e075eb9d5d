/**
 * One libp2p host and what Kadre puts on it: transports, limits, identify, ping, the DHT on the
 * network's own protocol, and the `Network` and `Directory` ports (docs/protocol/transport.md,
 * docs/protocol/directory.md). The traps named in job.md section 8 are answered here.
 */
import { noise } from '@chainsafe/libp2p-noise';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { type Identify, identify } from '@libp2p/identify';
import type { PeerInfo } from '@libp2p/interface';
import { type KadDHT, kadDHT } from '@libp2p/kad-dht';
import { type Ping, ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p';
import { KadreError } from '../base/errors.ts';
import type { Clock, Logger, Random } from '../base/ports.ts';
import { withBatchedWrites } from './batched-writes.ts';
import { BootstrapLoop } from './bootstrap-loop.ts';
import { BoundedDatastore } from './bounded-datastore.ts';
import { componentLogger } from './component-logger.ts';
import { KadDirectory } from './kad-directory.ts';
import { Libp2pNetwork, type Libp2pNetworkInit } from './libp2p-network.ts';
import { PeerStanding } from './peer-standing.ts';
import { ADDRESSES_MAX, kadProtocolId } from './protocols.ts';

export interface HostComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface HostInit extends Libp2pNetworkInit {
  /** 32 bytes: the Ed25519 seed of the node's identity. */
  readonly seed: Uint8Array;
  /** Multiaddrs to listen on; empty for a client, which others reach over its own connections. */
  readonly listen: readonly string[];
  /** Multiaddrs ending in /p2p/<peer id>; tried for ever, none needs to answer. */
  readonly bootstrap: readonly string[];
  /** Serve DHT queries. False for embedded clients. */
  readonly server: boolean;
  readonly connectionsMax?: number;
}

export interface Host {
  readonly libp2p: Libp2p<HostServices>;
  readonly network: Libp2pNetwork;
  readonly directory: KadDirectory;
  /** Listens and starts looking for peers; PORT_TAKEN when an address cannot be had. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves when a first peer of this network answers DHT queries; rejects with the signal. */
  joined(signal: AbortSignal): Promise<void>;
}

export type HostServices = { dht: KadDHT; identify: Identify; ping: Ping };

const CONNECTIONS_MAX = 512;
/** A whole lab joins from one address within a second; strangers are held off by other limits. */
const INBOUND_PER_SECOND = 256;
const PENDING_INBOUND_MAX = 128;
const DIAL_TIMEOUT_MS = 8_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const KIB = 1024;

/** Builds the host; nothing is opened until `start`. */
export async function createHost(components: HostComponents, init: HostInit): Promise<Host> {
  const { clock, logger, random } = components;
  const standing = new PeerStanding({ clock });
  const privateKey = await generateKeyPairFromSeed('Ed25519', init.seed);
  const libp2p = await createLibp2p<HostServices>({
    ...libp2pOptions(init, logger, (peer) => standing.isDenied(peer)),
    privateKey,
    start: false,
  });
  const network = new Libp2pNetwork({ libp2p, clock, logger, standing }, init);
  const directory = new KadDirectory(
    { libp2p, dht: libp2p.services.dht, clock, random, logger },
    { networkId: init.networkId },
  );
  const bootstrap = new BootstrapLoop(
    { libp2p, dht: libp2p.services.dht, clock, random, logger },
    { addresses: init.bootstrap },
  );
  return {
    libp2p,
    network,
    directory,
    start: async () => {
      await network.start();
      await listening(libp2p, init.listen);
      // libp2p itself writes these down only a second later; until then a DHT answer that names
      // this node would leave it out for want of an address.
      await libp2p.peerStore.patch(libp2p.peerId, { multiaddrs: libp2p.getMultiaddrs() });
      directory.start();
      bootstrap.start();
    },
    stop: async () => {
      bootstrap.stop();
      directory.stop();
      await network.stop();
      await libp2p.stop();
    },
    joined: (signal) => bootstrap.joined(signal),
  };
}

function libp2pOptions(
  init: HostInit,
  logger: Logger,
  isDenied: (peer: string) => boolean,
): Libp2pOptions<HostServices> {
  return {
    addresses: { listen: [...init.listen] },
    nodeInfo: { userAgent: 'kadre' },
    logger: componentLogger(logger),
    datastore: new BoundedDatastore(),
    transports: [tcp({ backlog: PENDING_INBOUND_MAX })],
    connectionEncrypters: [withBatchedWrites(noise())],
    streamMuxers: [
      yamux({
        streamOptions: {
          initialStreamWindowSize: 512 * KIB,
          maxStreamWindowSize: 2048 * KIB,
          // A paused stream buffers one whole window: this must not be below it.
          maxReadBufferLength: 4096 * KIB,
        },
      }),
    ],
    connectionManager: {
      maxConnections: init.connectionsMax ?? CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_PER_SECOND,
      maxIncomingPendingConnections: PENDING_INBOUND_MAX,
      dialTimeout: DIAL_TIMEOUT_MS,
      maxPeerAddrsToDial: ADDRESSES_MAX,
    },
    // A loaded machine answers pings late; that alone is no reason to drop a peer with work on it.
    connectionMonitor: { pingInterval: 15_000, pingTimeout: { minTimeout: 20_000 } },
    connectionGater: {
      denyDialPeer: (peer) => isDenied(peer.toString()),
      denyInboundEncryptedConnection: (peer) => isDenied(peer.toString()),
      denyOutboundEncryptedConnection: (peer) => isDenied(peer.toString()),
    },
    // A provider record whose peer has left the address book spoils every answer for its key, so
    // addresses must outlive records.
    peerStore: { maxPeerAge: 24 * HOUR_MS, maxAddressAge: 24 * HOUR_MS },
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({
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
    },
  };
}

/** Keeps every kind of address, but only so many of them. */
function boundedPeerInfo(peer: PeerInfo): PeerInfo {
  return { ...peer, multiaddrs: peer.multiaddrs.slice(0, ADDRESSES_MAX) };
}

async function listening(libp2p: Libp2p<HostServices>, listen: readonly string[]): Promise<void> {
  try {
    await libp2p.start();
  } catch (cause) {
    await Promise.resolve(libp2p.stop()).catch(() => undefined);
    const { name } = cause as Error;
    if (name !== 'UnsupportedListenAddressesError' && name !== 'UnsupportedListenAddressError') {
      throw cause;
    }
    const data = { listen: [...listen] };
    throw new KadreError({ code: 'PORT_TAKEN', data }, `cannot listen on ${listen.join(', ')}`, {
      cause,
    });
  }
}
