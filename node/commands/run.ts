/**
 * `kadre run` and `kadre submit`: one job from files to verified outputs, or to the point from
 * which it goes on without this command. Everything that can be refused locally is refused before
 * anyone is dialled; files are written only after everything verified.
 */
import { asKadreError, KadreError } from '../../src/base/errors.ts';
import { abortable, throwIfAborted } from '../../src/base/signals.ts';
import type { Reuse } from '../../src/job/reuse.ts';
import type { Parameters } from '../../src/kernel/contract.ts';
import type { InputArray } from '../../src/kernel/nd-array.ts';
import { checkWork, requireKernel, requirementOf } from '../../src/sdk/check-work.ts';
import { loadNetwork } from '../../src/sdk/load-network.ts';
import type { JobHandle, JobResult, SubmitOptions, Swarm } from '../../src/sdk/types.ts';
import { checkTargets, namedFiles, openArray } from '../cli/array-files.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { parseParameters } from '../cli/parameter-text.ts';
import type { Arguments } from '../cli/parse-arguments.ts';
import { ProgressBar } from '../cli/progress-bar.ts';
import { checkTarget, resolveSwarm } from '../cli/resolve-node.ts';
import { loadConfiguration, networkOf } from '../config.ts';
import { certificateTarget, type ResultFiles, writeResult } from './result-files.ts';
import { type RunReport, reportLines, runReport } from './run-report.ts';

/** How long cancelling may take before the process ends anyway. */
const CANCEL_MS = 3000;
/** How long `--detach-on-interrupt` waits for others to hold the inputs. */
const HAND_OVER_MS = 3000;

/** A job that passed every local check. */
export interface LocalJob extends ResultFiles {
  readonly kernel: string;
  readonly parameters: Parameters;
  readonly inputs: Readonly<Record<string, InputArray>>;
  readonly shards: number | undefined;
  readonly options: SubmitOptions;
}

export const run: Command = async (context) => {
  if (context.arguments.flag('detach')) return submit(context);
  const job = await readLocalJob(context);
  const { report } = await runJob(job, context, () => resolveSwarm(context));
  context.output.result(report, () => reportLines(report));
  return 0;
};

/** Returns once enough peers hold the inputs for the job to go on by itself. */
export const submit: Command = async (context) => {
  const job = await readLocalJob(context);
  if (job.options.cadre === 0) {
    const message = 'a detached job needs a cadre: somebody must judge it while nobody waits';
    throw new KadreError({ code: 'BAD_POLICY', advice: 'leave out --cadre 0' }, message);
  }
  if (job.outs.length > 0 || job.certificate !== undefined) {
    const advice = 'fetch them later: kadre get JOB --out NAME=FILE --cert FILE';
    throw new KadreError({ code: 'USAGE', advice }, 'a detached job has no outputs to write yet');
  }
  const report = await detach(job, context);
  context.output.result(report, () => [
    `job ${report.jobId}`,
    `  ${report.holders.length} peers hold its inputs; it goes on by itself`,
    `  kadre get ${report.jobId.slice(0, 12)}`,
  ]);
  return 0;
};

interface SubmitReport {
  readonly v: 1;
  readonly jobId: string;
  readonly reused: Reuse;
  readonly detached: true;
  /** Peers that hold every input. */
  readonly holders: readonly string[];
}

async function detach(job: LocalJob, context: CommandContext): Promise<SubmitReport> {
  const { signal, wiring } = context;
  const bar = new ProgressBar(context.output.stderr);
  let swarm: Swarm | undefined;
  let handle: JobHandle | undefined;
  try {
    bar.show('connecting');
    swarm = await wiring.connect(await resolveSwarm(context));
    bar.show('planning');
    handle = await submitJob(
      swarm,
      { ...job, options: { ...job.options, detached: true } },
      signal,
    );
    bar.show('handing over the inputs');
    const holders = await untilDetachable(handle, signal);
    return { v: 1, jobId: handle.id, reused: handle.reused, detached: true, holders };
  } catch (cause) {
    // Half handed over it would wait for a requester that is gone.
    if (handle !== undefined) await cancelBriefly(handle);
    throw cause;
  } finally {
    bar.clear();
    await swarm?.close().catch(() => undefined);
  }
}

