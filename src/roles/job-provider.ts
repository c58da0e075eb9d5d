/**
 * Announces jobs in the directory, so that whoever has only an id finds the cadre (step 11 of the
 * life of a job): a detached job when it begins, any other in a quiet moment, because an
 * announcement costs more messages than a small job. One at a time; bounded, the oldest give way.
 */
import { toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { Clock, Directory, Logger, Timer } from '../base/ports.ts';
import { computationClass, jobClass } from './locate-job.ts';

export interface JobProviderComponents {
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Jobs announced at a time; two records each, of the 512 that others keep for one peer. */
export const JOBS_PROVIDED_MAX = 192;
/** A moment is quiet when no job has begun for this long. */
const QUIET_MS = 5_000;

export interface ProvidedJob {
  readonly jobId: Digest;
  readonly computationId: Digest;
}

export class JobProvider {
  readonly #components: JobProviderComponents;
  /** By job id, oldest first; announced or waiting for it. */
  readonly #jobs = new Map<string, readonly string[]>();
  #waiting: string[] = [];
  #quiet: Timer | undefined;
  readonly #stopping = new AbortController();
  #queue: string[] = [];
  #isRunning = false;

  constructor(components: JobProviderComponents) {
    this.#components = components;
  }

  /** `later`: in a quiet moment. Announced once, until it is removed. */
  add({ jobId, computationId }: ProvidedJob, when: 'now' | 'later'): void {
    const key = toHex(jobId);
    if (this.#stopping.signal.aborted || this.#jobs.has(key)) return;
    if (this.#jobs.size >= JOBS_PROVIDED_MAX) this.#drop(this.#jobs.keys().next().value!);
    this.#jobs.set(key, [jobClass(key), computationClass(toHex(computationId))]);
    if (when === 'now') this.#enqueue(key);
    else this.#waiting.push(key);
    this.#awaitQuiet();
  }

  remove(jobId: Digest): void {
    this.#drop(toHex(jobId));
  }

  stop(): void {
    this.#stopping.abort();
    this.#quiet?.cancel();
    this.#queue = [];
  }

  #drop(key: string): void {
    const classes = this.#jobs.get(key);
    if (classes === undefined) return;
    this.#jobs.delete(key);
    for (const name of classes) this.#components.directory.withdraw(name);
  }

  /** While jobs keep coming, theirs are the messages that count. */
  #awaitQuiet(): void {
    if (this.#waiting.length === 0) return;
    this.#quiet?.cancel();
    this.#quiet = this.#components.clock.setTimer(QUIET_MS, () => {
      for (const key of this.#waiting.splice(0)) this.#enqueue(key);
    });
  }

  #enqueue(key: string): void {
    this.#queue.push(key);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    const { directory, log } = this.#components;
    const { signal } = this.#stopping;
    this.#isRunning = true;
    for (let key = this.#queue.shift(); key !== undefined; key = this.#queue.shift()) {
      // Dropped meanwhile: nothing is left to announce.
      for (const name of this.#jobs.get(key) ?? []) {
        try {
          await directory.provide(name, { signal });
        } catch (cause) {
          if (!signal.aborted) log.log('debug', 'job-not-announced', { name, cause: `${cause}` });
        }
      }
    }
    this.#isRunning = false;
  }
}
