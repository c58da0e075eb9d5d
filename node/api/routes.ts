/** What the API offers, one row per endpoint; docs/api.md describes the bodies. */
import { KadreError } from '../../src/base/errors.ts';
import { throwIfAborted } from '../../src/base/signals.ts';
import { bytesOfArray, dtypeOf } from '../../src/kernel/nd-array.ts';
import type { JobEvent } from '../../src/sdk/types.ts';
import type { RunningNode } from '../node-facade.ts';
import type { ApiAnswer, ApiRequest, ApiRoute } from './http-types.ts';
import { readJobRequest } from './job-request.ts';
import type { JobTable, TrackedJob } from './job-table.ts';
import type { UploadTable } from './upload-table.ts';

export interface ApiComponents {
  readonly node: RunningNode;
  readonly jobs: JobTable;
  readonly uploads: UploadTable;
  /** Asks the process to drain and end; called after the answer is on its way. */
  readonly shutdown: () => void;
}

/** Longest `?wait=SECONDS`: below what proxies and clients give up at. */
const WAIT_SECONDS_MAX = 60;

export function apiRoutes(components: ApiComponents): readonly ApiRoute[] {
  return [...nodeRoutes(components), ...jobRoutes(components)];
}

function nodeRoutes({ node, uploads, shutdown }: ApiComponents): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: 'status',
      why: 'identity, load, connections and memory of this node',
      handle: async () => ({ json: node.status() }),
    },
    {
      method: 'GET',
      path: 'peers',
      why: 'peers whose adverts are known now',
      handle: async () => ({ json: { v: 1 as const, peers: await node.swarm.peers() } }),
    },
    {
      method: 'GET',
      path: 'caps',
      why: "this node's advert",
      handle: async () => ({ json: { v: 1 as const, advert: node.caps() } }),
    },
    {
      method: 'GET',
      path: 'kernels',
      why: 'kernels that jobs can use',
      handle: async () => ({ json: { v: 1 as const, kernels: await node.swarm.kernels() } }),
    },
    {
      method: 'PUT',
      path: 'blobs',
      why: 'input bytes, C order, little-endian; answers their blob root',
      handle: async ({ body }) => {
        const held = await uploads.receive(body);
        return { status: 201, json: { v: 1 as const, ...held } };
      },
    },
    {
      method: 'POST',
      path: 'shutdown',
      why: 'drain and stop, as on SIGTERM',
      handle: async () => {
        setImmediate(shutdown);
        return { status: 202, json: { v: 1 as const, stopping: true } };
      },
    },
  ];
}

function jobRoutes(components: ApiComponents): readonly ApiRoute[] {
  const { jobs } = components;
  const jobOf = (request: ApiRequest) => jobs.get(request.parameters[0] ?? '');
  return [
    {
      method: 'POST',
      path: 'jobs',
      why: 'submit; answers as soon as the job is planned',
      handle: (request) => submit(request, components),
    },
    {
      method: 'GET',
      path: 'jobs',
      why: 'jobs submitted through this node, as long as it remembers them',
      handle: async () => ({ json: { v: 1 as const, jobs: jobs.list().map(describe) } }),
    },
    {
      method: 'GET',
      path: 'jobs/*',
      why: 'state, and summary or error; `?wait=SECONDS` answers when the job has ended',
      handle: async (request) => {
        const job = jobOf(request);
        const seconds = waitSeconds(request.query.get('wait'));
        if (seconds > 0) await jobs.wait(job, seconds * 1000, request.signal);
        return { json: { v: 1 as const, ...describe(job) } };
      },
    },
    {
      method: 'GET',
      path: 'jobs/*/events',
      why: 'all events from the beginning, one JSON object per line',
      handle: async (request) => ({ lines: versioned(jobOf(request).handle.events()) }),
    },
    {
      method: 'GET',
      path: 'jobs/*/certificate',
      why: 'the certificate file',
      handle: async (request) => {
        const { certificate } = resultOf(jobOf(request));
        if (certificate === null) {
          throw new KadreError({ code: 'JOB_UNKNOWN' }, 'this job has no certificate: cadre off');
        }
        return { bytes: certificate };
      },
    },
    {
      method: 'GET',
      path: 'jobs/*/outputs/*',
      why: 'the bytes of one output, C order, little-endian',
      handle: async (request) => outputOf(jobOf(request), request.parameters[1] ?? ''),
    },
    {
      method: 'DELETE',
      path: 'jobs/*',
      why: 'cancel',
      handle: async (request) => {
        const job = jobOf(request);
        await job.handle.cancel();
        return { json: { v: 1 as const, ...describe(job) } };
      },
    },
  ];
}

async function submit(request: ApiRequest, components: ApiComponents): Promise<ApiAnswer> {
  const { node, jobs, uploads } = components;
  const giveBack = jobs.reserve();
  // A submission ends with its client; a job that was planned belongs to the node.
  const leaving = new AbortController();
  const onGone = () => leaving.abort(request.signal.reason);
  request.signal.addEventListener('abort', onGone, { once: true });
  try {
    const { kernel, work, options } = await readJobRequest(request.body, uploads);
    throwIfAborted(request.signal);
    const handle = await node.swarm.submit(kernel, work, { ...options, signal: leaving.signal });
    giveBack();
    jobs.add(handle);
    return { status: 201, json: { v: 1 as const, jobId: handle.id } as { readonly v: 1 } };
  } finally {
    request.signal.removeEventListener('abort', onGone);
    giveBack();
  }
}

function describe(job: TrackedJob): Record<string, unknown> {
  return {
    jobId: job.handle.id,
    state: job.state,
    ...(job.result === undefined ? {} : { summary: job.result.summary }),
    ...(job.error === undefined ? {} : { error: job.error }),
  };
}

function resultOf(job: TrackedJob) {
  if (job.result !== undefined) return job.result;
  const message = `the job has no result: it is ${job.state}`;
  throw new KadreError({ code: 'JOB_UNKNOWN', advice: 'wait until its state is done' }, message);
}

function outputOf(job: TrackedJob, name: string): ApiAnswer {
  const { outputs } = resultOf(job);
  const output = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
  if (output === undefined) {
    const advice = `its outputs: ${Object.keys(outputs).join(', ')}`;
    throw new KadreError({ code: 'JOB_UNKNOWN', advice }, `no output \`${name.slice(0, 64)}\``);
  }
  const headers = {
    'x-kadre-dtype': dtypeOf(output.data) ?? '',
    'x-kadre-shape': JSON.stringify(output.shape),
  };
  return { bytes: bytesOfArray(output), headers };
}

async function* versioned(events: AsyncIterable<JobEvent>) {
  for await (const event of events) yield { v: 1 as const, ...event };
}

function waitSeconds(text: string | null): number {
  if (text === null) return 0;
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= WAIT_SECONDS_MAX)) {
    throw new KadreError({ code: 'USAGE' }, `wait must be 0 to ${WAIT_SECONDS_MAX} seconds`);
  }
  return seconds;
}
