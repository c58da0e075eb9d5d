/**
 * A whole swarm in one process: every node is composed as a real one, over memory instead of
 * sockets and disks and on a clock of its own, so that a job with a cadre takes milliseconds.
 */
import { toHex } from '../../src/base/bytes.ts';
import type { PeerId } from '../../src/base/ids.ts';
import { Lifecycle } from '../../src/base/lifecycle.ts';
import type { Random, Signer } from '../../src/base/ports.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { findKernel, kernelDigest } from '../../src/kernel/registry.ts';
import { composeRoles, type RolePorts, type RoleSet } from '../../src/roles/compose-roles.ts';
import { EmbeddedSwarm } from '../../src/sdk/embedded-swarm.ts';
import type { JobHandle, JobResult, SubmitOptions, Work } from '../../src/sdk/types.ts';
import type { NodeHooks } from '../../src/sim/node-hooks.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { SimDirectory } from '../../src/sim/sim-directory.ts';
import { SimHub } from '../../src/sim/sim-hub.ts';
import type { SimNetwork } from '../../src/sim/sim-network.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { MemoryEndedPlanStore } from '../../src/store/ended-plan-store.ts';
import { MemoryJobStore } from '../../src/store/job-store.ts';
import { MemoryBlobStore } from '../../src/store/memory-blob-store.ts';
import type { PlanStore, StoredHandover, StoredPlan } from '../../src/store/plan-store.ts';
import { MemoryWorkStore } from '../../src/store/work-store.ts';
import type { Role } from '../../src/swarm/advert.ts';
import { promptVerifier } from './prompt-verifier.ts';
import { silentLogger } from './real-ports.ts';

export const NETWORK = 'virtual';

/** What a plan store keeps of one plan; outlives the node. */
interface StoredLog {
  readonly plan: StoredPlan;
  readonly handover: StoredHandover | undefined;
  readonly records: Uint8Array[];
}

export class MemoryPlanStore implements PlanStore {
  readonly logs = new Map<string, StoredLog>();

  async create(plan: StoredPlan) {
    return this.#put({ plan, handover: undefined, records: [] });
  }

  async begin(plan: StoredPlan, handover: StoredHandover) {
    return this.#put({ plan, handover, records: [] });
  }

  #put(log: StoredLog) {
    const { plan } = log;
    this.logs.set(toHex(plan.planId), log);
    return { wal: walOf(log), records: [] };
  }

  async recover() {
    return [...this.logs.values()].map((log) => {
      const { plan, handover } = log;
      return { plan, handover, log: { wal: walOf(log), records: [...log.records] } };
    });
  }

  async remove(planId: Uint8Array): Promise<void> {
    this.logs.delete(toHex(planId));
  }
}

function walOf(log: StoredLog) {
  return {
    append: async (records: readonly Uint8Array[]) => {
      log.records.push(...records.map((record) => record.slice()));
    },
    close: async () => {},
  };
}

export interface VirtualNode {
  readonly index: number;
  readonly signer: Signer;
  readonly network: SimNetwork;
  readonly roles: RoleSet;
  readonly blobs: MemoryBlobStore;
  readonly planStore: MemoryPlanStore;
  readonly workStore: MemoryWorkStore;
  readonly endedStore: MemoryEndedPlanStore;
  readonly jobs: MemoryJobStore;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<unknown>;
}

export interface VirtualNodeInit {
  /** Default: worker and cadre. */
  readonly roles?: readonly Role[];
  readonly hooks?: NodeHooks;
  readonly planStore?: MemoryPlanStore;
  readonly workStore?: MemoryWorkStore;
  readonly endedStore?: MemoryEndedPlanStore;
  readonly jobs?: MemoryJobStore;
  readonly blobs?: MemoryBlobStore;
}

const SPEED = 1_000_000;
const DEVICE = {
  kind: 'cpu' as const,
  name: 'cpu/js',
  model: 'Memory',
  cores: 1,
  memory: 1_073_741_824,
  features: [],
};

export class VirtualSwarm {
  readonly clock = new VirtualClock();
  /** Bytes that each peer has sent, of every kind and protocol. */
  readonly sentBytes = new Map<PeerId, number>();
  readonly hub = new SimHub({
    clock: this.clock,
    observer: {
      sent: ({ from, bytes }) => {
        this.sentBytes.set(from, (this.sentBytes.get(from) ?? 0) + bytes.length);
      },
    },
  });
  readonly directory = new SimDirectory();
  readonly nodes: VirtualNode[] = [];
  readonly client: EmbeddedSwarm;
  readonly requester: VirtualNode;
  readonly #random: Random;

  private constructor(seed: number, client: (swarm: VirtualSwarm) => VirtualNode) {
    this.#random = seededRandom(seed);
    this.requester = client(this);
    this.client = this.swarmOf(this.requester);
  }

