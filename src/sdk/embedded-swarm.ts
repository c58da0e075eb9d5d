/**
 * A `Swarm` whose requester lives in this process: an embedded client, or a node that submits for
 * its own user. Inputs are served from here, results are verified here.
 */

import { KadreError } from '../base/errors.ts';
import { type Digest, type PeerId, peerIdOf } from '../base/ids.ts';
import type {
  BlobRef,
  BlobStore,
  Clock,
  Directory,
  Logger,
  Network,
  Random,
  SignalOption,
  Signer,
} from '../base/ports.ts';
import { abortable, anySignal, sleep, throwIfAborted } from '../base/signals.ts';
import type { Executor } from '../compute/executor.ts';
import { buildSpec } from '../job/build-spec.ts';
import { derivePolicy, estimateShareMs } from '../job/policy.ts';
import type { Reuse, WantedWork } from '../job/reuse.ts';
import type { InputRef, SignedJobSpec } from '../job/spec.ts';
import type { ArraySpec, ResolvedKernel } from '../kernel/contract.ts';
import { describeKernel } from '../kernel/describe.ts';
import { bytesOfArray, type InputArray, inMemory } from '../kernel/nd-array.ts';
import { KERNELS } from '../kernel/registry.ts';
import type { RoleSet } from '../roles/compose-roles.ts';
import type { StartedJob } from '../roles/requester.ts';
import type { ClientEvent } from '../roles/training/client.ts';
import { jobIdText } from '../store/job-store.ts';
import type { LinkedBlobs } from '../store/linked-blobs.ts';
import type { SignedAdvert } from '../swarm/advert.ts';
import type { NetworkPolicy } from '../swarm/network-file.ts';
import { offersFor, type Requirement } from '../swarm/requirement.ts';
import { type Averaged, type AverageOptions, averageWith } from './average.ts';
import { EmbeddedJob, type EmbeddedJobInit } from './embedded-job.ts';
import { jobIdPrefix, matchJobId } from './find-job.ts';
import { jobInfo } from './job-info.ts';
import { mapJobs } from './map-jobs.ts';
import { readSubmission, type Submission, wantedOf } from './read-submission.ts';
import { reuseOwn } from './reuse-own.ts';
import { reuseTrusted, trustedMembers } from './reuse-trusted.ts';
import {
  type JoinOptions,
  joinTraining,
  startTraining,
  type Training,
  type TrainingStatus,
  type TrainingStatusOptions,
  type TrainOptions,
  trainingStatus,
} from './train.ts';
import type {
  JobHandle,
  JobInfo,
  JobResult,
  KernelInfo,
  MapOptions,
  PeerInfo,
  RetryOptions,
  SubmitOptions,
  Swarm,
  Work,
} from './types.ts';

export interface EmbeddedSwarmComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly log: Logger;
  readonly signer: Signer;
  readonly random: Random;
  readonly clock: Clock;
  readonly blobs: BlobStore;
  /** Where inputs that stay in files are offered from; without it they are read into `blobs`. */
  readonly links?: Pick<LinkedBlobs, 'link' | 'onChanged'>;
  readonly roles: Pick<RoleSet, 'scout' | 'book' | 'requester' | 'trainings' | 'averager'>;
  /** Runs shards that are checked here. */
  readonly executor: Pick<Executor, 'run'>;
  /** Ends what was started for this swarm; nothing for a node's own. */
  readonly close: () => Promise<void>;
}

export interface EmbeddedSwarmInit {
  readonly networkId: string;
  /** The network file's overrides of the job defaults. */
  readonly policy: NetworkPolicy;
  /** The network file's: the anchor of `reuse: 'trusted'`. */
  readonly members?: readonly PeerId[] | undefined;
}

/** After this a swarm has joined, if there is anything to join. */
const JOINING_MS = 8_000;
const SEARCH_PAUSE_MS = 500;
/** Operations that make a shard worth its overhead, when the count is ours to choose. */
const SHARD_OPERATIONS = 20_000_000;
/** Shards per worker, when the count is ours to choose: room for unlike speeds. */
const SHARDS_PER_WORKER = 4;

export class EmbeddedSwarm implements Swarm {
  readonly peerId: PeerId;
  readonly #components: EmbeddedSwarmComponents;
  readonly #init: EmbeddedSwarmInit;
  readonly #closed = new AbortController();
  /** Running, by id. */
  readonly #jobs = new Map<string, EmbeddedJob>();
  readonly #openedMs: number;
  #closing: Promise<void> | undefined;

  constructor(components: EmbeddedSwarmComponents, init: EmbeddedSwarmInit) {
    this.#components = components;
    this.#init = init;
    this.peerId = components.network.self;
    this.#openedMs = components.clock.monotonicMs();
    const { links } = components;
    if (links !== undefined) links.onChanged = (root, error) => this.#inputChanged(root, error);
  }

