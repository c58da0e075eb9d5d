/**
 * A node's whole object graph: ports, roles and their order. Each service starts after the ones
 * above it and stops before them.
 */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../src/base/bytes.ts';
import type { KadreError } from '../src/base/errors.ts';
import { peerIdOf } from '../src/base/ids.ts';
import { Lifecycle, type Service } from '../src/base/lifecycle.ts';
import type { Clock } from '../src/base/ports.ts';
import { backendFor, type Executor } from '../src/compute/executor.ts';
import { RunnerExecutor } from '../src/compute/runner/runner-executor.ts';
import { measureSpeed } from '../src/compute/speed.ts';
import { ed25519Verifier, generateSeed, signerFromSeed } from '../src/crypto/node/keys.ts';
import { systemClock, systemRandom } from '../src/crypto/node/system-ports.ts';
import { findKernel, kernelDigest } from '../src/kernel/registry.ts';
import { createHost, type Host, type HostInit } from '../src/net/host.ts';
import {
  composeRoles,
  type OfferInit,
  type RolePorts,
  type RoleSet,
} from '../src/roles/compose-roles.ts';
import { EmbeddedSwarm } from '../src/sdk/embedded-swarm.ts';
import type { NodeHooks, NodeStores } from '../src/sim/node-hooks.ts';
import { AddressFile } from '../src/store/address-file.ts';
import { DiskBlobStore } from '../src/store/disk-blob-store.ts';
import { DiskEndedPlanStore } from '../src/store/ended-plan-store.ts';
import { DiskJobStore } from '../src/store/job-store.ts';
import { DiskLogFolder } from '../src/store/log-folder.ts';
import { LogPlanStore } from '../src/store/plan-store.ts';
import { LogWorkStore } from '../src/store/work-store.ts';
import type { Device, SignedAdvert } from '../src/swarm/advert.ts';
import type { AdvertFacts } from '../src/swarm/own-advert.ts';
import { IdleTrim } from './idle-trim.ts';
import type { ComposeNode, NodeConfig, NodeStatus, RunningNode } from './node-facade.ts';
import { NodeState, type Speeds, stateFile } from './node-state.ts';
import { keepHours, type ShareHours } from './share-hours.ts';
import { version } from './version.ts';

const SOFTWARE = `kadre/${version}`;
/** Of one service; the whole drain stays below five seconds. */
const STOP_TIMEOUT_MS = 1_000;
/** Measuring all kernels at a first start. */
const SPEED_BUDGET_MS = 200;
/** An advert has room for 16 devices, the processor among them. */
const GPUS_MAX = 15;

export const composeNode: ComposeNode = async (config, hooks = {}) => {
  const threads = Math.max(1, Math.floor(availableParallelism() * config.share));
  const runner = new RunnerExecutor(
    { clock: systemClock, logger: config.log },
    {
      threads,
      gpu: config.gpu,
      ...(hooks.addonFiles && { addonFiles: hooks.addonFiles }),
    },
  );
  // The two slow starts side by side: spawning the runner, loading libp2p.
  const warm = runner.start();
  warm.catch(() => undefined);
  const failure = Promise.withResolvers<KadreError>();
  const onDisk = storesIn(config.dataDir, failure.resolve);
  const stores = hooks.wrapStores?.(onDisk) ?? onDisk;
  const { ports, host } = await openPorts(config, hooks, stores);
  const state = await NodeState.load(stateFile(config.dataDir));
  try {
    await warm;
    const speeds = await speedsOf(runner, state, systemClock);
    const executor = hooks.wrapExecutor?.(runner) ?? runner;
    const { networkId, membership } = config;
    const offer = offerOf({ config, executor, runner, speeds, state, threads, stores });
    const roles = composeRoles(ports, { networkId, membership, offer });
    const services: Service[] = [
      ...(config.hours === undefined ? [] : [hoursOf(config.hours, roles)]),
      runner,
      hostService(host),
      ...roles.services,
      trimOf(roles),
    ];
    const lifecycle = new Lifecycle(services, { stopTimeoutMs: STOP_TIMEOUT_MS });
    await lifecycle.start();
    // Before it counts as ready: a node that dies early must not measure again.
    await state.flush();
    const { promise: failed } = failure;
    return running(config, { host, ports, roles, runner, lifecycle, state, failed });
  } catch (cause) {
    await runner.stop();
    throw cause;
  }
};