  /** A swarm of so many equal nodes, or of the given ones, and a client. */
  static async start(nodes: number | readonly VirtualNodeInit[], seed = 2): Promise<VirtualSwarm> {
    const swarm = new VirtualSwarm(seed, (self) => self.#compose(0, undefined));
    await swarm.requester.start();
    const inits = typeof nodes === 'number' ? Array.from({ length: nodes }, () => ({})) : nodes;
    for (const [at, init] of inits.entries()) await swarm.add(at + 1, init);
    return swarm;
  }

  /** Starts the node with this number; the same number is the same identity. */
  async add(index: number, init: VirtualNodeInit = {}): Promise<VirtualNode> {
    const node = this.#compose(index, init);
    await node.start();
    this.nodes.push(node);
    return node;
  }

  /** One more client, which offers nothing. */
  async guest(index: number): Promise<VirtualNode> {
    const node = this.#compose(index, undefined);
    await node.start();
    return node;
  }

  nodeOf(peer: PeerId): VirtualNode {
    return this.nodes.find((node) => node.signer.peerId === peer)!;
  }

  /** As a power cut would: nobody is told, nothing is sent any more. */
  crash(node: VirtualNode): void {
    node.network.stop();
    void node.stop();
  }

  /** `members`: of the network file. */
  swarmOf(
    node: VirtualNode,
    init: { readonly close?: () => Promise<void>; readonly members?: readonly PeerId[] } = {},
  ): EmbeddedSwarm {
    const { close = async () => void (await node.stop()), members } = init;
    const { network, signer, blobs, roles } = node;
    const { clock } = this;
    const directory = this.directory.of(signer.peerId);
    const rest = { directory, log: silentLogger, clock, random: this.#random, close };
    const components = { network, signer, blobs, roles, executor: new JsExecutor(), ...rest };
    return new EmbeddedSwarm(components, { networkId: NETWORK, policy: {}, members });
  }

  /** Lets the world run until the promise settles. */
  run<T>(work: Promise<T>, limitMs?: number): Promise<T> {
    return this.clock.run(work, limitMs);
  }

  async submit(kernel: string, work: Work, options?: SubmitOptions): Promise<JobHandle> {
    return this.run(this.client.submit(kernel, work, options));
  }

  /** One job from the client, to its end. */
  async job(kernel: string, work: Work, options?: SubmitOptions): Promise<JobResult> {
    const job = await this.submit(kernel, work, options);
    return this.run(job.result());
  }

  async stop(): Promise<void> {
    for (const node of [this.requester, ...this.nodes]) await this.run(node.stop());
  }

  #compose(index: number, init: VirtualNodeInit | undefined): VirtualNode {
    const signer = signerFromSeed(sha256(Uint8Array.of(index)));
    const network = this.hub.join(signer.peerId);
    const { clock } = this;
    const { planStore = new MemoryPlanStore(), blobs = new MemoryBlobStore({ clock }) } =
      init ?? {};
    const { jobs = new MemoryJobStore(), workStore = new MemoryWorkStore() } = init ?? {};
    const { endedStore = new MemoryEndedPlanStore() } = init ?? {};
    const ports: RolePorts = {
      network: init?.hooks?.wrapNetwork?.(network, signer) ?? network,
      directory: this.directory.of(signer.peerId),
      clock: this.clock,
      random: this.#random,
      log: silentLogger,
      signer,
      verifier: promptVerifier,
      blobs,
      jobs,
    };
    const stores = { planStore, workStore, endedStore };
    const offer = init === undefined ? {} : { offer: { ...this.#offerOf(init), ...stores } };
    const roles = composeRoles(ports, { networkId: NETWORK, ...offer });
    const lifecycle = new Lifecycle(roles.services, { stopTimeoutMs: 1_000 });
    return {
      index,
      signer,
      network,
      roles,
      blobs,
      ...stores,
      jobs,
      start: () => lifecycle.start(),
      stop: () => lifecycle.stop(),
    };
  }

  #offerOf(init: VirtualNodeInit) {
    const inner = new JsExecutor();
    const executor = init.hooks?.wrapExecutor?.(inner) ?? inner;
    const kernels = inner.backend.kernels.map((id) => {
      const digest = kernelDigest(findKernel(id)!);
      return { id, digest, backend: inner.backend.name, speed: SPEED };
    });
    return {
      roles: init.roles ?? (['worker', 'cadre'] as const),
      executor,
      speeds: Object.fromEntries(inner.backend.kernels.map((id) => [id, SPEED])),
      planKeys: { generate: () => this.#random.bytes(32), signer: signerFromSeed },
      software: 'kadre/test',
      lastSequence: 0,
      onSequence: () => {},
      facts: () => ({ devices: [DEVICE], kernels }),
    };
  }
}

/** Chance that repeats. */
export function seededRandom(seed: number): Random {
  return new SeededRandom(seed);
}
