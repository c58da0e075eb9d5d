/**
 * A job behind a node's API. Certificate and outputs are checked on this side against what the job
 * is: the work that was submitted, or the spec of which the id is the hash.
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import { anySignal } from '../base/signals.ts';
import { checkInput, checkOutput } from '../certificate/check-arrays.ts';
import { type OpenedCertificate, openCertificate } from '../certificate/open.ts';
import { resolveJob } from '../job/build-spec.ts';
import type { Reuse } from '../job/reuse.ts';
import { computationIdOf, jobIdOf, jobSpecShape } from '../job/spec.ts';
import type { WhyReport } from '../job/why.ts';
import { arrayBytes, type ResolvedKernel } from '../kernel/contract.ts';
import { arrayOfBytes, type NdArray } from '../kernel/nd-array.ts';
import { isSameRequirement, type Requirement } from '../swarm/requirement.ts';
import { decodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { type ApiClient, errorOfJson } from './api-client.ts';
import type {
  EventsOptions,
  JobEvent,
  JobHandle,
  JobInfo,
  JobResult,
  JobSummary,
  SubmitOptions,
  WhyOptions,
} from './types.ts';
import { whyQuestion } from './why-question.ts';

/** How long one request for the outcome waits before it asks again. */
const WAIT_SECONDS = 25;

/** What this side knows about a job: what its certificate must say. */
export interface Expected {
  readonly kernel: string;
  readonly computationId: string;
  readonly resolved: ResolvedKernel;
  /** Undefined where the node was left to choose. */
  readonly shards: number | undefined;
  readonly options: Pick<SubmitOptions, 'replicas' | 'quorum' | 'cadre'>;
  /** What workers' devices must be; undefined: anything. */
  readonly requires: Requirement | undefined;
  /** As far as they are here. */
  readonly inputs: Readonly<Record<string, NdArray>>;
}

interface JobAnswer extends JobInfo {
  readonly v: 1;
  readonly summary?: JobSummary;
}

/** What a job is, from the bytes that its id is the hash of. Errors: PEER_MISBEHAVED. */
export function expectedOfSpec(bytes: Uint8Array): { jobId: string; expected: Expected } {
  const decoded = decodeCanonical(bytes, jobSpecShape, LIMITS.jobSpecBytesMax);
  if (!decoded.ok) {
    throw new KadreError(
      { code: 'PEER_MISBEHAVED' },
      `the node sent no job spec: ${decoded.reason}`,
    );
  }
  const spec = decoded.value;
  const { kernel, parameters, inputs, shards, policy, requires } = spec;
  const { resolved } = resolveJob({ kernelId: kernel, parameters, inputs, shards });
  const { replicas, quorum, cadre } = policy;
  const computationId = toHex(computationIdOf(spec));
  const options = { replicas, quorum, cadre };
  const expected = { kernel, computationId, resolved, shards, options, requires, inputs: {} };
  return { jobId: toHex(jobIdOf(spec)), expected };
}

export interface ApiJobInit {
  readonly id: string;
  readonly expected: Expected;
  /** Aborts when the swarm is closed. */
  readonly closed: AbortSignal;
  /** The submitter's: cancels the job. */
  readonly signal: AbortSignal | undefined;
  /** Submitted through this handle, attached: it is cancelled when the handle is disposed of. */
  readonly isOwn: boolean;
  /** What the node said of it; default: false. */
  readonly reused?: Reuse;
}

export class ApiJob implements JobHandle {
  readonly id: string;
  readonly reused: Reuse;
  readonly #client: ApiClient;
  readonly #init: ApiJobInit;
  readonly #forget: () => void;
  #hasEnded = false;

  constructor(components: { readonly client: ApiClient }, init: ApiJobInit) {
    this.#client = components.client;
    this.#init = init;
    this.id = init.id;
    this.reused = init.reused ?? false;
    const { signal } = init;
    const onAbort = () => void this.cancel().catch(() => undefined);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#forget = () => signal?.removeEventListener('abort', onAbort);
  }

  async *events({ signal, follow = true }: EventsOptions = {}): AsyncGenerator<JobEvent> {
    const path = `${this.#path()}/events?follow=${Number(follow)}`;
    const lines = this.#client.lines<JobEvent & { v?: 1 }>(path, this.#call(signal));
    for await (const { v: _, ...event } of lines) yield event as JobEvent;
  }

  async result(options: SignalOption = {}): Promise<JobResult> {
    const call = this.#call(options.signal);
    const { expected } = this.#init;
    const summary = await this.#summary(call);
    const outputs: Record<string, NdArray> = {};
    for (const spec of expected.resolved.outputs) {
      const { bytes } = await this.#client.bytes(`jobs/${this.id}/outputs/${spec.name}`, call);
      if (bytes.length !== arrayBytes(spec)) {
        const wanted = arrayBytes(spec);
        const message = `output \`${spec.name}\` has ${bytes.length} bytes, not ${wanted}`;
        throw new KadreError({ code: 'OUTPUT_MISMATCH' }, message);
      }
      outputs[spec.name] = arrayOfBytes(spec, bytes);
    }
    if (expected.options.cadre === 0) return { outputs, certificate: null, summary };
    const { bytes: certificate } = await this.#client.bytes(`jobs/${this.id}/certificate`, call);
    checkCertificate(certificate, this.id, expected, outputs);
    return { outputs, certificate, summary };
  }

