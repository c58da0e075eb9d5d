/** The API's endpoints about jobs; docs/http-api.md describes the bodies. */
import { KadreError } from '../../src/base/errors.ts';
import { throwIfAborted } from '../../src/base/signals.ts';
import { bytesOfArray, dtypeOf } from '../../src/kernel/nd-array.ts';
import type { JobEvent, JobHandle, JobInfo, JobResult, WhyOptions } from '../../src/sdk/types.ts';
import { DRAINING } from '../drain.ts';
import type { ApiAnswer, ApiRequest, ApiRoute } from './http-types.ts';
import { readJobRequest, readRetryRequest } from './job-request.ts';
import type { TrackedJob } from './job-table.ts';
import type { ApiComponents } from './routes.ts';

/** Longest `?wait=SECONDS`: below what proxies and clients give up at. */
const WAIT_SECONDS_MAX = 60;

export function jobRoutes(components: ApiComponents): readonly ApiRoute[] {
  return [...submissionRoutes(components), ...lookRoutes(components), ...resultRoutes(components)];
}

function submissionRoutes(components: ApiComponents): readonly ApiRoute[] {
  return [
    {
      method: 'POST',
      path: 'jobs',
      why: 'submit; answers as soon as the job is on record',
      handle: (request) => submit(request, components),
    },
    {
      method: 'POST',
      path: 'jobs/*/retry',
      why: 'the same work as a new job, with the inputs that the node still holds',
      handle: async (request) => {
        const [old = ''] = request.parameters;
        const options = await readRetryRequest(request.body);
        return submitted(components, () => components.node.swarm.retry(old, options));
      },
    },
    {
      method: 'DELETE',
      path: 'jobs/*',
      why: 'cancel',
      handle: async (request) => {
        const { handle, tracked } = await find(request, components);
        await handle.cancel();
        await tracked?.settled;
        return { json: { v: 1 as const, ...(await describe(handle, tracked)) } };
      },
    },
  ];
}

/** What only looks: nothing is fetched for it. */
function lookRoutes(components: ApiComponents): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: 'jobs',
      why: 'jobs submitted through this node, as long as it remembers them',
      handle: async () => ({ json: { v: 1 as const, jobs: await listJobs(components) } }),
    },
    {
      method: 'GET',
      path: 'jobs/*/spec',
      why: 'the job spec, of which the id is the hash: canonical DAG-CBOR',
      handle: async (request) => {
        const { handle } = await find(request, components);
        return { bytes: await handle.spec() };
      },
    },
    {
      method: 'GET',
      path: 'jobs/*/why',
      why: 'who should run its shards, who has them, what they wait for',
      handle: async (request) => {
        const { handle } = await find(request, components);
        const { signal, query } = request;
        const report = await handle.why({ ...whyOptions(query), signal });
        return { json: { v: 1 as const, ...report } };
      },
    },
    {
      method: 'GET',
      path: 'jobs/*/events',
      why: 'all events from the beginning, one JSON object per line',
      handle: async (request) => {
        const { handle } = await find(request, components);
        const { signal, query } = request;
        const follow = query.get('follow') !== '0';
        return { lines: versioned(handle.events({ follow, signal })) };
      },
    },
  ];
}

