/**
 * A `Swarm` through a running node's API. The node plans, sends and collects; this side still
 * trusts none of it: the certificate must verify, be about exactly the work that was submitted, and
 * fit every byte of the outputs. Only with the cadre off there is nothing to check against but the
 * node's word.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import { blobRoot } from '../blob/tree.ts';
import { checkInput, checkOutput } from '../certificate/check-arrays.ts';
import { type OpenedCertificate, openCertificate } from '../certificate/open.ts';
import { computationIdOf } from '../job/spec.ts';
import { arrayBytes, type Dtype, type ResolvedKernel } from '../kernel/contract.ts';
import { arrayOfBytes, bytesOfArray, type NdArray } from '../kernel/nd-array.ts';
import { kernelDigest } from '../kernel/registry.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { ApiClient, errorOfJson } from './api-client.ts';
import { checkWork, requirementOf, specOfArray } from './check-work.ts';
import type {
  JobEvent,
  JobHandle,
  JobResult,
  JobSummary,
  KernelInfo,
  PeerInfo,
  SubmitOptions,
  Swarm,
  Work,
} from './types.ts';

/** How long one request for the outcome waits before it asks again. */
const WAIT_SECONDS = 25;

export interface ApiSwarmInit extends SignalOption {
  readonly url: string;
  readonly token?: string | undefined;
}

/** What this side knows about a job before it is sent: what its certificate must say. */
interface Expected {
  readonly kernel: string;
  readonly computationId: string;
  readonly resolved: ResolvedKernel;
  readonly shards: number | undefined;
  readonly options: SubmitOptions;
  readonly inputs: Readonly<Record<string, NdArray>>;
}

interface JobAnswer {
  readonly jobId: string;
  readonly state: 'running' | 'done' | 'failed' | 'cancelled';
  readonly summary?: JobSummary;
  readonly error?: unknown;
}

/** Asks the node who it is. Errors: NODE_UNREACHABLE, API_DENIED, USAGE. */
export async function connectApi(init: ApiSwarmInit): Promise<Swarm> {
  const client = new ApiClient(init);
  const { peerId } = await client.json<{ peerId: string }>('status', { signal: init.signal });
  return new ApiSwarm({ client }, { peerId });
}

class ApiSwarm implements Swarm {
  readonly peerId: string;
  readonly #client: ApiClient;
  readonly #closed = new AbortController();

  constructor(components: { readonly client: ApiClient }, init: { readonly peerId: string }) {
    this.#client = components.client;
    this.peerId = init.peerId;
  }

