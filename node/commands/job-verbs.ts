/**
 * Verbs about jobs that were submitted before: `list`, `describe`, `events`, `why`, `get`,
 * `cancel`, `retry`. What only the requester may do, or only its node knows, needs that node; a job
 * can be described, followed and fetched by its whole id from anywhere in the swarm.
 */
import { KadreError } from '../../src/base/errors.ts';
import { jobIdPrefix } from '../../src/sdk/find-job.ts';
import type { JobEvent, JobHandle, JobInfo, Swarm, WhyOptions } from '../../src/sdk/types.ts';
import { checkTargets, namedFiles } from '../cli/array-files.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { formatDuration, formatTable } from '../cli/output.ts';
import { ProgressBar } from '../cli/progress-bar.ts';
import { requireNode, resolveNode, resolveSwarm } from '../cli/resolve-node.ts';
import { certificateTarget, writeResult } from './result-files.ts';
import { reportLines, runReport } from './run-report.ts';

/** The swarm behind the requester's node. Errors: NODE_UNREACHABLE. */
async function ofNode(context: CommandContext): Promise<Swarm> {
  await requireNode(context);
  const { url: api, token } = (await resolveNode(context))!;
  const { signal, wiring } = context;
  return wiring.connect({ api, signal, ...(token === undefined ? {} : { token }) });
}

async function ofAnywhere(context: CommandContext): Promise<Swarm> {
  return context.wiring.connect(await resolveSwarm(context));
}

async function withJob(
  context: CommandContext,
  open: (context: CommandContext) => Promise<Swarm>,
  act: (job: JobHandle) => Promise<void>,
): Promise<number> {
  const id = jobIdPrefix(context.arguments.positionals[0] ?? '');
  await using swarm = await open(context);
  await act(await swarm.job(id, { signal: context.signal }));
  return 0;
}

export const list: Command = async (context) => {
  await using swarm = await ofNode(context);
  const jobs = await swarm.jobs({ signal: context.signal });
  context.output.result({ v: 1, jobs } as { v: 1 }, () => {
    if (jobs.length === 0) return ['no jobs were submitted here in the last day'];
    return formatTable(jobs.map((job) => jobCells(job)));
  });
  return 0;
};

function jobCells(job: JobInfo): string[] {
  const { jobId, state, kernel, accepted, shards, submittedMs, error } = job;
  const age = submittedMs === null ? '' : `${formatDuration(Date.now() - submittedMs)} ago`;
  return [
    jobId.slice(0, 12),
    state,
    kernel,
    `${accepted}/${shards}`,
    job.detached ? 'detached' : '',
    age,
    error?.code ?? '',
  ];
}

export const describe: Command = (context) =>
  withJob(context, ofAnywhere, async (job) => {
    const info = await job.describe({ signal: context.signal });
    context.output.result({ v: 1, ...info }, () => describeLines(info));
  });

function describeLines(info: JobInfo): string[] {
  const { kernel, parameters, inputs, outputs, error } = info;
  const arrays = (what: string, named: JobInfo['outputs']) =>
    named.map(({ name, dtype, shape }) => [`  ${what}`, name, `${dtype} [${shape.join(', ')}]`]);
  return [
    `job ${info.jobId}`,
    `  ${info.state} (${info.stage})${info.detached ? ', detached' : ''}`,
    `  ${info.accepted} of ${info.shards} shards accepted`,
    `  ${kernel} ${JSON.stringify(parameters)}`,
    `  ${info.replicas} replicas, ${info.quorum} must agree, cadre of ${info.cadre}`,
    ...(info.requires === undefined ? [] : [`  on ${info.requires} only`]),
    `  computation ${info.computationId}`,
    ...formatTable([...arrays('in', inputs), ...arrays('out', outputs)]),
    ...(error === undefined ? [] : [`  ${error.code}: ${error.message}`, `  ${error.advice}`]),
  ];
}

export const events: Command = (context) =>
  withJob(context, ofAnywhere, async (job) => {
    const { output, signal } = context;
    const follow = context.arguments.flag('follow');
    for await (const event of job.events({ follow, signal })) {
      output.result({ v: 1, ...event } as { v: 1 }, () => [eventLine(event)]);
    }
  });

function eventLine({ type, ...fields }: JobEvent): string {
  return `${type} ${JSON.stringify(fields)}`;
}

export const why: Command = (context) =>
  withJob(context, ofNode, async (job) => {
    const report = await job.why({ ...whyOptions(context), signal: context.signal });
    context.output.result({ v: 1, ...report }, () => [
      report.words,
      ...report.rows.map(({ words }) => `  ${words}`),
      ...(report.next === null ? [] : [`  more: --first ${report.next}`]),
    ]);
  });

function whyOptions({ arguments: given }: CommandContext): WhyOptions {
  const names = ['shard', 'first', 'count'] as const;
  if (given.has('shard') && given.has('first')) {
    throw new KadreError({ code: 'USAGE' }, 'give --shard or --first, not both');
  }
  const entries = names.flatMap((name) => {
    const value = given.number(name);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(entries) as WhyOptions;
}

/** Waits for the job, then as `run` does: everything is verified before anything is written. */
export const get: Command = async (context) => {
  const { arguments: given, signal, output } = context;
  const outs = namedFiles(given.list('out'), 'out');
  const target = { outs, certificate: certificateTarget(given) };
  const bar = new ProgressBar(output.stderr);
  return withJob(context, ofAnywhere, async (job) => {
    try {
      const info = await job.describe({ signal });
      await checkTargets(outs, info.outputs, target.certificate?.file);
      if (target.certificate !== undefined && info.cadre === 0) {
        throw new KadreError({ code: 'USAGE' }, 'a job without a cadre has no certificate');
      }
      bar.show(info.state === 'running' ? 'waiting for the job' : 'collecting outputs');
      const result = await job.result({ signal });
      await writeResult(target, result);
      bar.clear();
      const report = runReport(target, result);
      output.result(report, () => reportLines(report));
    } finally {
      bar.clear();
    }
  });
};

export const cancel: Command = (context) =>
  withJob(context, ofNode, async (job) => {
    const before = await job.describe({ signal: context.signal });
    if (before.state === 'running') await job.cancel();
    const { state } = await job.describe({ signal: context.signal });
    context.output.result({ v: 1, jobId: job.id, state } as { v: 1 }, () => [
      state === 'cancelled' ? `job ${job.id} is cancelled` : `job ${job.id} was ${state} before`,
    ]);
  });

export const retry: Command = async (context) => {
  const id = jobIdPrefix(context.arguments.positionals[0] ?? '');
  await using swarm = await ofNode(context);
  const { signal, output } = context;
  const old = await swarm.job(id, { signal });
  const job = await swarm.retry(old.id, { signal });
  output.result({ v: 1, jobId: job.id, retryOf: old.id } as { v: 1 }, () => [
    `job ${job.id}`,
    `  the work of ${old.id} again, with a fresh nonce and the inputs held here`,
    `  kadre get ${job.id.slice(0, 12)}`,
  ]);
  return 0;
};
