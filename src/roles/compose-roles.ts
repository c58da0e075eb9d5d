/**
 * The roles of one process over one set of ports. Every process is a requester; a node also works
 * and sits in cadres. Real nodes, embedded clients and the simulator all come through here.
 */

import type { PeerId } from '../base/ids.ts';
import type { Service } from '../base/lifecycle.ts';
import type {
  BlobStore,
  Clock,
  Directory,
  Logger,
  Network,
  Random,
  SignatureVerifier,
  Signer,
} from '../base/ports.ts';
import { serveBlobs } from '../blob/serve.ts';
import type { Executor } from '../compute/executor.ts';
import type { EndedPlanStore } from '../store/ended-plan-store.ts';
import type { JobStore } from '../store/job-store.ts';
import type { PlanStore } from '../store/plan-store.ts';
import type { WorkStore } from '../store/work-store.ts';
import { ANYBODY, type Membership } from '../swarm/admission.ts';
import type { Role } from '../swarm/advert.ts';
import { AdvertBook } from '../swarm/advert-book.ts';
import type { AdvertFacts } from '../swarm/own-advert.ts';
import { OwnAdvert } from '../swarm/own-advert.ts';
import { Advertiser } from './advertiser.ts';
import { Averager } from './averaging/averager.ts';
import { BlobRetention } from './blob-retention.ts';
import { CadreService } from './cadre-service.ts';
import { EndedPlans } from './ended-plans.ts';
import { InputHolder } from './input-holder.ts';
import { JobProtocol } from './job-protocol.ts';
import { JobProvider } from './job-provider.ts';
import { RESULTS_KEPT_MS } from './job-records.ts';
import { KnownResults } from './known-results.ts';
import { PlanCache } from './plan-cache.ts';
import { Requester } from './requester.ts';
import { Scout } from './scout.ts';
import { TrainingDesk } from './training/training-desk.ts';
import { WorkGate } from './work-gate.ts';
import { WORKER_DEFAULTS, Worker, type WorkerInit } from './worker.ts';

export interface RolePorts {
  readonly network: Network;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signer: Signer;
  readonly verifier: SignatureVerifier;
  /** Answers peers that ask whether they can be reached. */
  readonly dialBack?: (from: PeerId, body: Uint8Array) => Promise<Uint8Array>;
  readonly blobs: BlobStore;
  /** Records of jobs submitted here. */
  readonly jobs: JobStore;
}

/** What a node that offers something has beyond a client. */
export interface OfferInit {
  readonly roles: readonly Role[];
  readonly executor: Executor;
  /** Operations per second by kernel id. */
  readonly speeds: Readonly<Record<string, number>>;
  readonly planStore: PlanStore;
  readonly workStore: WorkStore;
  readonly endedStore: EndedPlanStore;
  readonly planKeys: { generate(): Uint8Array; signer(seed: Uint8Array): Signer };
  readonly software: string;
  readonly lastSequence: number;
  /** Called with each new sequence number, to be stored. */
  readonly onSequence: (sequence: number) => void;
  /** Bytes of inputs that a shard may make a worker hold in memory; at most 2 GiB, the default. */
  readonly inputBytesMax?: number;
  /** Devices and kernels; roles, addresses and load are added here. */
  readonly facts: () => Pick<AdvertFacts, 'devices' | 'kernels'>;
}

export interface RoleSet {
  readonly book: AdvertBook;
  readonly scout: Scout;
  readonly requester: Requester;
  readonly worker: Worker | undefined;
  readonly cadre: CadreService | undefined;
  readonly advertiser: Advertiser | undefined;
  readonly trainings: TrainingDesk;
  readonly averager: Averager;
  /** Closed, nothing new is taken on. */
  readonly gate: WorkGate;
  /** In start order. */
  readonly services: readonly Service[];
}

/** A client's inputs and certificates lie in memory; its jobs need them no longer than they run. */
const CLIENT_KEEPS_MS = 600_000;

export interface RolesInit {
  readonly networkId: string;
  readonly offer?: OfferInit;
  /** Who belongs to the network, and this node's own proof. Default: anybody. */
  readonly membership?: Membership;
}

