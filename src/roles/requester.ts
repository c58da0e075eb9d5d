/**
 * The requester role: runs jobs of this node's user and routes what peers say about them. Without a
 * cadre it is also the judge that workers send their records to.
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import { throwIfAborted } from '../base/signals.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { JobNotice } from './job-messages.ts';
import type { LocalJudge } from './local-judge.ts';
import {
  type FinishedJob,
  type RequesterComponents,
  RequesterJob,
  type RequesterJobInit,
} from './requester-job.ts';

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
  readonly #byPlan = new Map<string, RequesterJob>();
  readonly #stopping = new AbortController();
  readonly #jobs = new Set<RequesterJob>();
  #done = 0;
  #failed = 0;

  constructor(components: RequesterComponents) {
    this.#components = components;
  }

  /** Those that run. */
  get jobs(): ReadonlySet<RequesterJob> {
    return this.#jobs;
  }

  get counts(): { running: number; done: number; failed: number } {
    return { running: this.#jobs.size, done: this.#done, failed: this.#failed };
  }

  /** Cancels what runs: its cadres would go on for nobody. */
  async stop(): Promise<void> {
    this.#stopping.abort(new KadreError({ code: 'STOPPED' }, 'this node is stopping'));
    await Promise.all([...this.#jobs].map((job) => job.cancel()));
    await Promise.all([...this.#jobs].map((job) => job.ended));
  }

  /** Errors: OVERLOADED, STOPPED; everything else comes through `finished`. */
  submit(init: RequesterJobInit): StartedJob {
    throwIfAborted(this.#stopping.signal);
    if (this.#jobs.size >= JOBS_MAX) {
      throw new KadreError({ code: 'OVERLOADED' }, `${JOBS_MAX} jobs are running already`);
    }
    const job = new RequesterJob(this.#components, init);
    this.#jobs.add(job);
    const finished = this.#run(job);
    finished.catch(() => {});
    return { job, finished };
  }

  notice(from: PeerId, planId: Uint8Array, notice: JobNotice): void {
    this.#byPlan.get(toHex(planId))?.notice(from, notice);
  }

  /** The judge of a plan without a cadre. */
  judgeOf(planId: Uint8Array): LocalJudge | undefined {
    return this.#byPlan.get(toHex(planId))?.judge;
  }

  async #run(job: RequesterJob): Promise<FinishedJob> {
    try {
      const onPlanned = ({ planId }: OpenPlan) => this.#byPlan.set(toHex(planId), job);
      const finished = await job.run(onPlanned);
      this.#done += 1;
      return finished;
    } catch (cause) {
      this.#failed += 1;
      throw cause;
    } finally {
      this.#jobs.delete(job);
      if (job.planId !== undefined) this.#byPlan.delete(toHex(job.planId));
    }
  }
}
