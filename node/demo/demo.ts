/**
 * What the demo does, in order: start a swarm with one liar and one node that crashes, multiply two
 * matrices from `.npy` files, feed the product to a second job on the swarm as the crash left it,
 * render a picture, price an option, train a model on eight client processes of which two lie, and
 * check every certificate offline, from the files, as a stranger would.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asKadreError, KadreError } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/ports.ts';
import type { NdArray } from '../../src/kernel/nd-array.ts';
import { connect } from '../../src/sdk/connect.ts';
import type { JobResult, JobSummary, Swarm } from '../../src/sdk/types.ts';
import { writeFilesAtomic } from '../../src/store/atomic-file.ts';
import { verify } from '../../src/verify.ts';
import { formatBytes, formatTable } from '../cli/output.ts';
import { type Lab, type LabNode, startLab } from '../lab/lab.ts';
import type { Behaviour } from '../lab/lab-order.ts';
import { readArray, writeArray } from './array-file.ts';
import { type DemoJob, pictureJob, priceJob, productJob } from './demo-jobs.ts';
import { makeMatrix } from './matrices.ts';
import { type TrainingShown, trainingAct } from './training-act.ts';

export interface DemoWorld {
  readonly write: (line: string) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Where the picture is left. */
  readonly pictures: string;
}

const BEHAVIOURS: readonly (Behaviour | null)[] = [
  ...Array<null>(5).fill(null),
  'wrong-result',
  'crash',
];
const SIZE = 1024;
/** Shape of the second job's right-hand side: nothing is a multiple of anything. */
const NARROW = 333;
const SEED = 20;

interface Ran {
  readonly name: string;
  readonly summary: JobSummary;
  readonly certificateBytes: number;
  /** Undefined when everything about this job holds. */
  readonly problem: string | undefined;
}

