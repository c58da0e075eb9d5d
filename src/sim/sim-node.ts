/**
 * One simulated machine: the real roles over simulated ports. A crash ends the process at once and
 * leaves what a machine keeps: identity, disk, blobs. Starting it again is a new process.
 */
import type { PeerId } from '../base/ids.ts';
import { Lifecycle } from '../base/lifecycle.ts';
import type { Clock, Logger, Signer } from '../base/ports.ts';
import { sleep } from '../base/signals.ts';
import type { Executor } from '../compute/executor.ts';
import { JsExecutor } from '../compute/local-executor.ts';
import { sha256 } from '../crypto/portable/hash.ts';
import { findKernel, kernelDigest } from '../kernel/registry.ts';
import {
  composeRoles,
  type OfferInit,
  type RolePorts,
  type RoleSet,
} from '../roles/compose-roles.ts';
import { MemoryEndedPlanStore } from '../store/ended-plan-store.ts';
import { MemoryJobStore } from '../store/job-store.ts';
import { MemoryBlobStore } from '../store/memory-blob-store.ts';
import { LogPlanStore } from '../store/plan-store.ts';
import { LogWorkStore } from '../store/work-store.ts';
import type { Role } from '../swarm/advert.ts';
import type { NodeHooks } from './node-hooks.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type DiskModel, SimDisk } from './sim-disk.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimWorld } from './sim-world.ts';
import type { ClockSkew } from './virtual-clock.ts';

export interface SimNodeInit {
  /** None: a client, which only submits. */
  readonly roles: readonly Role[];
  /** Wrappers that make it lie. */
  readonly hooks?: (node: SimNode) => NodeHooks;
  readonly skew?: ClockSkew;
  readonly disk?: DiskModel;
  /** Operations per second that it advertises; its weight in placement. */
  readonly speed?: number;
  /** Virtual time of one shard. */
  readonly shardMs?: number;
}

const NO_SKEW: ClockSkew = { wallMs: 0, rate: 1 };
const FAST_DISK: DiskModel = { syncMsMin: 0.1, syncMsMax: 0.4 };
const SPEED = 1_000_000;
const DEVICE = {
  kind: 'cpu' as const,
  name: 'cpu/js',
  model: 'Simulated',
  cores: 1,
  memory: 1_073_741_824,
  features: [],
};

/** A running process: everything in it ends with it. */
interface Process {
  readonly network: SimNetwork;
  readonly roles: RoleSet;
  readonly ports: Pick<RolePorts, 'network' | 'signer' | 'directory' | 'log'>;
  readonly lifecycle: Lifecycle;
}

export class SimNode {
  readonly index: number;
  readonly init: SimNodeInit;
  readonly peerId: PeerId;
  readonly signer: Signer;
  readonly blobs: MemoryBlobStore;
  readonly jobs = new MemoryJobStore();
  readonly #ended = new MemoryEndedPlanStore();
  readonly disk: SimDisk;
  /** Signers of the plan keys that this node made, newest last: for members that lie. */
  readonly planSigners: Signer[] = [];
  readonly random: SeededRandom;
  readonly world: SimWorld;
  #sequence = 0;
  #process: Process | undefined;
  #starts = 0;