  async submit(kernel: string, work: Work, options: SubmitOptions = {}): Promise<JobHandle> {
    const { signal, ...policy } = options;
    requirementOf(options.requires);
    const inputs = work.inputs ?? {};
    const specs = Object.entries(inputs).map(([name, array]) => specOfArray(name, array));
    const { resolved, kernel: known } = checkWork(kernel, work, policy);
    const call = { signal: this.#signal(signal) };
    const sent: Record<string, { dtype: Dtype; shape: readonly number[]; root: string }> = {};
    const roots = new Map<string, Uint8Array>();
    for (const { name, dtype, shape } of specs) {
      const bytes = bytesOfArray(inputs[name]!);
      const root = blobRoot(bytes);
      const isNew = ![...roots.values()].some((held) => toHex(held) === toHex(root));
      roots.set(name, root);
      if (isNew) await this.#client.json('blobs', { ...call, method: 'PUT', bytes });
      sent[name] = { dtype, shape, root: toHex(root) };
    }
    const body = {
      v: 1,
      kernel,
      parameters: work.parameters ?? {},
      inputs: sent,
      ...(work.shards === undefined ? {} : { shards: work.shards }),
      options: policy,
    };
    const computationId = computationIdOf({
      kernelDigest: kernelDigest(known),
      parameters: resolved.parameters,
      inputs: resolved.inputs.map(({ name, dtype, shape }) => {
        return { name, dtype, shape: [...shape], root: roots.get(name)! };
      }),
    });
    const { jobId } = await this.#client.json<{ jobId: string }>('jobs', {
      ...call,
      method: 'POST',
      json: body,
    });
    const expected: Expected = {
      kernel,
      computationId: toHex(computationId),
      resolved,
      shards: work.shards,
      options: policy,
      inputs,
    };
    return new ApiJob(
      { client: this.#client },
      { id: jobId, expected, closed: this.#closed.signal },
    );
  }

  async kernels(): Promise<readonly KernelInfo[]> {
    const call = { signal: this.#signal() };
    return (await this.#client.json<{ kernels: KernelInfo[] }>('kernels', call)).kernels;
  }

  async peers(): Promise<readonly PeerInfo[]> {
    const call = { signal: this.#signal() };
    return (await this.#client.json<{ peers: PeerInfo[] }>('peers', call)).peers;
  }

  async close(): Promise<void> {
    this.#closed.abort(new KadreError({ code: 'STOPPED' }, 'this client has been closed'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #signal(signal?: AbortSignal): AbortSignal {
    return signal === undefined
      ? this.#closed.signal
      : AbortSignal.any([signal, this.#closed.signal]);
  }
}

class ApiJob implements JobHandle {
  readonly id: string;
  readonly #client: ApiClient;
  readonly #expected: Expected;
  readonly #closed: AbortSignal;

  constructor(
    components: { readonly client: ApiClient },
    init: { readonly id: string; readonly expected: Expected; readonly closed: AbortSignal },
  ) {
    this.#client = components.client;
    this.id = init.id;
    this.#expected = init.expected;
    this.#closed = init.closed;
  }

  async *events(): AsyncGenerator<JobEvent> {
    const path = `jobs/${this.id}/events`;
    const lines = this.#client.lines<JobEvent & { v?: 1 }>(path, { signal: this.#closed });
    for await (const { v: _, ...event } of lines) yield event as JobEvent;
  }

  async result(options: SignalOption = {}): Promise<JobResult> {
    const { signal } = options;
    const call = {
      signal: signal === undefined ? this.#closed : AbortSignal.any([signal, this.#closed]),
    };
    const summary = await this.#summary(call);
    const outputs: Record<string, NdArray> = {};
    for (const spec of this.#expected.resolved.outputs) {
      const { bytes } = await this.#client.bytes(`jobs/${this.id}/outputs/${spec.name}`, call);
      if (bytes.length !== arrayBytes(spec)) {
        const wanted = arrayBytes(spec);
        const message = `output \`${spec.name}\` has ${bytes.length} bytes, not ${wanted}`;
        throw new KadreError({ code: 'OUTPUT_MISMATCH' }, message);
      }
      outputs[spec.name] = arrayOfBytes(spec, bytes);
    }
    if (this.#expected.options.cadre === 0) return { outputs, certificate: null, summary };
    const { bytes: certificate } = await this.#client.bytes(`jobs/${this.id}/certificate`, call);
    checkCertificate(certificate, this.id, this.#expected, outputs);
    return { outputs, certificate, summary };
  }

  async cancel(): Promise<void> {
    await this.#client.json(`jobs/${this.id}`, { method: 'DELETE', signal: this.#closed });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The job belongs to the node; letting go of the handle stops nothing.
  }

  async #summary(call: { readonly signal: AbortSignal }): Promise<JobSummary> {
    for (;;) {
      const path = `jobs/${this.id}?wait=${WAIT_SECONDS}`;
      const answer = await this.#client.json<JobAnswer>(path, call);
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
  { computationId, kernel, options, shards }: Expected,
): string | undefined {
  const { replicas, quorum, cadre, requires } = options;
  if (toHex(certified) !== jobId) return 'the job id';
  if (toHex(computationIdOf(spec)) !== computationId) return 'the computation';
  if (spec.kernel !== kernel) return 'the kernel';
  if (shards !== undefined && spec.shards !== shards) return 'the shard count';
  if (replicas !== undefined && spec.policy.replicas !== replicas) return 'the number of replicas';
  if (quorum !== undefined && spec.policy.quorum !== quorum) return 'the quorum';
  if (cadre !== undefined && spec.policy.cadre !== cadre) return 'the cadre size';
  const required = encodeCanonical(requirementOf(requires) ?? null);
  if (!equalBytes(required, encodeCanonical(spec.requires ?? null))) return 'the requirement';
  return undefined;
}

function invalid(message: string): KadreError {
  return new KadreError({ code: 'CERTIFICATE_INVALID' }, message);
}