async function openPorts(config: NodeConfig, hooks: NodeHooks, stores: NodeStores) {
  const { log, identitySeed, dataDir } = config;
  const host = await createHost(
    { clock: systemClock, random: systemRandom, logger: log },
    hostInitOf(config),
  );
  const blobs = await DiskBlobStore.open(
    { logger: log },
    { directory: join(dataDir, 'blobs'), durability: 'lazy', bytesMax: config.storeBytes },
  );
  const signer = signerFromSeed(identitySeed);
  const ports: RolePorts = {
    network: hooks.wrapNetwork?.(host.network, signer) ?? host.network,
    directory: host.directory,
    clock: systemClock,
    random: systemRandom,
    log,
    signer,
    verifier: ed25519Verifier,
    dialBack: (from, body) => host.dialBack.answer(from, body),
    blobs,
    jobs: stores.jobs,
  };
  return { ports, host };
}

function hostInitOf(config: NodeConfig): HostInit {
  const { networkId, membership, identitySeed, listen, bootstrap, mdns, upnp, announce, roles } =
    config;
  return {
    seed: identitySeed,
    networkId,
    membership,
    listen,
    announce,
    bootstrap,
    mdns,
    upnp,
    rendezvous: config.rendezvous,
    remembered: new AddressFile(join(config.dataDir, 'peers.json')),
    relay: roles.includes('relay'),
    server: true,
  };
}

function storesIn(dataDir: string, onSyncFailed: (error: KadreError) => void): NodeStores {
  const directory = (name: string) => ({ directory: join(dataDir, name) });
  const logs = (name: string) => new DiskLogFolder({ ...directory(name), onSyncFailed });
  return {
    jobs: new DiskJobStore(directory('jobs')),
    planStore: new LogPlanStore(logs('plans')),
    workStore: new LogWorkStore(logs('work')),
    endedStore: new DiskEndedPlanStore(directory('ended')),
  };
}

function hostService(host: { start(): Promise<void>; stop(): Promise<void> }): Service {
  return { name: 'host', start: () => host.start(), stop: () => host.stop() };
}

function restOf({ gate }: RoleSet): RunningNode['rest'] {
  return (why, isResting) => (isResting ? gate.close(why) : gate.open(why));
}

/** First in the order: nothing is taken before the hour is known. */
function hoursOf(hours: ShareHours, roles: RoleSet): Service {
  const localHour = () => new Date(systemClock.wallMs()).getHours();
  return keepHours({ clock: systemClock, localHour }, hours, restOf(roles));
}

function trimOf(roles: RoleSet): IdleTrim {
  const load = () => (roles.worker?.load.plans ?? 0) + (roles.cadre?.plans ?? 0);
  return new IdleTrim(
    { clock: systemClock },
    {
      activity: () => (roles.worker?.plansTaken ?? 0) + roles.requester.counts.done,
      isBusy: () => load() + roles.requester.counts.running > 0,
    },
  );
}

/** Measured once per backend, version and thread count, then remembered. */
async function speedsOf(executor: Executor, state: NodeState, clock: Clock): Promise<Speeds> {
  const { backend } = executor;
  const offers = backend.kernels.map((kernel) => `${kernel}=${backendFor(backend, kernel)}`);
  const measured = `${SOFTWARE} ${backend.name} ${offers.join(',')}`;
  const known = state.speedsOf(measured);
  if (known !== undefined) return known;
  const speeds = await measureSpeed(executor, { clock, budgetMs: SPEED_BUDGET_MS });
  state.update({ measured, speeds });
  return speeds;
}

interface OfferParts {
  readonly config: NodeConfig;
  readonly executor: Executor;
  readonly runner: RunnerExecutor;
  readonly speeds: Speeds;
  readonly state: NodeState;
  readonly threads: number;
  readonly stores: NodeStores;
}

function offerOf(parts: OfferParts): OfferInit {
  const { config, executor, runner, speeds, state, threads, stores } = parts;
  const { backend, gpus, cpuFeatures } = runner.details;
  const processor: Device = {
    kind: 'cpu',
    name: [backend.name, ...Object.values(backend.elsewhere ?? {})].find(isProcessor) ?? 'cpu/js',
    model: (cpus()[0]?.model ?? 'unknown').slice(0, 128),
    cores: threads,
    memory: memoryOf(config),
    features: cpuFeatures.slice(0, 64),
  };
  const devices: Device[] = [
    processor,
    ...gpus.slice(0, GPUS_MAX).map(({ backend: name, model, capability, memory, driver }) => {
      const facts = { name, model: model.slice(0, 128), capability, memory, driver };
      return { kind: 'cuda', ...facts } as const;
    }),
  ];
  const kernels: AdvertFacts['kernels'] = backend.kernels.map((id) => ({
    id,
    digest: kernelDigest(findKernel(id)!),
    backend: backendFor(backend, id),
    speed: speeds[id] ?? 1,
  }));
  return {
    roles: config.roles,
    executor,
    speeds,
    ...stores,
    planKeys: { generate: generateSeed, signer: signerFromSeed },
    software: SOFTWARE,
    lastSequence: state.sequence,
    onSequence: (sequence) => state.update({ sequence }),
    facts: () => ({ devices, kernels }),
    ...(config.memoryBytes !== undefined && { inputBytesMax: config.memoryBytes }),
  };
}

