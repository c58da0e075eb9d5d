/**
 * The executor of a real node: kernels run in a process of their own, so that neither long work nor
 * a crash reaches the event loop (README of the design, step 8). Requests take turns in batches;
 * cancelling one ends its work, by killing the process where it is in the middle of a batch. After
 * a crash the request that was running fails with RUNNER_FAILED, which is retryable, and the others
 * go on in a new process.
 */
import { KadreError } from '../../base/errors.ts';
import type { Service } from '../../base/lifecycle.ts';
import type { Clock, Logger, SignalOption, Timer } from '../../base/ports.ts';
import { throwIfAborted } from '../../base/signals.ts';
import {
  type Backend,
  backendFor,
  type ExecutionRequest,
  type Executor,
  type ShardResult,
} from '../executor.ts';
import { prepareRequest } from '../kernel-call.ts';
import { FRAME, type FrameHeader } from './frames.ts';
import { JSON_BYTES_MAX, parseFailure, type RunnerReady, shardsBody } from './messages.ts';
import { type RunnerListener, type RunnerOptions, RunnerProcess } from './process.ts';
import { type Batch, type BatchLimits, RunnerJob } from './runner-job.ts';

export interface RunnerInit extends Partial<RunnerOptions> {
  /** Input bytes held by the runner at once; default 2 GiB. A larger request is refused. */
  readonly inputBytesMax?: number;
  /** Output bytes of one shard; default 1 GiB. A request with a larger one is refused. */
  readonly outputBytesMax?: number;
  /** Requests waiting or running; default 256. */
  readonly requestsMax?: number;
  /** How long a cancelled batch may still take before the process is killed; default 100 ms. */
  readonly cancelGraceMs?: number;
}

export interface RunnerComponents {
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly logger: Logger;
}

const DATA_FRAME_BYTES = 1024 * 1024;
/** Operations per batch: some ten milliseconds of each backend. */
const NATIVE_LIMITS: BatchLimits = { shards: 1024, operations: 2e9, outputBytes: 16 * 2 ** 20 };
const JS_LIMITS: BatchLimits = { ...NATIVE_LIMITS, operations: 4e6 };
const DEVICE_LIMITS: BatchLimits = {
  ...NATIVE_LIMITS,
  operations: 2e11,
  outputBytes: 64 * 2 ** 20,
};

function limitsOn(backend: string | undefined): BatchLimits {
  if (backend === 'cpu/js') return JS_LIMITS;
  return backend?.startsWith('cuda/') ? DEVICE_LIMITS : NATIVE_LIMITS;
}

interface Flight {
  readonly job: RunnerJob;
  readonly batch: Batch;
  grace?: Timer;
}

export class RunnerExecutor implements Executor, Service {
  readonly name = 'runner';
  readonly #components: RunnerComponents;
  readonly #options: RunnerOptions;
  readonly #inputBytesMax: number;
  readonly #outputBytesMax: number;
  readonly #requestsMax: number;
  readonly #cancelGraceMs: number;
  /** Round robin: the first is served next. */
  #jobs: RunnerJob[] = [];
  #nextId = 1;
  #openBytes = 0;
  #flight: Flight | undefined;
  #process: RunnerProcess | undefined;
  #ready: RunnerReady | undefined;
  /** The present process has said READY. */
  #isReady = false;
  #stopping = false;

  constructor(components: RunnerComponents, init: RunnerInit = {}) {
    const { inputBytesMax, outputBytesMax, requestsMax, cancelGraceMs, ...options } = init;
    this.#components = components;
    this.#options = { backend: 'auto', gpu: true, niceness: 5, ...options };
    this.#inputBytesMax = inputBytesMax ?? 2 ** 31;
    this.#outputBytesMax = outputBytesMax ?? 2 ** 30;
    this.#requestsMax = requestsMax ?? 256;
    this.#cancelGraceMs = cancelGraceMs ?? 100;
  }

  /** Known once `start` has resolved. */
  get backend(): Backend {
    return this.details.backend;
  }

