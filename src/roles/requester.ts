/**
 * The requester role: runs jobs of this node's user and routes what peers say about them. It keeps
 * a record of each, so that a restart takes unfinished ones up again and ended ones can still be
 * fetched; and it picks up any job by its id. Without a cadre it is also the judge that workers
 * send their records to.
 */
import { fromHex, toHex } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import type { BlobStore, Directory, SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import type { LedgerQuestion } from '../job/ledger/page-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { checkWaitPeers } from '../job/policy.ts';
import type { WhyReport } from '../job/why.ts';
import { type JobStore, jobIdText, type StoredJob } from '../store/job-store.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { explainJob } from './ask-why.ts';
import type { FinishedJob } from './finished-job.ts';
import { JOB_MESSAGE_BYTES_MAX, type JobNotice, outcomeShape } from './job-messages.ts';
import { JobRecords, recordedFailure } from './job-records.ts';
import type { JobStart } from './job-start.ts';
import type { LocalJudge } from './local-judge.ts';
import { type LocatedComputation, locateComputation } from './locate-computation.ts';
import { learnAddresses, locateJob } from './locate-job.ts';
import {
  type RequesterComponents as JobComponents,
  type RecordChange,
  RequesterJob,
  type RequesterJobInit,
} from './requester-job.ts';

export interface RequesterComponents extends JobComponents {
  readonly directory: Directory;
  readonly blobs: BlobStore;
  readonly jobs: JobStore;
}

export interface StartedJob {
  readonly job: RequesterJob;
  /** Settles when the job has ended; never unhandled. */
  readonly finished: Promise<FinishedJob>;
}

/** Jobs of one node at once; each holds its inputs and a few streams. */
const JOBS_MAX = 256;

export class Requester {
  readonly name = 'requester';
  readonly #components: RequesterComponents;
  readonly #records: JobRecords;
  readonly #byPlan = new Map<string, RequesterJob>();
  readonly #stopping = new AbortController();
  readonly #jobs = new Map<string, StartedJob>();
  #done = 0;
  #failed = 0;

  constructor(components: RequesterComponents) {
    this.#components = components;
    this.#records = new JobRecords({ ...components, store: components.jobs });
  }

  get counts(): { running: number; done: number; failed: number } {
    return { running: this.#jobs.size, done: this.#done, failed: this.#failed };
  }

  /** Reads the records; unfinished jobs go on at once. Errors: DISK_FAILED. */
  async start(): Promise<void> {
    await this.#records.load();
    this.resume();
  }

  /** Cancels what cannot go on without this node; a detached job only loses a listener. */
  async stop(): Promise<void> {
    this.#stopping.abort(new KadreError({ code: 'STOPPED' }, 'this node is stopping'));
    const jobs = [...this.#jobs.values()].map(({ job }) => job);
    for (const job of jobs) if (job.isDetached) job.leave();
    await Promise.all(jobs.filter((job) => !job.isDetached).map((job) => job.cancel()));
    await Promise.all(jobs.map((job) => job.ended));
    await this.#records.settled();
  }

  /**
   * Runs a job. Resolves once a restart of this node would take it up again. Errors: OVERLOADED,
   * STOPPED, BAD_POLICY (detached without a cadre, a wait that is no time), DISK_FAILED; everything
   * else comes through `finished`.
   */
  async submit(init: RequesterJobInit): Promise<StartedJob> {
    throwIfAborted(this.#stopping.signal);
    const { job, waitPeersMs, detached = false } = init;
    if (detached && job.spec.policy.cadre === 0) {
      const message = 'a detached job needs a cadre: somebody must judge without its requester';
      throw new KadreError({ code: 'BAD_POLICY' }, message);
    }
    checkWaitPeers(waitPeersMs);
    this.#assertRoom();
    // Remembered before anybody hears of it.
    await this.#records.save({
      v: 1,
      job,
      detached,
      waitPeersMs,
      instance: 0,
      state: 'running',
      isAnnounced: false,
      isDetachable: false,
      submittedMs: this.#components.clock.wallMs(),
    });
    throwIfAborted(this.#stopping.signal);
    return this.#begin(init, { kind: 'plan', instance: 0 });
  }

  /** Takes up every unfinished job on record that does not run already. */
  resume(): readonly StartedJob[] {
    const open = this.#records.list().filter(({ state }) => state === 'running');
    const resumed: StartedJob[] = [];
    for (const stored of open) {
      const init = initOf(stored);
      const start = this.#startOf(stored);
      if (this.#jobs.has(jobIdText(stored.job)) || this.#jobs.size >= JOBS_MAX) continue;
      resumed.push(this.#begin(init, start));
    }
    return resumed;
  }

  /** Jobs submitted here: the unfinished, and those that ended within a day. Oldest first. */
  list(): readonly StoredJob[] {
    return this.#records.list();
  }

  /** The record of a job that was submitted here. `jobId`: lowercase hex. */
  find(jobId: string): StoredJob | undefined {
    return this.#records.find(jobId);
  }

  /** A job that runs here now. */
  running(jobId: string): StartedJob | undefined {
    return this.#jobs.get(jobId);
  }

  /**
   * Follows any job by its id, to certificate and outputs, whoever submitted it: one that runs
   * here, one on record, or one that is found through the directory. Aborting `signal` stops the
   * search, not the job. Errors: JOB_UNKNOWN, OVERLOADED, STOPPED; and through `finished` whatever
   * the job failed with.
   */
  async pickUp(jobId: string, options: SignalOption = {}): Promise<StartedJob> {
    throwIfAborted(this.#stopping.signal);
    const known = this.#jobs.get(jobId);
    if (known !== undefined) return known;
    const stored = this.#records.find(jobId);
    if (stored !== undefined) return this.#pickUpStored(stored);
    const id = fromHex(jobId);
    if (id?.length !== 32) throw new KadreError({ code: 'JOB_UNKNOWN' }, 'no job id');
    return this.follow(await locateJob(this.#components, id, options));
  }

  /** Follows the job of a plan that was found. Errors: OVERLOADED, STOPPED; as `pickUp`. */
  async follow(plan: OpenPlan): Promise<StartedJob> {
    throwIfAborted(this.#stopping.signal);
    await learnAddresses(this.#components.network, plan);
    this.#assertRoom();
    const init = { job: plan.package.job, waitPeersMs: 0, detached: true };
    return this.#jobs.get(toHex(plan.jobId)) ?? this.#begin(init, { kind: 'follow', plan });
  }

  /** Plans of certified jobs of a computation, whoever submitted them, that these peers judged. */
  locate(computation: LocatedComputation, options: SignalOption): AsyncGenerator<OpenPlan> {
    return locateComputation(this.#components, computation, options);
  }

  /**
   * Why a job that was submitted here, or is followed here, is where it is. Errors: JOB_UNKNOWN,
   * INTERRUPTED.
   */
  async why(
    jobId: string,
    question: LedgerQuestion,
    options: SignalOption = {},
  ): Promise<WhyReport> {
    const running = this.#jobs.get(jobId)?.job;
    if (running !== undefined) return explainJob(this.#components, running, question, options);
    const stored = this.#records.find(jobId);
    if (stored === undefined) throw new KadreError({ code: 'JOB_UNKNOWN' }, `no job ${jobId} here`);
    const opened = stored.plan === undefined ? undefined : this.#components.plans.open(stored.plan);
    const plan = opened?.ok ? opened.value : undefined;
    const stage = stored.state === 'done' ? 'done' : 'failed';
    const { failure: error } = stored;
    const job = { id: jobId, stage, spec: stored.job.spec, plan, error } as const;
    return explainJob(this.#components, job, question, options);
  }

  /** Roots of blobs that unfinished jobs and kept certificates need. */
  *roots(): Generator<Digest> {
    for (const { job } of this.#jobs.values()) yield* job.roots();
    for (const { certificate } of this.#records.list()) {
      if (certificate !== undefined) yield certificate.root;
    }
  }

  notice(from: PeerId, planId: Uint8Array, notice: JobNotice): void {
    this.#byPlan.get(toHex(planId))?.notice(from, notice);
  }

  /** The judge of a plan without a cadre. */
  judgeOf(planId: Uint8Array): LocalJudge | undefined {
    return this.#byPlan.get(toHex(planId))?.judge;
  }

  #assertRoom(): void {
    if (this.#jobs.size < JOBS_MAX) return;
    throw new KadreError({ code: 'OVERLOADED' }, `${JOBS_MAX} jobs are running already`);
  }

  #begin(init: RequesterJobInit, start: JobStart): StartedJob {
    const job: RequesterJob = new RequesterJob(this.#components, init, {
      start,
      record: (change) => this.#record(job.id, change),
    });
    const started = { job, finished: this.#run(job, start) };
    this.#jobs.set(job.id, started);
    started.finished.catch(() => {});
    return started;
  }

  async #run(job: RequesterJob, start: JobStart): Promise<FinishedJob> {
    const plans = new Set<string>();
    try {
      if (start.kind !== 'plan') await learnAddresses(this.#components.network, start.plan);
      const finished = await job.run(({ planId }: OpenPlan) => {
        plans.add(toHex(planId));
        this.#byPlan.set(toHex(planId), job);
      });
      this.#done += 1;
      return finished;
    } catch (cause) {
      const error = asKadreError(cause, 'INTERNAL', 'the job failed');
      if (error.code !== 'STOPPED') {
        this.#failed += 1;
        await this.#recordFailure(job.id, error);
      }
      throw error;
    } finally {
      this.#jobs.delete(job.id);
      for (const key of plans) this.#byPlan.delete(key);
    }
  }

  /** From a record to where its job goes on. */
  #startOf(stored: StoredJob): JobStart {
    const { instance, plan: pkg, isAnnounced } = stored;
    if (pkg === undefined) return { kind: 'plan', instance };
    const plan = this.#components.plans.open(pkg);
    // Judged by a process that is gone, or too old to be opened: only a new plan can end it.
    if (!plan.ok || plan.value.seats.length === 0) return { kind: 'plan', instance: instance + 1 };
    if (!isAnnounced || (stored.detached && !stored.isDetachable)) {
      return { kind: 'reopen', plan: plan.value, instance };
    }
    return { kind: 'follow', plan: plan.value };
  }

  async #pickUpStored(stored: StoredJob): Promise<StartedJob> {
    this.#assertRoom();
    if (stored.state === 'running') return this.#begin(initOf(stored), this.#startOf(stored));
    const failure = recordedFailure(stored);
    if (failure !== undefined) throw failure;
    const start = await this.#endedStart(stored);
    return this.#jobs.get(jobIdText(stored.job)) ?? this.#begin(initOf(stored), start);
  }

  /** Errors: JOB_UNKNOWN for what only the process that ran it could tell. */
  async #endedStart(stored: StoredJob): Promise<JobStart> {
    const { blobs, plans } = this.#components;
    const plan = stored.plan === undefined ? undefined : plans.open(stored.plan);
    const { certificate: ref, outcome: bytes } = stored;
    const outcome = bytes && decodeCanonical(bytes, outcomeShape, JOB_MESSAGE_BYTES_MAX);
    if (plan?.ok !== true || ref === undefined || outcome?.ok !== true) {
      const message = 'its results were not certified, so they ended with the process that ran it';
      throw new KadreError({ code: 'JOB_UNKNOWN' }, message);
    }
    const certificate = await blobs.read(ref.root, 0, ref.bytes);
    if (certificate === undefined) return { kind: 'follow', plan: plan.value };
    return { kind: 'collect', plan: plan.value, outcome: outcome.value, certificate };
  }

  /** Jobs of others have no record here. */
  async #record(jobId: string, change: Parameters<RecordChange>[0]): Promise<void> {
    if (this.#records.find(jobId) === undefined) return;
    if (!('end' in change)) return this.#records.change(jobId, change);
    const { end, certificate } = change;
    const ref = certificate === null ? undefined : await this.#components.blobs.put(certificate);
    await this.#records.change(jobId, {
      state: 'done',
      endedMs: this.#components.clock.wallMs(),
      outcome: encodeCanonical(end),
      ...(ref === undefined ? {} : { certificate: ref }),
    });
  }

  /** A certified job whose outputs could not be collected is done all the same. */
  async #recordFailure(jobId: string, error: KadreError): Promise<void> {
    const stored = this.#records.find(jobId);
    if (stored === undefined || stored.state !== 'running') return;
    const { code, message } = error;
    const state = code === 'JOB_CANCELLED' ? 'cancelled' : 'failed';
    const failure = { code, message: message.slice(0, 4_096) };
    const endedMs = this.#components.clock.wallMs();
    await this.#records.change(jobId, { state, failure, endedMs }).catch((cause) => {
      this.#components.log.log('warn', 'job-not-recorded', { jobId, cause: String(cause) });
    });
  }
}

function initOf({ job, waitPeersMs, detached }: StoredJob): RequesterJobInit {
  return { job, waitPeersMs, detached };
}
