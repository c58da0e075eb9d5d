/**
 * A `Swarm` whose requester lives in this process: an embedded client, or a node that submits for
 * its own user. Inputs are served from here, results are verified here.
 */

import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { BlobStore, Network, Random, SignalOption, Signer } from '../base/ports.ts';
import { anySignal, throwIfAborted } from '../base/signals.ts';
import { blobRoot } from '../blob/tree.ts';
import { buildSpec } from '../job/build-spec.ts';
import { derivePolicy, estimateShareMs } from '../job/policy.ts';
import type { InputRef } from '../job/spec.ts';
import type { ResolvedKernel } from '../kernel/contract.ts';
import { describeKernel } from '../kernel/describe.ts';
import { arrayOfBytes, bytesOfArray, type NdArray } from '../kernel/nd-array.ts';
import { KERNELS } from '../kernel/registry.ts';
import type { RoleSet } from '../roles/compose-roles.ts';
import type { StartedJob } from '../roles/requester.ts';
import type { FinishedJob } from '../roles/requester-job.ts';
import type { SignedAdvert } from '../swarm/advert.ts';
import type { NetworkPolicy } from '../swarm/network-file.ts';
import { offersFor, type Requirement } from '../swarm/requirement.ts';
import { checkWork, requirementOf, specOfArray } from './check-work.ts';
import type {
  JobEvent,
  JobHandle,
  JobResult,
  JobSummary,
  KernelInfo,
  PeerInfo,
  SubmitOptions,
  Swarm,
  Work,
} from './types.ts';

export interface EmbeddedSwarmComponents {
  readonly network: Network;
  readonly signer: Signer;
  readonly random: Random;
  readonly blobs: BlobStore;
  readonly roles: Pick<RoleSet, 'scout' | 'book' | 'requester'>;
  /** Ends what was started for this swarm; nothing for a node's own. */
  readonly close: () => Promise<void>;
}

export interface EmbeddedSwarmInit {
  readonly networkId: string;
  /** The network file's overrides of the job defaults. */
  readonly policy: NetworkPolicy;
}

const WAIT_PEERS_MS = 10_000;
/** Operations that make a shard worth its overhead, when the count is ours to choose. */
const SHARD_OPERATIONS = 20_000_000;
/** Shards per worker, when the count is ours to choose: room for unlike speeds. */
const SHARDS_PER_WORKER = 4;

export class EmbeddedSwarm implements Swarm {
  readonly peerId: PeerId;
  readonly #components: EmbeddedSwarmComponents;
  readonly #init: EmbeddedSwarmInit;
  readonly #closed = new AbortController();
  readonly #jobs = new Set<StartedJob>();
  #closing: Promise<void> | undefined;

  constructor(components: EmbeddedSwarmComponents, init: EmbeddedSwarmInit) {
    this.#components = components;
    this.#init = init;
    this.peerId = components.network.self;
  }