  async submit(kernel: string, work: Work, options: SubmitOptions = {}): Promise<JobHandle> {
    const { policy: network, networkId } = this.#init;
    const signal = anySignal(options.signal, this.#closed.signal);
    throwIfAborted(signal);
    const submission = readSubmission(kernel, work, { ...options, network });
    if (submission.reuse === 'trusted') trustedMembers(this.#init.members);
    const inputs = await this.#storeInputs(submission.arrays, work.inputs ?? {});
    const wanted = wantedOf(submission, inputs, networkId);
    const reused = await this.#reuse(submission, wanted, signal);
    if (reused !== undefined) {
      const owner = { cancel: options.signal, isOwn: false, reused: reused.whose };
      return this.#handle(reused.started.job.id, reused.started, owner);
    }
    const job = await this.#signedJob(submission, inputs, signal);
    const { waitPeersMs, detached } = submission;
    const started = await this.#components.roles.requester.submit({ job, waitPeersMs, detached });
    return this.#handle(started.job.id, started, { cancel: options.signal, isOwn: !detached });
  }

  async #reuse(
    { reuse, detached }: Submission,
    wanted: WantedWork,
    signal: AbortSignal,
  ): Promise<{ started: StartedJob; whose: Reuse } | undefined> {
    if (reuse === false) return undefined;
    const { requester } = this.#components.roles;
    const components = { ...this.#components, requester };
    const init = { detached, isTaken: (jobId: string) => this.#jobs.has(jobId) };
    const own = await reuseOwn(components, wanted, init, { signal });
    if (own !== undefined) return { started: own, whose: 'own' };
    if (reuse === 'own') return undefined;
    const members = trustedMembers(this.#init.members);
    const trusted = await reuseTrusted(components, wanted, members, { signal });
    return trusted && { started: trusted, whose: 'trusted' };
  }

  /** Cut and timed for the workers that can be found now. Errors: NOT_ENOUGH_PEERS. */
  async #signedJob(
    {
      kernel,
      parameters,
      requires,
      resolved,
      policy,
      asked,
      waitPeersMs,
      reuse,
      ...rest
    }: Submission,
    inputs: readonly InputRef[],
    signal: AbortSignal,
  ): Promise<SignedJobSpec> {
    const { random, signer, roles } = this.#components;
    const { replicas: workersMin, cadre: cadreMin } = policy;
    const wanted = { kernel, requires, workersMin, cadreMin, waitMs: waitPeersMs };
    const adverts = await coded(roles.scout.gather(wanted, { signal }), signal);
    const speeds = speedsOf(adverts, { kernel, requires });
    const shards = rest.shards ?? shardCountFor(resolved, speeds.length);
    const estimateMs = estimateFor(resolved, { shards, replicas: policy.replicas, speeds });
    throwIfAborted(signal);
    return buildSpec(
      {
        kernelId: kernel,
        parameters,
        inputs,
        shards,
        policy: derivePolicy({ ...asked, estimateMs }),
        requires,
        fresh: reuse === false,
        network: this.#init.networkId,
        nonce: random.bytes(16),
      },
      signer,
    );
  }

  map(
    kernel: string,
    works: AsyncIterable<Work> | Iterable<Work>,
    options?: MapOptions,
  ): AsyncGenerator<JobResult, void, undefined> {
    return mapJobs(this, kernel, works, options);
  }

  /** One of this requester, or, by its whole id, anybody's that the directory leads to. */
  async job(id: string, options: SignalOption = {}): Promise<JobHandle> {
    const { requester } = this.#components.roles;
    const signal = anySignal(options.signal, this.#closed.signal);
    throwIfAborted(signal);
    const wanted = jobIdPrefix(id);
    const known = [...this.#jobs.keys(), ...requester.list().map(({ job }) => jobIdText(job))];
    if (wanted.length === 64 && !known.includes(wanted)) {
      const started = await abortable(this.#pickUp(wanted, signal), signal);
      return this.#handle(wanted, started, { cancel: undefined, isOwn: false });
    }
    const jobId = matchJobId(wanted, known);
    const started = requester.running(jobId);
    return this.#handle(jobId, started, { cancel: undefined, isOwn: false });
  }

  /** A swarm that was just joined knows nobody yet who could lead to the job. */
  async #pickUp(jobId: string, signal: AbortSignal): Promise<StartedJob> {
    const { clock, roles } = this.#components;
    for (;;) {
      try {
        return await roles.requester.pickUp(jobId, { signal });
      } catch (cause) {
        const isUnknown = cause instanceof KadreError && cause.code === 'JOB_UNKNOWN';
        const isNew = clock.monotonicMs() - this.#openedMs < JOINING_MS;
        if (!isUnknown || !isNew) throw cause;
        await sleep(clock, SEARCH_PAUSE_MS, { signal });
      }
    }
  }

  async retry(id: string, options: RetryOptions = {}): Promise<JobHandle> {
    const { requester } = this.#components.roles;
    throwIfAborted(anySignal(options.signal, this.#closed.signal));
    const known = requester.list();
    const jobId = matchJobId(
      id,
      known.map(({ job }) => jobIdText(job)),
    );
    const { job, detached, waitPeersMs } = requester.find(jobId)!;
    const { kernel: kernelId, ...work } = job.spec;
    for (const { name, root } of work.inputs) await this.#assertHeld(name, root);
    const nonce = this.#components.random.bytes(16);
    const signed = buildSpec({ ...work, kernelId, nonce }, this.#components.signer);
    const init = { job: signed, detached, waitPeersMs: options.waitPeersMs ?? waitPeersMs };
    const started = await requester.submit(init);
    return this.#handle(started.job.id, started, { cancel: options.signal, isOwn: !detached });
  }

  async #assertHeld(name: string, root: Digest): Promise<void> {
    if ((await this.#components.blobs.size(root)) !== undefined) return;
    const advice = 'submit the job anew with its inputs';
    const message = `input \`${name}\` is not held here any more`;
    throw new KadreError({ code: 'BLOB_UNAVAILABLE', advice }, message);
  }

  async jobs(): Promise<readonly JobInfo[]> {
    throwIfAborted(this.#closed.signal);
    const { requester } = this.#components.roles;
    return requester.list().map((stored) => {
      const jobId = jobIdText(stored.job);
      const job = requester.running(jobId)?.job;
      return jobInfo(jobId, { spec: stored.job.spec, job, stored, isRunning: job !== undefined });
    });
  }

  async train(options: TrainOptions): Promise<Training> {
    throwIfAborted(anySignal(options.signal, this.#closed.signal));
    const signal = anySignal(options.signal, this.#closed.signal);
    const submit = this.submit.bind(this);
    const components = { ...this.#components, desk: this.#components.roles.trainings, submit };
    return startTraining(components, this.#init.networkId, { ...options, signal });
  }

  async average(values: Float32Array, options: AverageOptions): Promise<Averaged> {
    const signal = anySignal(options.signal, this.#closed.signal);
    throwIfAborted(signal);
    const { network, roles } = this.#components;
    return averageWith({ network, averager: roles.averager }, values, { ...options, signal });
  }

  join(id: string, options: JoinOptions): AsyncGenerator<ClientEvent, void, undefined> {
    const signal = anySignal(options.signal, this.#closed.signal);
    return joinTraining(this.#components, id, { ...options, signal });
  }

  async training(id: string, options: TrainingStatusOptions = {}): Promise<TrainingStatus> {
    const signal = anySignal(options.signal, this.#closed.signal);
    return trainingStatus(this.#components, id, { ...options, signal });
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
    await Promise.all([...this.#jobs.values()].map((job) => job.release()));
    await this.#components.close();
  }

  /** A handle, and, while its job runs, something to let go of when the swarm is closed. */
  #handle(
    id: string,
    started: StartedJob | undefined,
    owner: Pick<EmbeddedJobInit, 'cancel' | 'isOwn' | 'reused'>,
  ): JobHandle {
    const { requester } = this.#components.roles;
    const closed = this.#closed.signal;
    const handle = new EmbeddedJob({ requester }, { id, started, closed, ...owner });
    if (started === undefined || this.#jobs.has(id)) return handle;
    this.#jobs.set(id, handle);
    const forget = () => this.#jobs.delete(id);
    started.finished.then(forget, forget);
    return handle;
  }

  /** Each input once in the store that peers fetch from. */
  async #storeInputs(
    specs: readonly ArraySpec[],
    arrays: Readonly<Record<string, InputArray>>,
  ): Promise<InputRef[]> {
    return Promise.all(
      specs.map(async (spec) => {
        const { root } = await this.#storeInput(arrays[spec.name]!);
        return { ...spec, shape: [...spec.shape], root };
      }),
    );
  }

  /** What is linked is never copied; without links, as at a node, it is read whole. */
  async #storeInput(array: InputArray): Promise<BlobRef> {
    const { blobs, links } = this.#components;
    if (links !== undefined && 'source' in array) return links.link(array.source);
    return blobs.put(bytesOfArray(await inMemory(array)));
  }

  /** Nobody can read the rest of this input: jobs that need it fail for that reason. */
  #inputChanged(root: Digest, error: KadreError): void {
    for (const job of this.#jobs.values()) {
      if (job.reads(root)) void job.fail(error);
    }
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
