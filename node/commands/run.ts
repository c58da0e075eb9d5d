/**
 * `kadre run`: one job from files to verified outputs. Everything that can be refused locally is
 * refused before anyone is dialled; files are written only after everything verified.
 */
import { resolve } from 'node:path';
import { asKadreError, KadreError } from '../../src/base/errors.ts';
import { throwIfAborted } from '../../src/base/signals.ts';
import type { Parameters } from '../../src/kernel/contract.ts';
import type { NdArray } from '../../src/kernel/nd-array.ts';
import { checkWork, requireKernel, requirementOf } from '../../src/sdk/check-work.ts';
import { loadNetwork } from '../../src/sdk/load-network.ts';
import type { JobHandle, JobResult, SubmitOptions, Swarm } from '../../src/sdk/types.ts';
import { type FileContent, writeFilesAtomic } from '../../src/store/atomic-file.ts';
import {
  arrayFile,
  checkTargets,
  type NamedFile,
  namedFiles,
  readArray,
} from '../cli/array-files.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { parseParameters } from '../cli/parameter-text.ts';
import { type Arguments, callerFolder } from '../cli/parse-arguments.ts';
import { ProgressBar } from '../cli/progress-bar.ts';
import { checkTarget, resolveSwarm } from '../cli/resolve-node.ts';
import { loadConfiguration, networkOf } from '../config.ts';
import { type RunReport, reportLines, runReport } from './run-report.ts';

/** How long cancelling may take before the process ends anyway. */
const CANCEL_MS = 3000;

/** A job that passed every local check. */
export interface LocalJob {
  readonly kernel: string;
  readonly parameters: Parameters;
  readonly inputs: Readonly<Record<string, NdArray>>;
  readonly shards: number | undefined;
  readonly options: SubmitOptions;
  readonly outs: readonly NamedFile[];
  /** As written, and absolute. */
  readonly certificate: { readonly given: string; readonly file: string } | undefined;
}

export const run: Command = async (context) => {
  const job = await readLocalJob(context);
  const { report } = await runJob(job, context, () => resolveSwarm(context));
  context.output.result(report, () => reportLines(report));
  return 0;
};

/** Errors: every code with exit 2, and DISK_FAILED where there is no room for the outputs. */
export async function readLocalJob(context: CommandContext): Promise<LocalJob> {
  const { arguments: given, env } = context;
  checkTarget(context);
  const kernel = given.positionals[0] ?? '';
  const known = requireKernel(kernel);
  const parameters = parseParameters(known, given.list('param'));
  const options = submitOptionsOf(given);
  const outs = namedFiles(given.list('out'), 'out');
  const certificate = certificateTarget(given);
  if (options.cadre === 0 && certificate !== undefined) {
    const advice = 'leave --cert out, or choose a cadre of 1 or more';
    throw new KadreError({ code: 'USAGE', advice }, '--cadre 0 makes no certificate to write');
  }
  const inputs: Record<string, NdArray> = {};
  for (const named of namedFiles(given.list('in'), 'in')) {
    inputs[named.name] = await readArray(named);
  }
  const shards = given.number('shards');
  const work = { parameters, inputs, ...(shards === undefined ? {} : { shards }) };
  const { policy } = await loadNetwork(networkOf(await loadConfiguration(given, env), env));
  const { resolved } = checkWork(kernel, work, { ...policy, ...options });
  await checkTargets(outs, resolved.outputs, certificate?.file);
  return { kernel, parameters, inputs, shards, options, outs, certificate };
}

function certificateTarget(given: Arguments): LocalJob['certificate'] {
  const text = given.text('cert');
  return text === undefined ? undefined : { given: text, file: resolve(callerFolder(), text) };
}

function submitOptionsOf(given: Arguments): SubmitOptions {
  const options: { -readonly [K in keyof SubmitOptions]: SubmitOptions[K] } = {};
  const [replicas, quorum, cadre] = ['replicas', 'quorum', 'cadre'].map((n) => given.number(n));
  const deadline = given.number('deadline');
  if (replicas !== undefined) options.replicas = replicas;
  if (quorum !== undefined) options.quorum = quorum;
  if (cadre !== undefined) options.cadre = cadre;
  if (deadline !== undefined) options.deadlineMs = Math.max(1, Math.round(deadline * 1000));
  const requires = given.text('require');
  if (requires !== undefined) {
    requirementOf(requires);
    options.requires = requires;
  }
  options.waitPeersMs = Math.round((given.number('wait-peers') ?? 10) * 1000);
  return options;
}