  async spec(options: SignalOption = {}): Promise<Uint8Array> {
    const call = this.#call(options.signal);
    return (await this.#client.bytes(`jobs/${this.id}/spec`, call)).bytes;
  }

  async describe(options: SignalOption = {}): Promise<JobInfo> {
    const call = this.#call(options.signal);
    const { v: _, summary: __, ...info } = await this.#client.json<JobAnswer>(this.#path(), call);
    return info;
  }

  async why(options: WhyOptions = {}): Promise<WhyReport> {
    const { signal, ...question } = options;
    whyQuestion(question, this.#init.expected.shards ?? LIMITS.shardsMax);
    const query = new URLSearchParams(
      Object.entries(question).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const path = `jobs/${this.id}/why?${query}`;
    const { v: _, ...report } = await this.#client.json<WhyReport & { v: 1 }>(
      path,
      this.#call(signal),
    );
    return report;
  }

  async cancel(): Promise<void> {
    this.#forget();
    await this.#client.json(this.#path(), { method: 'DELETE', ...this.#call() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    const { isOwn, closed } = this.#init;
    if (isOwn && !this.#hasEnded && !closed.aborted) await this.cancel();
    this.#hasEnded = true;
  }

  #path(): string {
    return `jobs/${this.id}`;
  }

  #call(signal?: AbortSignal): { readonly signal: AbortSignal } {
    return { signal: anySignal(signal, this.#init.closed) };
  }

  async #summary(call: { readonly signal: AbortSignal }): Promise<JobSummary> {
    for (;;) {
      const path = `${this.#path()}?wait=${WAIT_SECONDS}`;
      const answer = await this.#client.json<JobAnswer>(path, call);
      if (answer.state !== 'running') {
        this.#hasEnded = true;
        this.#forget();
      }
      if (answer.state === 'done' && answer.summary !== undefined) return answer.summary;
      if (answer.state !== 'running') {
        const error = errorOfJson(answer.error);
        if (error !== undefined) throw error;
        const code = answer.state === 'cancelled' ? 'JOB_CANCELLED' : 'NODE_UNREACHABLE';
        throw new KadreError({ code }, `the node calls the job ${answer.state}`);
      }
    }
  }
}

/** Errors: CERTIFICATE_INVALID (also for a valid one about other work), OUTPUT_MISMATCH. */
function checkCertificate(
  certificate: Uint8Array,
  jobId: string,
  expected: Expected,
  outputs: Readonly<Record<string, NdArray>>,
): void {
  const opened = openCertificate(certificate);
  if (!opened.ok) throw invalid(`${opened.reason}: ${opened.detail ?? 'see the reason'}`);
  const difference = differenceFrom(opened.value, jobId, expected);
  if (difference !== undefined) throw invalid(`it is about other work: ${difference} differs`);
  for (const [name, array] of Object.entries(expected.inputs)) {
    const problem = checkInput(opened.value.spec.inputs, name, array);
    if (problem !== undefined) throw invalid(`${problem.reason}: ${name}`);
  }
  for (const [name, array] of Object.entries(outputs)) {
    const problem = checkOutput(opened.value.results, name, array);
    if (problem === undefined) continue;
    const message = `${problem.reason}: ${problem.detail ?? name}`;
    throw new KadreError({ code: 'OUTPUT_MISMATCH' }, message);
  }
}

/** A valid certificate of some other work, or of a weaker policy, is not this job's. */
function differenceFrom(
  { spec, jobId: certified }: OpenedCertificate,
  jobId: string,
  { computationId, kernel, options, requires, shards }: Expected,
): string | undefined {
  const { replicas, quorum, cadre } = options;
  if (toHex(certified) !== jobId) return 'the job id';
  if (toHex(computationIdOf(spec)) !== computationId) return 'the computation';
  if (spec.kernel !== kernel) return 'the kernel';
  if (shards !== undefined && spec.shards !== shards) return 'the shard count';
  if (replicas !== undefined && spec.policy.replicas < replicas) return 'the number of replicas';
  if (quorum !== undefined && spec.policy.quorum < quorum) return 'the quorum';
  if (cadre !== undefined && spec.policy.cadre < cadre) return 'the cadre size';
  if (!isSameRequirement(requires, spec.requires)) return 'the requirement';
  return undefined;
}

function invalid(message: string): KadreError {
  return new KadreError({ code: 'CERTIFICATE_INVALID' }, message);
}