  /** Backend, CPU features, and why no native backend is used, or not for every kernel. */
  get details(): RunnerReady {
    if (this.#ready === undefined) {
      throw new KadreError({ code: 'RUNNER_FAILED' }, 'the runner has not been started');
    }
    return this.#ready;
  }

  /** Of the present process, for tests and `status`. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the process and waits until it is warm. */
  async start(): Promise<void> {
    this.#process ??= this.#spawn();
    await this.#process.ready;
  }

  /** Rejects what is under way with STOPPED and ends the process. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#failAll(new KadreError({ code: 'STOPPED' }, 'the runner was stopped'));
    await this.#process?.stop();
  }

  /** Further errors: BAD_*, UNKNOWN_KERNEL (before anything is sent), OVERLOADED, STOPPED. */
  async run(
    request: ExecutionRequest,
    options: SignalOption = {},
  ): Promise<readonly ShardResult[]> {
    throwIfAborted(options.signal);
    const job = this.#admit(request);
    const onAbort = () => this.#cancel(job);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (job.isComplete) this.#settle(job);
      this.#pump();
      const results = await job.outcome.promise;
      throwIfAborted(options.signal);
      return results;
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  #admit(request: ExecutionRequest): RunnerJob {
    if (this.#stopping) throw new KadreError({ code: 'STOPPED' }, 'the runner was stopped');
    if (this.#jobs.length >= this.#requestsMax) {
      const data = { max: this.#requestsMax };
      throw new KadreError({ code: 'OVERLOADED', data }, 'too many requests wait for the runner');
    }
    const job = new RunnerJob(this.#nextId, request, prepareRequest(request));
    if (job.inputBytes > this.#inputBytesMax || job.opening.length > JSON_BYTES_MAX) {
      const data = { bytes: job.inputBytes, max: this.#inputBytesMax };
      throw new KadreError({ code: 'OVERLOADED', data }, 'the inputs are too large for the runner');
    }
    this.#nextId = (this.#nextId % 0xffff_ffff) + 1;
    this.#jobs.push(job);
    return job;
  }

  /** Sends the next batch if there is one, somewhere to send it, and none under way. */
  #pump(): void {
    this.#process?.keepAlive(this.#jobs.length > 0);
    if (this.#flight !== undefined || this.#stopping) return;
    const job = this.#jobs.find((candidate) => candidate.isOpen || this.#fits(candidate));
    if (job === undefined) return;
    if (this.#process === undefined) {
      this.#process = this.#spawn();
      this.#process.keepAlive(true);
    }
    if (!this.#isReady) return;
    // To the back of the line: the others get their turn before its next batch.
    this.#jobs = [...this.#jobs.filter((other) => other !== job), job];
    this.#sendBatch(this.#process, job);
  }

  #fits(job: RunnerJob): boolean {
    return this.#openBytes + job.inputBytes <= this.#inputBytesMax;
  }

  #sendBatch(process: RunnerProcess, job: RunnerJob): void {
    const ready = this.#ready?.backend;
    const limits = limitsOn(ready && backendFor(ready, job.request.kernel));
    const outputBytes = Math.min(limits.outputBytes, this.#outputBytesMax);
    const batch = job.nextBatch({ ...limits, outputBytes });
    if (batch.outputBytes > this.#outputBytesMax) {
      const data = { bytes: batch.outputBytes, max: this.#outputBytesMax };
      this.#remove(job);
      job.outcome.reject(
        new KadreError({ code: 'OVERLOADED', data }, 'a shard is too large for the runner'),
      );
      this.#pump();
      return;
    }
    this.#flight = { job, batch };
    process.batch(() => {
      if (!job.isOpen) this.#open(process, job);
      process.send(FRAME.run, job.id, shardsBody(batch.shards));
    });
  }

  #open(process: RunnerProcess, job: RunnerJob): void {
    job.isOpen = true;
    this.#openBytes += job.inputBytes;
    process.send(FRAME.open, job.id, job.opening);
    for (const { segments } of job.request.inputs) {
      for (const { bytes } of segments) {
        for (let at = 0; at < bytes.length; at += DATA_FRAME_BYTES) {
          process.send(FRAME.data, job.id, bytes.subarray(at, at + DATA_FRAME_BYTES));
        }
      }
    }
  }

  #settle(job: RunnerJob): void {
    this.#remove(job);
    job.outcome.resolve(job.results);
  }

  #remove(job: RunnerJob): void {
    job.isOver = true;
    this.#jobs = this.#jobs.filter((other) => other !== job);
    if (!job.isOpen) return;
    job.isOpen = false;
    this.#openBytes -= job.inputBytes;
    this.#process?.send(FRAME.close, job.id, new Uint8Array(0));
  }

  #cancel(job: RunnerJob): void {
    if (job.isOver) return;
    const flight = this.#flight;
    if (flight?.job === job) {
      // Its batch ends by itself within the grace time, or the process does.
      job.isOver = true;
      this.#jobs = this.#jobs.filter((other) => other !== job);
      const kill = () => this.#process?.kill();
      flight.grace = this.#components.clock.setTimer(this.#cancelGraceMs, kill);
    } else {
      this.#remove(job);
    }
    job.outcome.resolve([]);
    this.#pump();
  }

  #spawn(): RunnerProcess {
    this.#isReady = false;
    const listener: RunnerListener = {
      expects: (id, bytes) =>
        this.#flight?.job.id === id && this.#flight.batch.resultBytes === bytes,
      frame: (header, body) => this.#onFrame(header, body),
      ended: (why) => this.#onEnd(why),
    };
    const process = new RunnerProcess(this.#options, listener);
    process.ready.then(
      (ready) => {
        this.#ready = ready;
        this.#isReady = true;
        this.#logReady(ready, process.pid);
        this.#pump();
      },
      () => undefined,
    );
    return process;
  }

  /** A kernel that a backend gets wrong is worth a warning of its own: it will not be offered. */
  #logReady({ selftestFailures, ...ready }: RunnerReady, pid: number | undefined): void {
    const { logger } = this.#components;
    logger.log('info', 'runner-ready', { ...ready, pid });
    for (const row of selftestFailures) logger.log('warn', 'kernel-left-out', { ...row });
  }