/** Connects, submits, waits, verifies, writes. Errors: every code of a job. */
export async function runJob(
  job: LocalJob,
  context: CommandContext,
  target: () => ReturnType<typeof resolveSwarm>,
): Promise<{ readonly report: RunReport; readonly result: JobResult }> {
  const { signal, wiring, output } = context;
  const bar = new ProgressBar(output.stderr);
  let swarm: Swarm | undefined;
  let handle: JobHandle | undefined;
  let isEmbedded = false;
  try {
    bar.show('connecting');
    const endpoint = await target();
    isEmbedded = endpoint.api === undefined;
    swarm = await wiring.connect(endpoint);
    throwIfAborted(signal);
    bar.show('planning');
    const { kernel, parameters, inputs, shards, options } = job;
    const work = { parameters, inputs, ...(shards === undefined ? {} : { shards }) };
    handle = await swarm.submit(kernel, work, { ...options, signal });
    const result = await follow(handle, bar, context);
    await writeResult(job, result);
    return { report: runReport(job, result), result };
  } catch (cause) {
    const isLate = cause instanceof KadreError && cause.code === 'TIMEOUT';
    if (!isLate) throw cause;
    const advice = adviceWhenLate(handle?.id, isEmbedded);
    throw new KadreError({ code: 'TIMEOUT', advice }, cause.message);
  } finally {
    bar.clear();
    await swarm?.close().catch(() => undefined);
  }
}

/** A client without a node takes its job with it: nobody else would serve the inputs. */
function adviceWhenLate(jobId: string | undefined, isEmbedded: boolean): string {
  if (jobId === undefined) return 'nothing was submitted yet; raise --timeout';
  if (!isEmbedded) return `the job goes on at the node: GET /v1/jobs/${jobId} of its API`;
  return 'the job ended with this client; submit through a node (--api) to let it go on';
}

async function follow(
  handle: JobHandle,
  bar: ProgressBar,
  context: CommandContext,
): Promise<JobResult> {
  void showEvents(handle, bar, context);
  try {
    return await handle.result({ signal: context.signal });
  } catch (cause) {
    const error = asKadreError(cause, 'INTERNAL', 'the job failed unexpectedly');
    // Patience that ran out leaves the job alone; an interrupt takes it back.
    if (context.signal.aborted && error.code === 'INTERRUPTED') await cancel(handle);
    throw error;
  }
}

async function cancel(handle: JobHandle): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolvePatience) => {
    timer = setTimeout(resolvePatience, CANCEL_MS);
  });
  await Promise.race([handle.cancel().catch(() => undefined), patience]);
  clearTimeout(timer);
}

/** Progress and remarks; whatever goes wrong with the events, the result decides. */
async function showEvents(
  handle: JobHandle,
  bar: ProgressBar,
  { log }: CommandContext,
): Promise<void> {
  try {
    for await (const event of handle.events()) {
      const { type, ...fields } = event;
      log.log(type === 'dispute' || type === 'retry' ? 'info' : 'debug', type, fields);
      if (event.type === 'convened') bar.show(`cadre of ${event.members.length} convened`);
      if (event.type === 'progress') bar.show('shards', event.accepted, event.total);
      if (event.type === 'certified') bar.show('certified, collecting outputs');
    }
  } catch (cause) {
    log.log('debug', 'events-ended', { why: (cause as Error).message });
  }
}

async function writeResult(job: LocalJob, result: JobResult): Promise<void> {
  const files: FileContent[] = [];
  for (const { name, file } of job.outs) {
    const array = result.outputs[name];
    if (array === undefined) throw new Error(`bug: the job has no output ${name}`);
    files.push(arrayFile(file, array));
  }
  if (job.certificate !== undefined && result.certificate !== null) {
    files.push({ file: job.certificate.file, parts: [result.certificate] });
  }
  await writeFilesAtomic(files);
}
