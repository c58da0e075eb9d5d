/**
 * A job whose requester lives in this process: what an embedded client, or a node that submits for
 * its own user, hands out.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { type ErrorJson, KadreError } from '../base/errors.ts';
import { type Digest, peerIdOf } from '../base/ids.ts';
import type { SignalOption } from '../base/ports.ts';
import { abortable, anySignal, throwIfAborted } from '../base/signals.ts';
import { blobRoot } from '../blob/tree.ts';
import type { Reuse } from '../job/reuse.ts';
import type { WhyReport } from '../job/why.ts';
import { arrayOfBytes, type NdArray } from '../kernel/nd-array.ts';
import type { FinishedJob } from '../roles/finished-job.ts';
import type { Requester, StartedJob } from '../roles/requester.ts';
import type { RequesterJob } from '../roles/requester-job.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { errorOf, type JobFacts, jobInfo } from './job-info.ts';
import type {
  EventsOptions,
  JobEvent,
  JobHandle,
  JobInfo,
  JobResult,
  JobSummary,
  WhyOptions,
} from './types.ts';
import { whyQuestion } from './why-question.ts';

export interface EmbeddedJobInit {
  readonly id: string;
  /** Known when it runs here; a job on record is picked up when its result is asked for. */
  readonly started: StartedJob | undefined;
  /** The submitter's: cancels the job. */
  readonly cancel: AbortSignal | undefined;
  /** The swarm's own, which lets its jobs go itself. */
  readonly closed: AbortSignal;
  /** Submitted through this handle, attached: it is cancelled when the handle is disposed of. */
  readonly isOwn: boolean;
  /** Default: false. */
  readonly reused?: Reuse;
}

export class EmbeddedJob implements JobHandle {
  readonly id: string;
  readonly reused: Reuse;
  readonly #requester: Requester;
  readonly #init: EmbeddedJobInit;
  #started: StartedJob | undefined;

  constructor(components: { readonly requester: Requester }, init: EmbeddedJobInit) {
    const { id, started, cancel } = init;
    this.id = id;
    this.reused = init.reused ?? false;
    this.#requester = components.requester;
    this.#init = init;
    this.#started = started;
    const onAbort = () => void this.cancel();
    cancel?.addEventListener('abort', onAbort, { once: true });
    const forget = () => cancel?.removeEventListener('abort', onAbort);
    started?.finished.then(forget, forget);
  }

  async *events(options: EventsOptions = {}): AsyncGenerator<JobEvent> {
    const failure = this.#failureOnRecord();
    if (failure !== undefined) yield { type: 'failed', error: failure };
    else yield* (await this.#start(options)).job.events.follow(options);
  }

  async result(options: SignalOption = {}): Promise<JobResult> {
    const signal = anySignal(options.signal, this.#init.closed);
    const started = await this.#start(options);
    return resultOf(started, await abortable(started.finished, signal));
  }

  async spec(): Promise<Uint8Array> {
    throwIfAborted(this.#init.closed);
    return encodeCanonical(this.#facts().spec);
  }

  async describe(): Promise<JobInfo> {
    throwIfAborted(this.#init.closed);
    return jobInfo(this.id, this.#facts());
  }

  async why(options: WhyOptions = {}): Promise<WhyReport> {
    const signal = anySignal(options.signal, this.#init.closed);
    throwIfAborted(signal);
    const question = whyQuestion(options, this.#facts().spec.shards);
    return abortable(this.#requester.why(this.id, question, { signal }), signal);
  }

  /** Resolves when it has ended here. */
  async cancel(): Promise<void> {
    const job = this.#running();
    if (job === undefined) return;
    await job.cancel();
    await job.ended;
  }

  /** Whether it runs here and has this blob among its inputs. */
  reads(root: Digest): boolean {
    const inputs = this.#running()?.spec.inputs ?? [];
    return inputs.some((input) => equalBytes(input.root, root));
  }

  /** As `cancel`, but the job has failed, for this reason. */
  async fail(reason: KadreError): Promise<void> {
    await this.#running()?.fail(reason);
  }

  /** What the swarm does with it when it closes: a detached job goes on. */
  async release(): Promise<void> {
    const job = this.#running();
    if (job?.isDetached) job.leave();
    else await job?.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#init.isOwn) await this.cancel();
  }

  #running(): RequesterJob | undefined {
    return this.#requester.running(this.id)?.job;
  }

  async #start({ signal }: SignalOption): Promise<StartedJob> {
    const any = anySignal(signal, this.#init.closed);
    throwIfAborted(any);
    this.#started ??= await abortable(this.#requester.pickUp(this.id, { signal: any }), any);
    return this.#started;
  }

  /** Of a job that failed in an earlier process, or too long ago to be followed. */
  #failureOnRecord(): ErrorJson | undefined {
    if (this.#started !== undefined || this.#running() !== undefined) return undefined;
    return errorOf(this.#requester.find(this.id));
  }

  /** Errors: JOB_UNKNOWN when it is neither running nor on record any more. */
  #facts(): JobFacts {
    const job = this.#running() ?? this.#started?.job;
    const stored = this.#requester.find(this.id);
    const spec = job?.spec ?? stored?.job.spec;
    if (spec === undefined) {
      throw new KadreError({ code: 'JOB_UNKNOWN' }, `job ${this.id} is forgotten here`);
    }
    return { spec, job, stored, isRunning: this.#running() !== undefined };
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