  #onFrame({ kind, job: id }: FrameHeader, body: Uint8Array): void {
    const flight = this.#flight;
    if (flight === undefined || flight.job.id !== id) return;
    this.#flight = undefined;
    flight.grace?.cancel();
    const { job, batch } = flight;
    if (job.isOver) {
      this.#remove(job);
    } else if (kind === FRAME.failure) {
      const { code, message } = parseFailure(body);
      this.#remove(job);
      job.outcome.reject(new KadreError({ code }, message));
    } else {
      job.accept(batch, body);
      if (job.isComplete) this.#settle(job);
    }
    this.#pump();
  }

  #onEnd(why: string): void {
    const wasReady = this.#isReady;
    const flight = this.#flight;
    this.#process = undefined;
    this.#isReady = false;
    this.#flight = undefined;
    this.#openBytes = 0;
    for (const job of this.#jobs) job.isOpen = false;
    flight?.grace?.cancel();
    if (this.#stopping) return;
    const cancelled = flight?.job.isOver === true;
    if (!cancelled) this.#components.logger.log('warn', 'runner-ended', { why });
    const failure = new KadreError({ code: 'RUNNER_FAILED' }, `the runner process ${why}`);
    // A process that never came up would not come up for the next request either.
    if (!wasReady) {
      this.#failAll(failure);
      return;
    }
    if (flight !== undefined && !cancelled) {
      this.#remove(flight.job);
      flight.job.outcome.reject(failure);
    }
    // After a kill of ours, warm again before the next request asks; after a crash, when one does.
    if (cancelled) this.#process ??= this.#spawn();
    this.#pump();
  }

  #failAll(failure: KadreError): void {
    for (const job of [...this.#jobs]) {
      this.#remove(job);
      job.outcome.reject(failure);
    }
  }
}
