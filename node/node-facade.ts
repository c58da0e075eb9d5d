/**
 * A running node as the command line, the API and the lab see it. `compose.ts` builds one; nothing
 * here knows how.
 */
import type { KadreError } from '../src/base/errors.ts';
import type { BlobStoreUsage, Logger, SignalOption } from '../src/base/ports.ts';
import type { Penalty } from '../src/base/verdict.ts';
import type { PeerFinding } from '../src/net/dial-back.ts';
import type { Swarm } from '../src/sdk/types.ts';
import type { NodeHooks } from '../src/sim/node-hooks.ts';
import type { Membership } from '../src/swarm/admission.ts';
import type { Role } from '../src/swarm/advert.ts';
import type { NetworkPolicy, RendezvousRule } from '../src/swarm/network-file.ts';
import type { ShareHours } from './share-hours.ts';

/** What `kadre status` and GET /v1/status answer. JSON-safe. */
export interface NodeStatus {
  readonly v: 1;
  readonly peerId: string;
  readonly addrs: readonly string[];
  /** `local`, `public` or `behind-nat`: docs/protocol/joining.md. */
  readonly reachability: string;
  readonly uptimeMs: number;
  readonly backend: string;
  readonly roles: readonly string[];
  readonly dataDir: string;
  /** Network id. */
  readonly network: string;
  /** Peers whose adverts are known. */
  readonly peers: number;
  /** Peers with an open connection. */
  readonly connected: number;
  /** Shards queued or running, and live plans served as worker or member. */
  readonly load: { readonly shards: number; readonly plans: number };
  /** Jobs submitted through this node. */
  readonly jobs: { readonly running: number; readonly done: number; readonly failed: number };
  readonly memory: { readonly rssBytes: number };
  /** Inputs and results on disk: `docs/protocol/blob.md`, "Retention". */
  readonly store: BlobStoreUsage;
  /** Peers that are shut out, why, and for how long. */
  readonly denied: readonly {
    readonly peer: string;
    readonly reason: string;
    readonly endsInMs: number;
  }[];
  /** Peers of this network that speak other versions of its protocols. */
  readonly otherVersions: readonly { readonly peer: string; readonly version: number }[];
  /** Since the start. */
  readonly totals: {
    readonly plansTaken: number;
    readonly penalties: Readonly<Record<Penalty, number>>;
    /** Processor time of this process. */
    readonly cpuMs: number;
    /** Time in which the event loop was not idle. */
    readonly busyMs: number;
  };
  /** Why no new work is taken, e.g. `draining`; null while it is. */
  readonly resting: string | null;
  /** Kernels that failed their self-test on a backend, which therefore is not offered for them. */
  readonly leftOut: readonly {
    readonly kernel: string;
    readonly backend: string;
    readonly reason: string;
  }[];
}

export interface RunningNode {
  readonly peerId: string;
  /** Dialable multiaddrs, each ending in /p2p/<peerId>. */
  readonly addrs: readonly string[];
  /** `cpu/avx2`, `cuda/sm_90`, ... */
  readonly backend: string;
  /** Submits through this node, with this node as the requester. */
  readonly swarm: Swarm;
  status(): NodeStatus;
  /** This node's own advert, JSON-safe: ids in base58, digests in hex. */
  caps(): unknown;
  /** What up to four connected peers found when they dialled this node. */
  reach(options?: SignalOption): Promise<readonly PeerFinding[]>;
  /** Takes no new work while there is any reason; the oldest is said in the status. */
  rest(why: string, isResting: boolean): void;
  /** Resolves when the node cannot go on: its disk does not keep what it acknowledges. */
  readonly failed: Promise<KadreError>;
  /** Drains and stops; idempotent, bounded below five seconds. */
  stop(): Promise<void>;
}

export interface NodeConfig {
  readonly dataDir: string;
  readonly networkId: string;
  readonly networkName: string;
  /** Who belongs to it, and this node's own proof. */
  readonly membership: Membership;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
  /** Multiaddrs ending in /p2p/<peer id>. */
  readonly bootstrap: readonly string[];
  /** Where else the network's nodes meet. */
  readonly rendezvous: RendezvousRule | undefined;
  readonly roles: readonly Role[];
  /** Part of this machine's cores that the swarm may use: above 0, at most 1. */
  readonly share: number;
  /** Content that the blob store may hold. */
  readonly storeBytes: number;
  /** Bytes of memory that the swarm may use; undefined: its share of the machine's. */
  readonly memoryBytes?: number | undefined;
  /** When work is taken; undefined: always. */
  readonly hours?: ShareHours | undefined;
  readonly gpu: boolean;
  readonly mdns: boolean;
  readonly upnp: boolean;
  /** Multiaddrs by which others reach the node beside those it listens on. */
  readonly announce: readonly string[];
  /** 32-byte Ed25519 seed. */
  readonly identitySeed: Uint8Array;
  /** The network file's overrides of the job defaults. */
  readonly policy: NetworkPolicy;
  /** Of a closed network: its anchor. */
  readonly members?: readonly string[] | undefined;
  readonly log: Logger;
}

export type ComposeNode = (config: NodeConfig, hooks?: NodeHooks) => Promise<RunningNode>;