export function composeRoles(ports: RolePorts, init: RolesInit): RoleSet {
  const { network, blobs } = ports;
  const { networkId, offer, membership = ANYBODY } = init;
  const book = new AdvertBook(ports, { network: networkId, admission: membership.rule });
  const checks = { network: networkId, checkAdvert: book.check.bind(book) };
  const plans = new PlanCache(checks);
  const gate = new WorkGate();
  const scout = new Scout({ ...ports, book });
  const requester = new Requester({ ...ports, scout, book, plans });
  const holder = new InputHolder(ports);
  const { worker, cadre } = offeredRoles(ports, offer, { plans, gate, holder });
  const load = () => ({
    shards: worker?.load.shards ?? 0,
    plans: (worker?.load.plans ?? 0) + (cadre?.plans ?? 0),
  });
  const advertiser =
    offer === undefined
      ? undefined
      : advertise(ports, { networkId, membership, book, offer, load, gate });
  const protocol = new JobProtocol({
    network,
    blobs,
    plans,
    holder,
    worker,
    cadre,
    requester,
    gate,
  });
  const trainings = new TrainingDesk(ports);
  const averager = new Averager(ports);
  const keepMs = offer === undefined ? CLIENT_KEEPS_MS : RESULTS_KEPT_MS;
  const retention = retain(ports, keepMs, { requester, holder, worker, cadre });
  const services = [
    blobService(network, blobs, worker),
    retention,
    worker,
    cadre,
    requester,
    protocol,
    trainings,
    averager,
    advertiser,
  ];
  return {
    book,
    scout,
    requester,
    worker,
    cadre,
    advertiser,
    trainings,
    averager,
    gate,
    services: services.filter((service) => service !== undefined),
  };
}

function workerLimits({ inputBytesMax = WORKER_DEFAULTS.inputBytesMax }: OfferInit): WorkerInit {
  const { inputBytesMax: most, ...others } = WORKER_DEFAULTS;
  return { ...others, inputBytesMax: Math.min(inputBytesMax, most) };
}

/** What the node does for others, as far as it offers that. */
function offeredRoles(
  ports: RolePorts,
  offer: OfferInit | undefined,
  shared: { readonly plans: PlanCache; readonly gate: WorkGate; readonly holder: InputHolder },
): Pick<RoleSet, 'worker' | 'cadre'> {
  const { plans, gate, holder } = shared;
  const worker = offer?.roles.includes('worker')
    ? new Worker(
        {
          ...ports,
          plans,
          gate,
          work: offer.workStore,
          known: new KnownResults(ports),
          executor: offer.executor,
          speedOf: (kernel) => offer.speeds[kernel] ?? 1,
        },
        workerLimits(offer),
      )
    : undefined;
  const cadre = offer?.roles.includes('cadre')
    ? new CadreService({
        ...ports,
        plans,
        holder,
        store: offer.planStore,
        keys: offer.planKeys,
        ended: new EndedPlans({ ...ports, store: offer.endedStore }),
        provider: new JobProvider(ports),
      })
    : undefined;
  return { worker, cadre };
}

function advertise(
  ports: RolePorts,
  init: {
    readonly networkId: string;
    readonly membership: Membership;
    readonly book: AdvertBook;
    readonly offer: OfferInit;
    readonly load: () => AdvertFacts['load'];
    readonly gate: WorkGate;
  },
): Advertiser {
  const { networkId, membership, book, offer, load, gate } = init;
  const { software, lastSequence, roles } = offer;
  const own = new OwnAdvert(ports, { network: networkId, software, lastSequence, membership });
  return new Advertiser(
    {
      ...ports,
      book,
      own,
      gate,
      facts: () => ({
        ...offer.facts(),
        roles: [...roles],
        addresses: ports.network.addresses().slice(0, 16),
        load: load(),
      }),
      onSequence: offer.onSequence,
    },
    {},
  );
}

/** Blobs stay while a role needs them, and for a while after. */
function retain(
  ports: RolePorts,
  keepMs: number,
  roles: Pick<RoleSet, 'requester' | 'worker' | 'cadre'> & { readonly holder: InputHolder },
): BlobRetention {
  const { requester, holder, worker, cadre } = roles;
  const needed = function* () {
    yield* requester.roots();
    yield* holder.roots();
    if (worker !== undefined) yield* worker.roots();
    if (cadre !== undefined) yield* cadre.roots();
  };
  const forget = async () => cadre?.forgetOld();
  return new BlobRetention({ ...ports, forget, needed }, { keepMs, sweepMs: keepMs / 24 });
}

function blobService(network: Network, store: BlobStore, worker: Worker | undefined): Service {
  let stop: (() => void) | undefined;
  return {
    name: 'blobs',
    start: async () => {
      stop = serveBlobs({
        ...{ network, store },
        provide: async (from, wanted) => worker?.provide(from, wanted),
      });
    },
    stop: async () => stop?.(),
  };
}