/** Who holds the inputs; nobody when the job was done before. Errors: what it failed with. */
async function untilDetachable(handle: JobHandle, signal: AbortSignal): Promise<readonly string[]> {
  for await (const event of handle.events({ signal })) {
    if (event.type === 'detachable') return event.holders;
    if (event.type === 'certified' || event.type === 'done') return [];
    if (event.type === 'failed') {
      const { code, message, advice } = event.error;
      throw new KadreError({ code, advice }, message);
    }
  }
  throw new KadreError({ code: 'NODE_UNREACHABLE' }, 'the events of the job broke off');
}

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
  const inputs: Record<string, InputArray> = {};
  for (const named of namedFiles(given.list('in'), 'in')) {
    inputs[named.name] = await openArray(named);
  }
  const shards = given.number('shards');
  const work = { parameters, inputs, ...(shards === undefined ? {} : { shards }) };
  const { policy } = await loadNetwork(networkOf(await loadConfiguration(given, env), env));
  const { resolved } = checkWork(kernel, work, { ...policy, ...options });
  await checkTargets(outs, resolved.outputs, certificate?.file);
  return { kernel, parameters, inputs, shards, options, outs, certificate };
}

function submitOptionsOf(given: Arguments): SubmitOptions {
  const options: { -readonly [K in keyof SubmitOptions]: SubmitOptions[K] } = {};
  const [replicas, quorum, cadre] = ['replicas', 'quorum', 'cadre'].map((n) => given.number(n));
  const deadline = given.number('deadline');
  if (replicas !== undefined) options.replicas = replicas;
  if (quorum !== undefined) options.quorum = quorum;
  if (cadre !== undefined) options.cadre = cadre;
  if (deadline !== undefined) options.deadlineMs = Math.max(1, Math.round(deadline * 1000));
  if (given.flag('detach-on-interrupt')) options.detached = true;
  const requires = given.text('require');
  if (requires !== undefined) {
    requirementOf(requires);
    options.requires = requires;
  }
  if (given.text('reuse') === 'off') options.reuse = false;
  if (given.text('reuse') === 'trusted') options.reuse = 'trusted';
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
    handle = await submitJob(swarm, job, signal);
    const result = await follow(handle, bar, context);
    await writeResult(job, result);
    return { report: { ...runReport(job, result), reused: handle.reused }, result };
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

/** The command's signal takes back a submission, not yet a submitted job. */
async function submitJob(
  swarm: Swarm,
  { kernel, parameters, inputs, shards, options }: LocalJob,
  signal: AbortSignal,
): Promise<JobHandle> {
  const work = { parameters, inputs, ...(shards === undefined ? {} : { shards }) };
  const submitting = new AbortController();
  const onAbort = () => submitting.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    throwIfAborted(signal);
    return await swarm.submit(kernel, work, { ...options, signal: submitting.signal });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A client without a node takes its job with it: nobody else would serve the inputs. */
function adviceWhenLate(jobId: string | undefined, isEmbedded: boolean): string {
  if (jobId === undefined) return 'nothing was submitted yet; raise --timeout';
  if (!isEmbedded) return `the job goes on at the node: kadre get ${jobId}`;
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
    // Patience that ran out leaves the job alone; an interrupt takes it back, unless told not to.
    if (!context.signal.aborted || error.code !== 'INTERRUPTED') throw error;
    if (!context.arguments.flag('detach-on-interrupt')) await cancelBriefly(handle);
    else if (await isHandedOver(handle)) throw goesOn(handle);
    throw error;
  }
}

function goesOn({ id }: JobHandle): KadreError {
  const advice = `fetch it later: kadre get ${id}`;
  return new KadreError(
    { code: 'INTERRUPTED', advice },
    `interrupted; job ${id} goes on by itself`,
  );
}

/** Waits a little for others to hold the inputs; without them the job is taken back. */
async function isHandedOver(handle: JobHandle): Promise<boolean> {
  try {
    await untilDetachable(handle, AbortSignal.timeout(HAND_OVER_MS));
    return true;
  } catch {
    await cancelBriefly(handle);
    return false;
  }
}

/** A process that was told to end waits for a cancel, but not for ever. */
async function cancelBriefly(handle: JobHandle): Promise<void> {
  await abortable(handle.cancel(), AbortSignal.timeout(CANCEL_MS)).catch(() => undefined);
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