function resultRoutes(components: ApiComponents): readonly ApiRoute[] {
  const { jobs } = components;
  return [
    {
      method: 'GET',
      path: 'jobs/*',
      why: 'the job; `?wait=SECONDS` answers when it has ended, with its summary',
      handle: async (request) => {
        const seconds = waitSeconds(request.query.get('wait'));
        const found = await find(request, components);
        const tracked = seconds > 0 ? await track(found, components) : found.tracked;
        if (tracked !== undefined) await jobs.wait(tracked, seconds * 1000, request.signal);
        return { json: { v: 1 as const, ...(await describe(found.handle, tracked)) } };
      },
    },
    {
      method: 'GET',
      path: 'jobs/*/certificate',
      why: 'the certificate file',
      handle: async (request) => {
        const { certificate } = resultOf((await find(request, components)).tracked);
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
      handle: async (request) => {
        const { tracked } = await find(request, components);
        return outputOf(resultOf(tracked), request.parameters[1] ?? '');
      },
    },
  ];
}

interface FoundJob {
  readonly handle: JobHandle;
  /** Its result is here, or awaited. */
  readonly tracked: TrackedJob | undefined;
}

/** By the whole id or a prefix of it. Errors: JOB_UNKNOWN, JOB_AMBIGUOUS, USAGE. */
async function find(request: ApiRequest, { node, jobs }: ApiComponents): Promise<FoundJob> {
  const { signal, parameters } = request;
  const handle = await node.swarm.job(parameters[0] ?? '', { signal });
  const tracked = jobs.get(handle.id);
  return { handle: tracked?.handle ?? handle, tracked };
}

/** Awaits the result from now on; again, where it could not be fetched the last time. */
async function track(found: FoundJob, { jobs }: ApiComponents): Promise<TrackedJob> {
  const { handle, tracked } = found;
  if (tracked === undefined) return jobs.add(handle);
  if (tracked.state !== 'failed') return tracked;
  return (await handle.describe()).state === 'done' ? jobs.add(handle) : tracked;
}

async function submit(request: ApiRequest, components: ApiComponents): Promise<ApiAnswer> {
  const { node, uploads } = components;
  return submitted(components, async () => {
    const { kernel, work, options } = await readJobRequest(request.body, uploads);
    throwIfAborted(request.signal);
    // A submission ends with its client; a job that was planned belongs to the node.
    const leaving = new AbortController();
    const onGone = () => leaving.abort(request.signal.reason);
    request.signal.addEventListener('abort', onGone, { once: true });
    try {
      return await node.swarm.submit(kernel, work, { ...options, signal: leaving.signal });
    } finally {
      request.signal.removeEventListener('abort', onGone);
    }
  });
}

/** A place in the table first, then the job. */
async function submitted(
  { jobs, node }: ApiComponents,
  make: () => Promise<JobHandle>,
): Promise<ApiAnswer> {
  if (node.status().resting === DRAINING) {
    const init = { code: 'STOPPED', advice: 'submit it through another node' } as const;
    throw new KadreError(
      { ...init, data: { status: 503 } },
      'this node drains, and takes no new job',
    );
  }
  const giveBack = jobs.reserve();
  try {
    const handle = await make();
    giveBack();
    jobs.add(handle);
    const json = { v: 1 as const, jobId: handle.id, reused: handle.reused };
    return { status: 201, json: json as { readonly v: 1 } };
  } finally {
    giveBack();
  }
}

/** The state of a tracked job is the table's own: it is done when its outputs are here. */
async function describe(handle: JobHandle, tracked: TrackedJob | undefined) {
  const info = await handle.describe();
  if (tracked === undefined) return info;
  const { error, result, state } = tracked;
  return {
    ...info,
    state,
    ...(result === undefined ? {} : { summary: result.summary }),
    ...(error === undefined ? {} : { error }),
  };
}

async function listJobs({ node, jobs }: ApiComponents): Promise<JobInfo[]> {
  const known = await node.swarm.jobs();
  return known.map((info) => {
    const tracked = jobs.get(info.jobId);
    return tracked === undefined ? info : { ...info, state: tracked.state };
  });
}

function whyOptions(query: URLSearchParams): WhyOptions {
  const names = ['shard', 'first', 'count'] as const;
  const unknown = [...query.keys()].find((key) => !(names as readonly string[]).includes(key));
  if (unknown !== undefined) {
    throw new KadreError({ code: 'USAGE' }, `unknown key \`${unknown.slice(0, 64)}\``);
  }
  const given = names.flatMap((name) => {
    const text = query.get(name);
    return text === null ? [] : [[name, /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN]];
  });
  return Object.fromEntries(given) as WhyOptions;
}

function resultOf(job: TrackedJob | undefined): JobResult {
  if (job?.result !== undefined) return job.result;
  const message = `no result is here: the job is ${job?.state ?? 'not waited for'}`;
  const advice = 'ask for the job with ?wait=SECONDS until its state is done';
  throw new KadreError({ code: 'JOB_UNKNOWN', advice }, message);
}

function outputOf({ outputs }: JobResult, name: string): ApiAnswer {
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
