/**
 * Jobs submitted through this node's API: handle, outcome, outputs; bounded in number and bytes.
 * What falls out is forgotten here, not at the workers.
 */
import { asKadreError, type ErrorJson, KadreError } from '../../src/base/errors.ts';
import type { JobHandle, JobResult } from '../../src/sdk/types.ts';

export const JOBS_RUNNING_MAX = 64;
const JOBS_KEPT_MAX = 256;
const KEPT_BYTES_MAX = 2_147_483_648;

export type JobState = 'running' | 'done' | 'failed' | 'cancelled';

export interface TrackedJob {
  readonly handle: JobHandle;
  readonly state: JobState;
  readonly result: JobResult | undefined;
  readonly error: ErrorJson | undefined;
  /** Resolves when the job is no longer running; never rejects. */
  readonly settled: Promise<void>;
}

type Entry = { -readonly [K in keyof TrackedJob]: TrackedJob[K] };

export class JobTable {
  readonly #bytesMax: number;
  readonly #jobs = new Map<string, Entry>();
  #reserved = 0;

  constructor(init: { readonly bytesMax?: number } = {}) {
    this.#bytesMax = init.bytesMax ?? KEPT_BYTES_MAX;
  }

  /** Takes a place before planning; call the result to give it back. Errors: OVERLOADED. */
  reserve(): () => void {
    if (this.running + this.#reserved >= JOBS_RUNNING_MAX) {
      const message = `${JOBS_RUNNING_MAX} jobs are running already`;
      throw new KadreError({ code: 'OVERLOADED' }, message);
    }
    this.#reserved += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#reserved -= 1;
      isHeld = false;
    };
  }

  get running(): number {
    return [...this.#jobs.values()].filter((job) => job.state === 'running').length;
  }

  add(handle: JobHandle): TrackedJob {
    const entry: Entry = {
      handle,
      state: 'running',
      result: undefined,
      error: undefined,
      settled: Promise.resolve(),
    };
    entry.settled = this.#follow(entry);
    this.#jobs.set(handle.id, entry);
    this.#trim();
    return entry;
  }

  get(id: string): TrackedJob | undefined {
    return this.#jobs.get(id);
  }

  /** Resolves when the job settled, `delayMs` passed or the signal aborted, whichever is first. */
  async wait(job: TrackedJob, delayMs: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal.addEventListener('abort', done, { once: true });
      void job.settled.then(done);
      if (signal.aborted) done();
    });
  }

  async #follow(entry: Entry): Promise<void> {
    try {
      entry.result = await entry.handle.result();
      entry.state = 'done';
    } catch (cause) {
      const error = asKadreError(cause, 'INTERNAL', 'the job failed unexpectedly');
      entry.error = error.toJSON();
      entry.state = error.code === 'JOB_CANCELLED' ? 'cancelled' : 'failed';
    }
    this.#trim();
  }

  /** Forgets the oldest settled jobs beyond the bounds; the newest settled one always stays. */
  #trim(): void {
    const settled = [...this.#jobs].filter(([, job]) => job.state !== 'running');
    let bytes = settled.reduce((sum, [, job]) => sum + heldBytes(job), 0);
    let count = settled.length;
    for (const [id, job] of settled.slice(0, -1)) {
      if (count <= JOBS_KEPT_MAX && bytes <= this.#bytesMax) break;
      bytes -= heldBytes(job);
      count -= 1;
      this.#jobs.delete(id);
    }
  }
}

function heldBytes(job: TrackedJob): number {
  if (job.result === undefined) return 0;
  const outputs = Object.values(job.result.outputs);
  const outputBytes = outputs.reduce((sum, output) => sum + output.data.byteLength, 0);
  return outputBytes + (job.result.certificate?.length ?? 0);
}