function memoryOf({ memoryBytes, share }: NodeConfig): number {
  return Math.min(memoryBytes ?? Number.POSITIVE_INFINITY, Math.floor(totalmem() * share));
}

const isProcessor = (backend: string): boolean => backend.startsWith('cpu/');

interface RunningParts {
  readonly host: Host;
  readonly ports: RolePorts;
  readonly roles: RoleSet;
  readonly runner: RunnerExecutor;
  readonly lifecycle: Lifecycle;
  readonly state: NodeState;
  readonly failed: Promise<KadreError>;
}

function running(config: NodeConfig, parts: RunningParts): RunningNode {
  const { ports, roles, runner, lifecycle, state, failed } = parts;
  const startedMs = systemClock.monotonicMs();
  const swarm = new EmbeddedSwarm(
    { ...ports, roles, executor: runner, close: async () => undefined },
    { networkId: config.networkId, policy: config.policy, members: config.members },
  );
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    for (const { name, cause } of await lifecycle.stop()) {
      config.log.log('warn', 'service-not-stopped', { name, cause: String(cause) });
    }
    await state.flush();
  };
  return {
    peerId: ports.network.self,
    addrs: ports.network.addresses(),
    backend: runner.backend.name,
    swarm,
    status: () => statusOf(config, parts, systemClock.monotonicMs() - startedMs),
    caps: () => advertJson(roles.advertiser!.current()),
    reach: (options) => parts.host.askReach(options),
    rest: restOf(roles),
    failed,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

function statusOf(config: NodeConfig, parts: RunningParts, uptimeMs: number): NodeStatus {
  const { host, ports, roles, runner } = parts;
  return {
    v: 1,
    peerId: ports.network.self,
    addrs: ports.network.addresses(),
    reachability: host.reachability,
    uptimeMs: Math.round(uptimeMs),
    backend: runner.backend.name,
    roles: config.roles,
    dataDir: config.dataDir,
    network: config.networkId,
    peers: roles.book.all().length - 1,
    connected: ports.network.connectedPeers().length,
    load: {
      shards: roles.worker?.load.shards ?? 0,
      plans: (roles.worker?.load.plans ?? 0) + (roles.cadre?.plans ?? 0),
    },
    jobs: roles.requester.counts,
    denied: host.denied(),
    otherVersions: host.network.otherVersions(),
    totals: totalsOf(parts),
    resting: roles.gate.closedFor ?? null,
    memory: { rssBytes: process.memoryUsage.rss() },
    store: ports.blobs.usage,
    leftOut: leftOutOf(runner),
  };
}

function totalsOf({ host, roles }: RunningParts): NodeStatus['totals'] {
  const { user, system } = process.cpuUsage();
  return {
    plansTaken: roles.worker?.plansTaken ?? 0,
    penalties: host.penalties,
    cpuMs: Math.round((user + system) / 1000),
    busyMs: Math.round(performance.eventLoopUtilization().active),
  };
}

/** Once per kernel and backend, however many cases failed. */
function leftOutOf(runner: RunnerExecutor): NodeStatus['leftOut'] {
  const failures = new Map<string, NodeStatus['leftOut'][number]>();
  for (const { kernel, backend, case: name, actual } of runner.details.selftestFailures) {
    failures.set(`${kernel} ${backend}`, { kernel, backend, reason: `${name}: ${actual}` });
  }
  return [...failures.values()];
}

/** Ids in base58, digests and signatures in hex. */
function advertJson({ advert, signature }: SignedAdvert): unknown {
  return {
    ...advert,
    node: peerIdOf(advert.node),
    kernels: advert.kernels.map((offer) => ({ ...offer, digest: toHex(offer.digest) })),
    signature: toHex(signature),
  };
}
