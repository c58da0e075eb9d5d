/**
 * A `Swarm` through a running node's API. The node plans, sends and collects; this side still
 * trusts none of it: the certificate must verify, be about exactly the work that was submitted, and
 * fit every byte of the outputs. Only with the cadre off there is nothing to check against but the
 * node's word.
 */
import { toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import { blobRoot } from '../blob/tree.ts';
import type { Reuse } from '../job/reuse.ts';
import { computationIdOf } from '../job/spec.ts';
import type { Dtype } from '../kernel/contract.ts';
import { bytesOfArray, type InputArray, inMemory, type NdArray } from '../kernel/nd-array.ts';
import { kernelDigest } from '../kernel/registry.ts';
import type { ClientEvent } from '../roles/training/client.ts';
import { isSameRequirement } from '../swarm/requirement.ts';
import { ApiClient } from './api-client.ts';
import { ApiJob, type ApiJobInit, type Expected, expectedOfSpec } from './api-job.ts';
import type { Averaged } from './average.ts';
import { checkWork, requirementOf, specOfArray } from './check-work.ts';
import { jobIdPrefix } from './find-job.ts';
import { mapJobs } from './map-jobs.ts';
import type { Training, TrainingStatus } from './train.ts';
import type {
  JobHandle,
  JobInfo,
  JobResult,
  KernelInfo,
  MapOptions,
  PeerInfo,
  RetryOptions,
  SubmitOptions,
  Swarm,
  Work,
} from './types.ts';

export interface ApiSwarmInit extends SignalOption {
  readonly url: string;
  readonly token?: string | undefined;
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
    const requires = requirementOf(options.requires);
    const inputs = await inMemoryAll(work.inputs ?? {});
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
    const { jobId, reused } = await this.#client.json<{ jobId: string; reused: Reuse }>('jobs', {
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
      requires,
      inputs,
    };
    const isOwn = policy.detached !== true && reused === false;
    return this.#handle(jobId, expected, { signal, isOwn, reused });
  }

  map(
    kernel: string,
    works: AsyncIterable<Work> | Iterable<Work>,
    options?: MapOptions,
  ): AsyncGenerator<JobResult, void, undefined> {
    return mapJobs(this, kernel, works, options);
  }

  /** The node's word is not taken for what the job is: the id is the hash of its spec. */
  async job(id: string, options: SignalOption = {}): Promise<JobHandle> {
    const { jobId, expected } = await this.#expected(id, this.#signal(options.signal));
    return this.#handle(jobId, expected, { signal: undefined, isOwn: false });
  }

  async retry(id: string, options: RetryOptions = {}): Promise<JobHandle> {
    const { signal, waitPeersMs } = options;
    const call = { signal: this.#signal(signal) };
    const old = await this.#expected(id, call.signal);
    const { jobId } = await this.#client.json<{ jobId: string }>(`jobs/${old.jobId}/retry`, {
      ...call,
      method: 'POST',
      json: waitPeersMs === undefined ? {} : { waitPeersMs },
    });
    const { expected } = await this.#expected(jobId, call.signal);
    if (!isSameWork(expected, old.expected)) {
      throw new KadreError({ code: 'PEER_MISBEHAVED' }, 'the node submitted other work');
    }
    const looking = this.#handle(jobId, expected, { signal, isOwn: false });
    const { detached } = await looking.describe(options);
    return detached ? looking : this.#handle(jobId, expected, { signal, isOwn: true });
  }

  async jobs(options: SignalOption = {}): Promise<readonly JobInfo[]> {
    const call = { signal: this.#signal(options.signal) };
    return (await this.#client.json<{ jobs: JobInfo[] }>('jobs', call)).jobs;
  }

  async average(): Promise<Averaged> {
    throw notThroughApi();
  }

  async train(): Promise<Training> {
    throw notThroughApi();
  }

  join(): AsyncGenerator<ClientEvent, void, undefined> {
    throw notThroughApi();
  }

  async training(): Promise<TrainingStatus> {
    throw notThroughApi();
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

  async #expected(id: string, signal: AbortSignal) {
    const wanted = jobIdPrefix(id);
    const { bytes } = await this.#client.bytes(`jobs/${wanted}/spec`, { signal });
    const known = expectedOfSpec(bytes);
    if (known.jobId.startsWith(wanted)) return known;
    throw new KadreError({ code: 'PEER_MISBEHAVED' }, `the node answers with job ${known.jobId}`);
  }

  #handle(
    id: string,
    expected: Expected,
    owner: Pick<ApiJobInit, 'signal' | 'isOwn' | 'reused'>,
  ): JobHandle {
    const closed = this.#closed.signal;
    return new ApiJob({ client: this.#client }, { id, expected, closed, ...owner });
  }

  #signal(signal?: AbortSignal): AbortSignal {
    return signal === undefined
      ? this.#closed.signal
      : AbortSignal.any([signal, this.#closed.signal]);
  }
}

function isSameWork(a: Expected, b: Expected): boolean {
  const { replicas, quorum, cadre } = a.options;
  return (
    a.computationId === b.computationId &&
    a.shards === b.shards &&
    replicas === b.options.replicas &&
    quorum === b.options.quorum &&
    cadre === b.options.cadre &&
    isSameRequirement(a.requires, b.requires)
  );
}

/** Coordinator and clients of a training meet over connections of their own. */
function notThroughApi(): KadreError {
  const advice = 'connect with `network` or `bootstrap` instead of `api`';
  return new KadreError({ code: 'USAGE', advice }, 'an API cannot carry a training');
}

/** A node takes a blob as the body of one request. Errors: INPUT_CHANGED. */
async function inMemoryAll(
  inputs: Readonly<Record<string, InputArray>>,
): Promise<Record<string, NdArray>> {
  const arrays: Record<string, NdArray> = {};
  for (const [name, array] of Object.entries(inputs)) arrays[name] = await inMemory(array);
  return arrays;
}