  constructor(world: SimWorld, index: number, init: SimNodeInit) {
    this.world = world;
    this.blobs = new MemoryBlobStore({ clock: world.clock });
    this.index = index;
    this.init = init;
    this.random = world.random.fork();
    this.signer = world.keys.signer(sha256(Uint8Array.of(index)));
    this.peerId = this.signer.peerId;
    const components = { clock: world.clock, random: this.random.fork() };
    this.disk = new SimDisk(components, init.disk ?? FAST_DISK);
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  /** Which start of the machine this is, from 1. */
  get starts(): number {
    return this.#starts;
  }

  get roles(): RoleSet {
    return this.#running.roles;
  }

  /** The unwrapped end of the network. */
  get network(): SimNetwork {
    return this.#running.network;
  }

  /** What its own user's client is made of. */
  get ports(): Process['ports'] {
    return this.#running.ports;
  }

  async start(): Promise<void> {
    this.#starts += 1;
    const process = this.#compose(this.#starts);
    this.#process = process;
    await process.lifecycle.start();
  }

  /** As a power cut: nobody is told, nothing more is sent or written. */
  crash(): void {
    this.#process?.network.stop();
    this.#process = undefined;
    this.disk.crash();
  }

  /** An orderly end. */
  async stop(): Promise<void> {
    const process = this.#process;
    await process?.lifecycle.stop();
    process?.network.stop();
    if (this.#process === process) this.#process = undefined;
  }

  get #running(): Process {
    if (this.#process === undefined) throw new Error(`bug: node ${this.index} is down`);
    return this.#process;
  }

  #compose(start: number): Process {
    const { hub, keys, directory, networkId } = this.world;
    const isRunning = () => this.#process !== undefined && this.#starts === start;
    const clock = this.world.clock.skewed(this.init.skew ?? NO_SKEW, isRunning);
    const network = hub.join(this.peerId);
    const hooks = this.init.hooks?.(this) ?? {};
    const ports = {
      network: hooks.wrapNetwork?.(network, this.signer) ?? network,
      directory: directory.of(this.peerId),
      clock,
      random: this.random,
      log: this.#log(isRunning),
      signer: this.signer,
      verifier: keys.verifier,
      blobs: this.blobs,
      jobs: this.jobs,
    };
    const offer =
      this.init.roles.length === 0 ? {} : { offer: this.#offer(clock, hooks, isRunning) };
    const roles = composeRoles(ports, { networkId, ...offer });
    const lifecycle = new Lifecycle(roles.services, { stopTimeoutMs: 1_000 });
    return { network, roles, ports, lifecycle };
  }

  #offer(clock: Clock, hooks: NodeHooks, isRunning: () => boolean): OfferInit {
    const { speed = SPEED, roles } = this.init;
    const inner = new JsExecutor();
    const executor = timed(inner, clock, this.init.shardMs ?? 0);
    const { name, kernels: ids } = inner.backend;
    const kernels = ids.map((id) => {
      return { id, digest: kernelDigest(findKernel(id)!), backend: name, speed };
    });
    return {
      roles,
      executor: hooks.wrapExecutor?.(executor) ?? executor,
      speeds: Object.fromEntries(ids.map((id) => [id, speed])),
      planStore: new LogPlanStore(this.disk.folder(isRunning)),
      workStore: new LogWorkStore(this.disk.folder(isRunning)),
      endedStore: this.#ended,
      planKeys: {
        generate: () => this.random.bytes(32),
        signer: (seed) => this.#planSigner(seed, isRunning),
      },
      software: 'kadre/sim',
      lastSequence: this.#sequence,
      onSequence: (sequence) => {
        this.#sequence = sequence;
      },
      facts: () => ({ devices: [DEVICE], kernels }),
    };
  }

  #planSigner(seed: Uint8Array, isRunning: () => boolean): Signer {
    const signer = this.world.keys.signer(seed, (signing) => {
      if (isRunning()) this.world.observers.signed(this, signing);
    });
    const isKnown = this.planSigners.some((known) => known.nodeId === signer.nodeId);
    if (!isKnown) this.planSigners.push(signer);
    return signer;
  }

  /** The node's own log is how the world learns of final blocks. */
  #log(isRunning: () => boolean): Logger {
    return {
      log: (level, event, fields = {}) => {
        if (isRunning()) this.world.observers.logged(this, { level, event, fields });
      },
    };
  }
}

/** Shards take virtual time. */
function timed(inner: Executor, clock: Clock, shardMs: number): Executor {
  if (shardMs === 0) return inner;
  return {
    backend: inner.backend,
    run: async (request, options = {}) => {
      await sleep(clock, shardMs * request.shards.length, options);
      return inner.run(request, options);
    },
  };
}
