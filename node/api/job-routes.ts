/** The API's endpoints about jobs; docs/http-api.md describes the bodies. */
import { KadreError } from '../../src/base/errors.ts';
import { throwIfAborted } from '../../src/base/signals.ts';
import { bytesOfArray, dtypeOf } from '../../src/kernel/nd-array.ts';
import type { JobEvent, JobInfo, WhyOptions } from '../../src/sdk/types.ts';
import type { ApiAnswer, ApiRequest, ApiRoute } from './http-types.ts';
import { readJobRequest } from './job-request.ts';
import type { TrackedJob } from './job-table.ts';
import type { ApiComponents } from './routes.ts';

/** Longest `?wait=SECONDS`: below what proxies and clients give up at. */
const WAIT_SECONDS_MAX = 60;

export function jobRoutes(components: ApiComponents): readonly ApiRoute[] {
  const { jobs } = components;
  const jobOf = async (request: ApiRequest) => jobs.get(request.parameters[0] ?? '');
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
      handle: async () => ({ json: { v: 1 as const, jobs: await listJobs(components) } }),
    },
    {
      method: 'GET',
      path: 'jobs/*',
      why: 'state, and summary or error; `?wait=SECONDS` answers when the job has ended',
      handle: async (request) => {
        const job = await jobOf(request);
        const seconds = waitSeconds(request.query.get('wait'));
        if (seconds > 0) await jobs.wait(job, seconds * 1000, request.signal);
        return { json: { v: 1 as const, ...(await describe(job)) } };
      },
    },
    {
      method: 'GET',
      path: 'jobs/*/spec',
      why: 'the job spec, of which the id is the hash: canonical DAG-CBOR',
      handle: async (request) => ({ bytes: await (await jobOf(request)).handle.spec() }),
    },
    {
      method: 'GET',
      path: 'jobs/*/why',
      why: 'who should run its shards, who has them, what they wait for; `?shard=`, `?first=&count=`',
      handle: async (request) => {
        const { handle } = await jobOf(request);
        const { signal, query } = request;
        const report = await handle.why({ ...whyOptions(query), signal });
        return { json: { v: 1 as const, ...report } };
      },
    },
    {
      method: 'GET',
      path: 'jobs/*/events',
      why: 'all events from the beginning, one JSON object per line; `?follow=0` ends with the last',
      handle: async (request) => {
        const { handle } = await jobOf(request);
        const { signal, query } = request;
        const follow = query.get('follow') !== '0';
        return { lines: versioned(handle.events({ follow, signal })) };
      },
    },
    {
      method: 'GET',
      path: 'jobs/*/certificate',
      why: 'the certificate file',
      handle: async (request) => {
        const { certificate } = resultOf(await jobOf(request));
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
      handle: async (request) => outputOf(await jobOf(request), request.parameters[1] ?? ''),
    },
    {
      method: 'DELETE',
      path: 'jobs/*',
      why: 'cancel',
      handle: async (request) => {
        const job = await jobOf(request);
        await job.handle.cancel();
        await job.settled;
        return { json: { v: 1 as const, ...(await describe(job)) } };
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

/** The state is the table's own: a job counts as done when its outputs are here. */
async function describe(job: TrackedJob) {
  const { error, result, state } = job;
  return {
    ...(await job.handle.describe()),
    state,
    ...(result === undefined ? {} : { summary: result.summary }),
    ...(error === undefined ? {} : { error }),
  };
}

async function listJobs({ node, jobs }: ApiComponents): Promise<JobInfo[]> {
  const tracked = await Promise.all(jobs.list().map(describe));
  const ids = new Set(tracked.map(({ jobId }) => jobId));
  const others = (await node.swarm.jobs()).filter(({ jobId }) => !ids.has(jobId));
  const listed = tracked.map(({ summary: _, ...info }) => info);
  return [...others, ...listed].sort((a, b) => a.submittedMs - b.submittedMs);
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
