/**
 * The requester role: runs jobs of this node's user and routes what peers say about them. Without a
 * cadre it is also the judge that workers send their records to.
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { SignalOption } from '../base/ports.ts';
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
  #running = 0;
  #done = 0;
  #failed = 0;

  constructor(components: RequesterComponents) {
    this.#components = components;
  }

  get counts(): { running: number; done: number; failed: number } {
    return { running: this.#running, done: this.#done, failed: this.#failed };
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new KadreError({ code: 'STOPPED' }, 'this node is stopping'));
  }

  /** Errors: OVERLOADED; everything else comes through `finished`. */
  submit(init: RequesterJobInit): StartedJob {
    if (this.#running >= JOBS_MAX) {
      throw new KadreError({ code: 'OVERLOADED' }, `${JOBS_MAX} jobs are running already`);
    }
    const job = new RequesterJob(this.#components, init);
    this.#running += 1;
    const finished = this.#run(job, { signal: this.#stopping.signal });
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

  async #run(job: RequesterJob, options: SignalOption): Promise<FinishedJob> {
    try {
      const onPlanned = ({ planId }: OpenPlan) => this.#byPlan.set(toHex(planId), job);
      const finished = await job.run(onPlanned, options);
      this.#done += 1;
      return finished;
    } catch (cause) {
      this.#failed += 1;
      throw cause;
    } finally {
      this.#running -= 1;
      if (job.planId !== undefined) this.#byPlan.delete(toHex(job.planId));
    }
  }
}