  async submit(kernel: string, work: Work, options: SubmitOptions = {}): Promise<JobHandle> {
    const { random, signer, roles } = this.#components;
    const signal = anySignal(options.signal, this.#closed.signal);
    throwIfAborted(signal);
    const arrays = Object.entries(work.inputs ?? {});
    const specs = arrays.map(([name, array]) => specOfArray(name, array));
    const parameters = work.parameters ?? {};
    const { waitPeersMs = WAIT_PEERS_MS, requires: required, signal: _, ...chosen } = options;
    const requires = requirementOf(required);
    const { resolved } = checkWork(kernel, work, { ...this.#init.policy, ...chosen });
    const policy = derivePolicy({ ...this.#init.policy, ...chosen });
    const inputs = await this.#storeInputs(specs, arrays);
    const { replicas: workersMin, cadre: cadreMin } = policy;
    const wanted = { kernel, requires, workersMin, cadreMin, waitMs: waitPeersMs };
    const adverts = await coded(roles.scout.gather(wanted, { signal }), signal);
    const speeds = speedsOf(adverts, { kernel, requires });
    const shards = work.shards ?? shardCountFor(resolved, speeds.length);
    const estimateMs = estimateFor(resolved, { shards, replicas: policy.replicas, speeds });
    const job = buildSpec(
      {
        kernelId: kernel,
        parameters,
        inputs,
        shards,
        policy: derivePolicy({ ...this.#init.policy, ...chosen, estimateMs }),
        requires,
        network: this.#init.networkId,
        nonce: random.bytes(16),
      },
      signer,
    );
    throwIfAborted(signal);
    const started = roles.requester.submit({ job, waitPeersMs });
    this.#jobs.add(started);
    const forget = () => this.#jobs.delete(started);
    started.finished.then(forget, forget);
    return new EmbeddedJob(started, { cancel: options.signal, closed: this.#closed.signal });
  }

  async kernels(): Promise<readonly KernelInfo[]> {
    throwIfAborted(this.#closed.signal);
    return KERNELS.map(describeKernel);
  }

  async peers(): Promise<readonly PeerInfo[]> {
    throwIfAborted(this.#closed.signal);
    const { network, roles } = this.#components;
    const connected = new Set(network.connectedPeers());
    const known = roles.book.all().filter(({ advert }) => peerIdOf(advert.node) !== this.peerId);
    const missing = [...connected].filter((peer) => roles.book.get(peer) === undefined);
    await Promise.allSettled(
      missing.map((peer) => roles.scout.advertOf(peer, { signal: this.#closed.signal })),
    );
    const adverts = new Set([...known, ...roles.book.all()]);
    return [...adverts]
      .filter(({ advert }) => peerIdOf(advert.node) !== this.peerId)
      .map((signed) => peerInfo(signed, connected));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Jobs are cancelled while their cadres can still be told. */
  async #close(): Promise<void> {
    this.#closed.abort(new KadreError({ code: 'STOPPED' }, 'this swarm has been closed'));
    await Promise.all([...this.#jobs].map(({ job }) => job.cancel()));
    await this.#components.close();
  }

  /** Each input once in the store that peers fetch from. */
  async #storeInputs(
    specs: readonly Omit<InputRef, 'root'>[],
    arrays: readonly (readonly [string, NdArray])[],
  ): Promise<InputRef[]> {
    return Promise.all(
      specs.map(async (spec, i) => {
        const { root } = await this.#components.blobs.put(bytesOfArray(arrays[i]![1]));
        return { ...spec, shape: [...spec.shape], root };
      }),
    );
  }
}

class EmbeddedJob implements JobHandle {
  readonly id: string;
  readonly #started: StartedJob;
  readonly #closed: AbortSignal;

  /** `cancel`: the submitter's; `closed`: the swarm's own, which cancels its jobs itself. */
  constructor(
    started: StartedJob,
    signals: { readonly cancel: AbortSignal | undefined; readonly closed: AbortSignal },
  ) {
    const { cancel, closed } = signals;
    this.id = started.job.id;
    this.#started = started;
    this.#closed = closed;
    const onAbort = () => void this.cancel();
    cancel?.addEventListener('abort', onAbort, { once: true });
    const forget = () => cancel?.removeEventListener('abort', onAbort);
    started.finished.then(forget, forget);
  }

  events(): AsyncIterable<JobEvent> {
    return this.#started.job.events.follow();
  }

  async result(options: SignalOption = {}): Promise<JobResult> {
    const finished = await raceAbort(
      this.#started.finished,
      anySignal(options.signal, this.#closed),
    );
    return resultOf(this.#started, finished);
  }

  async cancel(): Promise<void> {
    await this.#started.job.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }
}

/** An abort is told with a code, whatever the work made of it. Errors: INTERRUPTED, STOPPED. */
async function coded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throwIfAborted(signal);
    throw cause;
  }
}

/** The caller stops waiting when its signal aborts; the job goes on. Errors: INTERRUPTED. */
async function raceAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    throwIfAborted(signal);
    return await coded(Promise.race([work, aborted.promise]), signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function resultOf({ job }: StartedJob, finished: FinishedJob): JobResult {
  const { plan, results } = finished;
  const outputs: Record<string, NdArray> = {};
  const described: Record<string, JobSummary['outputs'][string]> = {};
  plan.kernel.outputs.forEach((spec, i) => {
    const content = finished.outputs[i]!;
    outputs[spec.name] = arrayOfBytes(spec, content);
    const digest = toHex(blobRoot(content));
    described[spec.name] = { shape: spec.shape, dtype: spec.dtype, digest };
  });
  const workers: Record<string, { shards: number; ms: number }> = {};
  for (const [peer, shards] of results.shardsOf) {
    workers[peer] = { shards, ms: round(finished.kernelMs.get(peer) ?? 0) };
  }
  const { disputes, retries } = finished.outcome;
  const { replicas, quorum } = plan.policy;
  const members = plan.seats.map((seat) => peerIdOf(seat.node));
  const { total, plan: planMs, compute, commit, collect } = finished.times;
  const summary: JobSummary = {
    jobId: job.id,
    computationId: job.computationId,
    kernel: plan.spec.kernel,
    shards: plan.spec.shards,
    replicas,
    quorum,
    cadre: { n: plan.seats.length, q: plan.q, members },
    workers,
    disputes,
    retries,
    receipts: results.receipts,
    outputs: described,
    ms: {
      total: round(total),
      plan: round(planMs),
      compute: round(compute),
      commit: round(commit),
      collect: round(collect),
    },
  };
  return { outputs, certificate: results.certificate, summary };
}

const round = (ms: number): number => Math.round(ms * 10) / 10;

function speedsOf(
  adverts: readonly SignedAdvert[],
  { kernel, requires }: { readonly kernel: string; readonly requires: Requirement | undefined },
): number[] {
  return adverts.flatMap(({ advert }) => {
    const offers = offersFor(advert, kernel, requires);
    return offers.length > 0 ? [Math.max(...offers.map((offer) => offer.speed))] : [];
  });
}

/** Enough to keep every worker busy, none too small to be worth sending. */
function shardCountFor(resolved: ResolvedKernel, workers: number): number {
  const { operations } = resolved.cost(1, 0);
  const worthwhile = Math.max(1, Math.round(operations / SHARD_OPERATIONS));
  return Math.min(resolved.shardsMax, worthwhile, SHARDS_PER_WORKER * Math.max(1, workers));
}

function estimateFor(
  resolved: ResolvedKernel,
  job: { readonly shards: number; readonly replicas: number; readonly speeds: readonly number[] },
): number {
  return estimateShareMs({
    operations: resolved.cost(1, 0).operations,
    shardOperations: resolved.cost(job.shards, 0).operations,
    replicas: job.replicas,
    speeds: job.speeds,
  });
}

function peerInfo({ advert }: SignedAdvert, connected: ReadonlySet<PeerId>): PeerInfo {
  const peerId = peerIdOf(advert.node);
  return {
    peerId,
    connected: connected.has(peerId),
    roles: advert.roles,
    backends: advert.devices.map((device) => device.name),
    kernels: advert.kernels.map((offer) => offer.id),
    addresses: advert.addresses,
  };
}
