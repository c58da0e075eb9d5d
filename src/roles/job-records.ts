/**
 * The requester's records of its jobs: kept in memory, written in order, bounded by age and number
 * (docs/protocol/job.md, "A job's record"). Running jobs never fall out; what ended stays as long
 * as its results do.
 */
import { ERROR_CODES, type ErrorCode } from '../base/error-codes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Clock, Logger } from '../base/ports.ts';
import { type JobStore, jobIdText, type StoredJob } from '../store/job-store.ts';

export interface JobRecordsComponents {
  readonly store: JobStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Results stay with the workers this long; a record that outlived them would promise too much. */
export const RESULTS_KEPT_MS = 24 * 3_600_000;
/** Ended jobs remembered at most, the newest. */
export const ENDED_JOBS_MAX = 1_024;

/** Undefined for a job that did not fail. Another version may have had other codes. */
export function recordedFailure(stored: StoredJob | undefined): KadreError | undefined {
  if (stored?.failure === undefined) return undefined;
  const { code, message } = stored.failure;
  const known = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL';
  return new KadreError({ code: known }, message);
}

export class JobRecords {
  readonly #components: JobRecordsComponents;
  /** By job id, oldest first. */
  readonly #jobs = new Map<string, StoredJob>();
  readonly #writing = new Map<string, Promise<void>>();

  constructor(components: JobRecordsComponents) {
    this.#components = components;
  }

  /** Reads what an earlier process left. Errors: DISK_FAILED. */
  async load(): Promise<void> {
    const { store, log } = this.#components;
    const onDamaged = ({ code, message }: KadreError) =>
      log.log('error', 'job-not-read', { code, message });
    const jobs = await store.load(onDamaged);
    jobs.sort((a, b) => a.submittedMs - b.submittedMs);
    for (const job of jobs) this.#jobs.set(jobIdText(job.job), job);
    this.#trim();
  }

  find(jobId: string): StoredJob | undefined {
    return this.#jobs.get(jobId);
  }

  /** Oldest first. */
  list(): readonly StoredJob[] {
    this.#trim();
    return [...this.#jobs.values()];
  }

  /** Durable when it resolves, after every earlier write of the same job. Errors: DISK_FAILED. */
  save(job: StoredJob): Promise<void> {
    const jobId = jobIdText(job.job);
    this.#jobs.set(jobId, job);
    const before = this.#writing.get(jobId) ?? Promise.resolve();
    const written = before.catch(() => undefined).then(() => this.#components.store.put(job));
    this.#writing.set(jobId, written);
    const forget = () => {
      if (this.#writing.get(jobId) === written) this.#writing.delete(jobId);
    };
    written.then(forget, forget);
    this.#trim();
    return written;
  }

  /** Changes a record that exists. Errors: JOB_UNKNOWN, DISK_FAILED. */
  async change(jobId: string, change: Partial<StoredJob>): Promise<void> {
    const job = this.#jobs.get(jobId);
    if (job === undefined) throw new KadreError({ code: 'JOB_UNKNOWN' }, `no record of ${jobId}`);
    await this.save({ ...job, ...change });
  }

  /** Resolves when everything that was asked for so far is written, or has failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#writing.values());
  }

  #trim(): void {
    const oldestMs = this.#components.clock.wallMs() - RESULTS_KEPT_MS;
    const ended = [...this.#jobs].filter(([, job]) => job.state !== 'running');
    ended.sort(([, a], [, b]) => (a.endedMs ?? 0) - (b.endedMs ?? 0));
    const surplus = Math.max(0, ended.length - ENDED_JOBS_MAX);
    for (const [at, [jobId, job]] of ended.entries()) {
      if (at >= surplus && (job.endedMs ?? 0) >= oldestMs) break;
      this.#jobs.delete(jobId);
      void this.#remove(jobId);
    }
  }

  async #remove(jobId: string): Promise<void> {
    const { store, log } = this.#components;
    try {
      await this.#writing.get(jobId)?.catch(() => undefined);
      await store.remove(jobId);
    } catch (cause) {
      const { code, message } = asKadreError(cause, 'DISK_FAILED', 'record not removed');
      log.log('warn', 'job-not-removed', { jobId, code, message });
    }
  }
}
