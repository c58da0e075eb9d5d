/**
 * A job whose requester lives in this process: what an embedded client, or a node that submits for
 * its own user, hands out.
 */
import { toHex } from '../base/bytes.ts';
import { peerIdOf } from '../base/ids.ts';
import type { SignalOption } from '../base/ports.ts';
import { abortable, anySignal, throwIfAborted } from '../base/signals.ts';
import { blobRoot } from '../blob/tree.ts';
import { resolveJob } from '../job/build-spec.ts';
import type { WhyReport } from '../job/why.ts';
import { arrayOfBytes, type NdArray } from '../kernel/nd-array.ts';
import type { StartedJob } from '../roles/requester.ts';
import type { FinishedJob, RequesterJob } from '../roles/requester-job.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type {
  EventsOptions,
  JobEvent,
  JobHandle,
  JobInfo,
  JobResult,
  JobState,
  JobSummary,
  WhyOptions,
} from './types.ts';
import { whyQuestion } from './why-question.ts';

export class EmbeddedJob implements JobHandle {
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

  events(options: EventsOptions = {}): AsyncIterable<JobEvent> {
    return this.#started.job.events.follow(options);
  }

  async result(options: SignalOption = {}): Promise<JobResult> {
    const signal = anySignal(options.signal, this.#closed);
    return resultOf(this.#started, await abortable(this.#started.finished, signal));
  }

  async spec(): Promise<Uint8Array> {
    throwIfAborted(this.#closed);
    return encodeCanonical(this.#started.job.spec);
  }

  async describe(): Promise<JobInfo> {
    throwIfAborted(this.#closed);
    return jobInfo(this.#started.job);
  }

  async why(options: WhyOptions = {}): Promise<WhyReport> {
    const { job } = this.#started;
    const signal = anySignal(options.signal, this.#closed);
    throwIfAborted(signal);
    return abortable(job.why(whyQuestion(options, job.spec.shards), { signal }), signal);
  }

  async cancel(): Promise<void> {
    await this.#started.job.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }
}

/** The job as its requester knows it now. */
export function jobInfo(job: RequesterJob): JobInfo {
  const { spec, error, stage } = job;
  const { kernel, parameters, shards, policy } = spec;
  const resolved = resolveJob({ kernelId: kernel, parameters, inputs: spec.inputs, shards });
  return {
    jobId: job.id,
    computationId: job.computationId,
    state: stateOf(job),
    stage,
    detached: false,
    kernel,
    parameters,
    inputs: spec.inputs.map((input) => ({ ...input, root: toHex(input.root) })),
    outputs: resolved.resolved.outputs.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    shards,
    accepted: job.accepted,
    replicas: policy.replicas,
    quorum: policy.quorum,
    cadre: policy.cadre,
    submittedMs: job.submittedMs,
    ...(error === undefined ? {} : { error }),
  };
}

function stateOf({ stage, error }: RequesterJob): JobState {
  if (error !== undefined) return error.code === 'JOB_CANCELLED' ? 'cancelled' : 'failed';
  return stage === 'done' ? 'done' : 'running';
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
