/**
 * One libp2p host and what Kadre puts on it: the `Network` and `Directory` ports, how it joins, and
 * what it serves depending on who can reach it (docs/protocol/transport.md,
 * docs/protocol/directory.md, docs/protocol/joining.md).
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { createLibp2p, type Libp2p } from 'libp2p';
import { KadreError } from '../base/errors.ts';
import type { Clock, Logger, Random, SignalOption } from '../base/ports.ts';
import type { Penalty } from '../base/verdict.ts';
import { ANYBODY, type Membership } from '../swarm/admission.ts';
import type { RendezvousRule } from '../swarm/network-file.ts';
import { addressKind } from './address-kinds.ts';
import { AdmissionGate } from './admission-gate.ts';
import { BootstrapLoop } from './bootstrap-loop.ts';
import { askPeers, DialBack, type PeerFinding } from './dial-back.ts';
import type { ResolveTxt } from './dnsaddr.ts';
import { gaterOf } from './gater.ts';
import { isDnsaddr, joinSources, meetingAddresses } from './join-sources.ts';
import { KadDirectory } from './kad-directory.ts';
import { Libp2pNetwork, type Libp2pNetworkInit } from './libp2p-network.ts';
import { type HostServices, libp2pOptions } from './libp2p-options.ts';
import type { AddressStore } from './peer-memory.ts';
import { type DeniedPeer, PeerStanding } from './peer-standing.ts';
import type { Reachability } from './reachability.ts';

export interface HostComponents {
  /** TXT records, for `/dnsaddr` addresses. Default: the machine's resolver. */
  readonly resolveTxt?: ResolveTxt;
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
  /** Carry signalling for nodes behind NATs, within `RELAY_LIMITS`. */
  readonly relay?: boolean;
  /** Look for nodes on the local network; never when it listens on loopback alone. */
  readonly mdns?: boolean;
  /** Ask the router for a port; never when it listens on loopback alone. */
  readonly upnp?: boolean;
  /** Multiaddrs by which others reach it beside those it listens on: a forwarded port, a name. */
  readonly announce?: readonly string[];
  /** Where else the network's nodes meet; never asked when it listens on loopback alone. */
  readonly rendezvous?: RendezvousRule | undefined;
  /** Where addresses of peers survive a restart. */
  readonly remembered?: AddressStore;
  readonly connectionsMax?: number;
  /** Who belongs to the network, and this node's own proof. Default: anybody. */
  readonly membership?: Membership;
}

export interface Host {
  readonly libp2p: Libp2p<HostServices>;
  readonly network: Libp2pNetwork;
  readonly directory: KadDirectory;
  /** Listens and starts looking for peers; PORT_TAKEN when an address cannot be had. */
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly reachability: Reachability;
  /** Peers that are shut out now, why, and for how long. */
  denied(): DeniedPeer[];
  /** The answering end of reachability. */
  readonly dialBack: DialBack;
  /** Up to four connected peers dial this node afresh and say what became of it. */
  askReach(options?: SignalOption): Promise<PeerFinding[]>;
  /** Verdicts booked against peers since the start. */
  readonly penalties: Readonly<Record<Penalty, number>>;
  /** Resolves when a first peer of this network answers DHT queries; rejects with the signal. */
  joined(signal: AbortSignal): Promise<void>;
}

/** Builds the host; nothing is opened until `start`. */
export async function createHost(components: HostComponents, init: HostInit): Promise<Host> {
  const { clock, logger, random } = components;
  const standing = new PeerStanding({ clock });
  const { networkId, membership = ANYBODY } = init;
  const gate = new AdmissionGate({ clock, logger, standing }, { networkId, membership });
  const privateKey = await generateKeyPairFromSeed('Ed25519', init.seed);
  const open = () => libp2p.getConnections().map(({ remoteAddr }) => remoteAddr.toString());
  const libp2p: Libp2p<HostServices> = await createLibp2p<HostServices>({
    ...libp2pOptions(init, logger, {
      connectionGater: gaterOf({ standing, clock, open }),
      admission: gate,
      onLanPeer: ({ id, multiaddrs }) => void bootstrap.meet(String(id), multiaddrs.map(String)),
    }),
    privateKey,
    start: false,
  });
  const network = new Libp2pNetwork({ libp2p, clock, logger, standing, gate }, init);
  const directory = new KadDirectory(
    { libp2p, dht: libp2p.services.dht, clock, random, logger },
    { networkId },
  );
  const sources = joinSources({ ...components, libp2p, privateKey }, init);
  const bootstrap = new BootstrapLoop(
    { libp2p, dht: libp2p.services.dht, clock, random, logger },
    { addresses: init.bootstrap.filter((address) => !isDnsaddr(address)), sources: sources.all },
  );
  const { reachability } = libp2p.services;
  serveByReach({ libp2p, network, logger }, init.server);
  return {
    libp2p,
    network,
    directory,
    denied: () => standing.denied(),
    dialBack: new DialBack({ libp2p, clock }),
    askReach: (options) => askReach({ network, clock, random }, options),
    penalties: standing.booked,
    get reachability() {
      return reachability.state;
    },
    start: async () => {
      gate.start(libp2p);
      await network.start();
      await listening(libp2p, init.listen);
      // libp2p itself writes these down only a second later; until then a DHT answer that names
      // this node would leave it out for want of an address.
      await libp2p.peerStore.patch(libp2p.peerId, { multiaddrs: libp2p.getMultiaddrs() });
      directory.start();
      await sources.memory?.start();
      bootstrap.start();
      sources.rendezvous?.keep(() => meetingAddresses(init, network, reachability.state));
    },
    stop: async () => {
      bootstrap.stop();
      sources.rendezvous?.stop();
      await sources.memory?.stop();
      directory.stop();
      await network.stop();
      gate.stop();
      await libp2p.stop();
    },
    joined: (signal) => bootstrap.joined(signal),
  };
}

const ASKED_MAX = 4;

function askReach(
  components: { readonly network: Libp2pNetwork } & Pick<HostComponents, 'clock' | 'random'>,
  options: SignalOption = {},
): Promise<PeerFinding[]> {
  const { network, random } = components;
  const peers = random.shuffle(network.connectedPeers()).slice(0, ASKED_MAX);
  const addresses = network.addresses().filter((address) => addressKind(address) !== 'relayed');
  return askPeers(components, { peers, addresses }, options);
}

/** Who cannot be reached asks the DHT without serving it; both changes are told to the log. */
function serveByReach(
  { libp2p, network, logger }: Pick<Host, 'libp2p' | 'network'> & { readonly logger: Logger },
  isServer: boolean,
): void {
  const { reachability, dht } = libp2p.services;
  if (isServer) {
    reachability.onChange((state) => {
      logger.log('info', 'reachability', { state });
      void dht.setMode(state === 'behind-nat' ? 'client' : 'server');
    });
  }
  libp2p.addEventListener('self:peer:update', () => {
    logger.log('info', 'addresses', { addresses: network.addresses() });
  });
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