/** True when everything that the last line says is so. Errors: whatever a job failed with. */
export async function runDemo({ write, log, signal, pictures }: DemoWorld): Promise<boolean> {
  const startedMs = performance.now();
  const step = (what: string, detail: string) => {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    write(`${seconds.padStart(5)} s  ${what.padEnd(7)} ${detail}`);
  };
  const folder = await mkdtemp(join(tmpdir(), 'kadre-demo-'));
  let lab: Lab | undefined;
  let swarm: Swarm | undefined;
  try {
    await writeInputs(folder);
    step('files', `A and B, ${SIZE} x ${SIZE} <f4, D, ${SIZE} x ${NARROW}, in ${folder}`);
    lab = await startLab({
      entry: fileURLToPath(new URL(`../lab/node-main.${EXTENSION}`, import.meta.url)),
      behaviours: BEHAVIOURS,
      seed: SEED,
      logLevel: 'error',
      log,
      signal,
    });
    const liar = nodeWith(lab, 'wrong-result');
    const crasher = nodeWith(lab, 'crash');
    step('swarm', `${lab.nodes.length} node processes on loopback`);
    step('', `liar ${liar.peerId}: flips a bit of every result it computes`);
    step('', `crash ${crasher.peerId}: ends after its first seal`);
    swarm = await connect({ network: lab.networkFile, signal });
    const place = { swarm, folder, step, signal };
    const first = await runJob(productJob('C', 'A', 'B'), place);
    const isGone = !isRunning(crasher.pid);
    step(
      'crash',
      `process ${crasher.pid} ${isGone ? 'is gone, and was not missed' : 'still runs'}`,
    );
    const second = await runJob(productJob('E', 'C', 'D'), place);
    await mkdir(pictures, { recursive: true });
    const third = await runJob(pictureJob('M', join(pictures, 'mandelbrot.png')), place);
    const fourth = await runJob(priceJob('P'), place);
    const { networkFile } = lab;
    const training = await trainingAct({ networkFile, folder, step, signal });
    const survived = isGone ? 1 : 0;
    return close([first, second, third, fourth], { training, liar, survived, write });
  } finally {
    await swarm?.close().catch(() => undefined);
    await lab?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

async function writeInputs(folder: string): Promise<void> {
  await writeArray(join(folder, 'A.npy'), makeMatrix(SIZE, SIZE, 1));
  await writeArray(join(folder, 'B.npy'), makeMatrix(SIZE, SIZE, 2));
  await writeArray(join(folder, 'D.npy'), makeMatrix(SIZE, NARROW, 3));
}

interface Place {
  readonly swarm: Swarm;
  readonly folder: string;
  readonly step: (what: string, detail: string) => void;
  readonly signal: AbortSignal;
}

/** One job from files to files, which alone are looked at afterwards. */
async function runJob(wanted: DemoJob, place: Place): Promise<Ran> {
  const { kernel, name, what, work } = wanted;
  const { swarm, folder, step, signal } = place;
  const inputs: Record<string, NdArray> = {};
  for (const [input, file] of Object.entries(wanted.inputs)) {
    inputs[input] = await readArray(join(folder, `${file}.npy`));
  }
  const job = await swarm.submit(kernel, { ...work, inputs }, { signal });
  step('job', `${what}: ${kernel}, ${work.shards} shards, id ${job.id.slice(0, 16)}`);
  const { outputs, certificate, summary } = await job.result({ signal });
  await keep(join(folder, name), outputs[wanted.output], certificate);
  const ms = Math.round(summary.ms.total);
  step('done', `${name}: ${Object.keys(summary.workers).length} workers agree, ${ms} ms`);
  const file = new Uint8Array(await readFile(join(folder, `${name}.kadre`)));
  const output = await readArray(join(folder, `${name}.npy`));
  let problem: string | undefined;
  try {
    const expected = { inputs, outputs: { [wanted.output]: output }, jobId: job.id };
    const verdict = await verify(file, expected);
    if (!verdict.valid) {
      throw new KadreError({ code: 'CERTIFICATE_INVALID' }, `${verdict.reason}: ${verdict.detail}`);
    }
    step('verify', `${name}.kadre is valid offline; ${await wanted.judge(output, inputs)}`);
  } catch (cause) {
    problem = asKadreError(cause, 'INTERNAL', 'the check failed').message;
    step('verify', problem);
  }
  return { name: what, summary, certificateBytes: file.length, problem };
}

/** `file`: without its ending. */
async function keep(
  file: string,
  output: JobResult['outputs'][string] | undefined,
  certificate: Uint8Array | null,
): Promise<void> {
  if (output === undefined || certificate === null) {
    throw new KadreError({ code: 'INTERNAL' }, 'the job gave no output or no certificate');
  }
  await writeArray(`${file}.npy`, output);
  await writeFilesAtomic([{ file: `${file}.kadre`, parts: [certificate] }]);
}

/** The table and the last line. */
function close(
  jobs: readonly Ran[],
  shown: {
    readonly training: TrainingShown;
    readonly liar: LabNode;
    readonly survived: number;
    readonly write: DemoWorld['write'];
  },
): boolean {
  const { training, liar, survived, write } = shown;
  const lies = jobs.flatMap(({ summary }) =>
    summary.disputes.filter(({ kind }) => kind === 'wrong-result'),
  );
  const isNamed = lies.length > 0 && lies.every(({ peer }) => peer === liar.peerId);
  const count = jobs.length + training.rounds;
  const held = jobs.filter(({ problem }) => problem === undefined).length;
  const verified = held + training.verified;
  const rows = jobs.map(({ name, summary, certificateBytes }) => [
    name,
    String(summary.shards),
    String(Object.keys(summary.workers).length),
    String(Math.round(summary.ms.total)),
    formatBytes(certificateBytes),
    disputeCounts(summary),
  ]);
  const head = ['job', 'shards', 'workers', 'ms', 'certificate', 'disputes'];
  for (const line of ['', ...formatTable([head, ...rows]), '']) write(line);
  if (!isNamed) write(`not shown: ${liar.peerId} lied, and is not the one named`);
  for (const { name, problem } of jobs) if (problem !== undefined) write(`${name}: ${problem}`);
  if (training.problem !== undefined) write(`training: ${training.problem}`);
  const named = isNamed ? `liar ${liar.peerId} named` : 'liar not named';
  // Unlike English, the line has one form for every number: programs read it.
  const crashes = `${survived} crashes survived`;
  write(`demo: ${count} jobs, ${verified} certificates verified, ${named}, ${crashes}`);
  const isTrained = training.problem === undefined;
  return isNamed && survived === 1 && isTrained && verified === count;
}

function disputeCounts({ disputes }: JobSummary): string {
  const counts = new Map<string, number>();
  for (const { kind } of disputes) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const texts = [...counts].map(([kind, count]) => `${count} ${kind}`);
  return texts.length === 0 ? 'none' : texts.join(', ');
}

function nodeWith({ nodes }: Lab, behaviour: Behaviour): LabNode {
  const node = nodes.find((one) => one.behaviour === behaviour);
  if (node === undefined) throw new Error(`bug: no lab node is ${behaviour}`);
  return node;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
