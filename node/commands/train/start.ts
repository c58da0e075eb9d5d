/**
 * `kadre train start`: coordinates a training to its end. Each round is written down before the
 * next one opens; `--resume` goes on after any crash.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '../../../src/base/bytes.ts';
import { KadreError } from '../../../src/base/errors.ts';
import { generateSeed } from '../../../src/crypto/node/keys.ts';
import { sizeOf } from '../../../src/federated/codec/schema.ts';
import { readModel, writeModel } from '../../../src/federated/model/model-file.ts';
import { parseModel } from '../../../src/federated/model/model-text.ts';
import { loadNetwork, requireBootstrap } from '../../../src/sdk/load-network.ts';
import type { TrainedRound, Training, TrainOptions } from '../../../src/sdk/train.ts';
import type { ConnectOptions } from '../../../src/sdk/types.ts';
import { writeFilesAtomic } from '../../../src/store/atomic-file.ts';
import type { Command, CommandContext } from '../../cli/command.ts';
import { formatBytes } from '../../cli/output.ts';
import type { Arguments } from '../../cli/parse-arguments.ts';
import { checkTarget } from '../../cli/resolve-node.ts';
import { dataDirOf, loadConfiguration, networkOf } from '../../config.ts';
import { Checkpoint, type SavedTraining, stateFile } from './checkpoint.ts';
import { Course } from './course.ts';
import { readBytes, readDataset } from './dataset-file.ts';
import { trainingReport } from './training-report.ts';

const LISTEN = ['/ip4/0.0.0.0/tcp/0'];

export const trainStart: Command = async (context) => {
  const { arguments: given, env, wiring, signal } = context;
  const resume = given.text('resume');
  const dataDir = dataDirOf(inPlace(given), env);
  const saved = resume === undefined ? undefined : await new Checkpoint(dataDir, resume).load();
  const options = await trainOptions(given, saved);
  const identitySeed = saved?.identitySeed ?? generateSeed();
  const listen = given.list('listen').length > 0 ? given.list('listen') : LISTEN;
  const target = await trainTarget(context);
  await using swarm = await wiring.connect({ ...target, identitySeed, listen });
  await using training = await swarm.train({ ...options, signal });
  const checkpoint = new Checkpoint(dataDir, training.id);
  if (saved === undefined) await checkpoint.begin(identitySeed, training);
  await keepFirstState(given, training);
  announce(context, training, swarm.peerId);
  const course = new Course(context.output.stderr, training);
  let last: TrainedRound | undefined;
  for await (const round of training) {
    await checkpoint.save(training, round.round + 1);
    await keepUpdates(given, round);
    course.take(round, () => tellRound(context, round, training));
    last = round;
  }
  await writeResults(given, training, last);
  await writeReport(given, training, course);
  tellEnd(context, training);
  return 0;
};

/** Which swarm to be a peer of. Errors: USAGE, BAD_CONFIG, NOT_ENOUGH_PEERS. */
export async function trainTarget(context: CommandContext): Promise<ConnectOptions> {
  checkTarget(context);
  const { arguments: given, env, signal } = context;
  const network = networkOf(await loadConfiguration(inPlace(given), env), env);
  const bootstrap = given.list('bootstrap');
  const file = await loadNetwork(network);
  if (bootstrap.length > 0) return { bootstrap, network, signal };
  requireBootstrap(file);
  return { network, signal };
}

/** `--data` are rows here: the data directory is `--data-dir`. */
const inPlace = (given: Arguments): Arguments => given.moved('data-dir', 'data');

async function trainOptions(
  given: Arguments,
  saved: SavedTraining | undefined,
): Promise<TrainOptions> {
  const ms = (name: string, fallback: number) =>
    Math.round(1000 * (given.number(name) ?? fallback));
  const model = given.text('model') ?? 'mlp';
  const data = saved === undefined || given.has('data') ? await readDataset(given) : undefined;
  const init = given.text('init');
  return {
    model,
    ...(data && { data }),
    ...(init !== undefined && data && { initial: await readInitial(init, model, data) }),
    ...(saved && { resume: saved }),
    rounds: given.number('rounds') ?? 10,
    clients: given.number('clients') ?? 4,
    codec: given.text('codec'),
    aggregator: given.text('aggregator'),
    optimiser: given.text('optimiser'),
    quorum: given.number('quorum'),
    faulty: given.number('faulty'),
    replicas: given.number('replicas'),
    agree: given.number('agree'),
    cadre: given.number('cadre'),
    epochs: given.number('epochs'),
    batch: given.number('batch'),
    rate: given.number('rate'),
    momentum: given.number('momentum'),
    deadlineMs: ms('round-deadline', 60),
    waitClientsMs: ms('wait-clients', 60),
    waitPeersMs: ms('wait-peers', 10),
  };
}

async function readInitial(
  file: string,
  text: string,
  { featureCount, classCount }: { readonly featureCount: number; readonly classCount: number },
): Promise<Float32Array> {
  const named = parseModel(text, featureCount, classCount);
  if (!named.ok) throw new KadreError({ code: 'USAGE' }, `--model: ${named.detail}`);
  const read = readModel(named.value.model, await readBytes(file));
  if (read.ok) return read.value;
  throw new KadreError({ code: 'MALFORMED_FILE' }, `${file}: ${read.detail ?? read.reason}`);
}

async function keepFirstState(given: Arguments, training: Training): Promise<void> {
  const folder = given.text('keep-updates');
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  if (!given.has('resume')) {
    await writeFilesAtomic([stateFile(join(folder, 'state.npy'), training)]);
  }
}

async function keepUpdates(given: Arguments, { round, updates }: TrainedRound): Promise<void> {
  const folder = given.text('keep-updates');
  if (folder === undefined) return;
  await writeFilesAtomic([{ file: join(folder, `round-${round}.updates`), parts: [updates] }]);
}

async function writeResults(
  given: Arguments,
  training: Training,
  last: TrainedRound | undefined,
): Promise<void> {
  const [out, chain] = [given.text('out'), given.text('chain')];
  const files = [];
  if (out !== undefined && last !== undefined) {
    const metadata = { training: training.id, rounds: String(last.round + 1) };
    files.push({ file: out, parts: [writeModel(training, last.model, metadata)] });
  }
  if (chain !== undefined) files.push({ file: chain, parts: [training.chain()] });
  await writeFilesAtomic(files);
}

async function writeReport(given: Arguments, { id }: Training, course: Course): Promise<void> {
  const file = given.text('report');
  if (file === undefined) return;
  const { measured, rounds } = course;
  const [model, codec] = [given.text('model') ?? 'mlp', given.text('codec') ?? 'q8'];
  const title = given.has('resume') ? 'Resumed training' : `Training of ${model} by ${codec}`;
  const drawn = trainingReport({ id, title, measured, rounds });
  await writeFilesAtomic([{ file, parts: [utf8(drawn)] }]);
}

function announce({ output }: CommandContext, training: Training, peerId: string): void {
  const { id, rounds, accuracy, tensors } = training;
  const parameters = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  const measured = { accuracy: accuracy ?? null, loss: training.loss ?? null };
  const facts = { id, peerId, rounds, parameters, ...measured };
  output.result({ v: 1, event: 'ready', ...facts } as { v: 1 }, () => [
    `training ${id}`,
    `${parameters} parameters, ${rounds} rounds${percent(accuracy)}`,
    `join: kadre train join ${id} --data FILE`,
  ]);
}

const percent = (accuracy: number | undefined): string =>
  accuracy === undefined ? '' : `, ${(100 * accuracy).toFixed(1)} % right`;

function tellRound({ output }: CommandContext, round: TrainedRound, { rounds }: Training): void {
  const { clients, refused, bytes, jobId, accuracy, loss, ms } = round;
  const measured = { accuracy: accuracy ?? null, loss: loss ?? null };
  const facts = { round: round.round, clients, refused, bytes, jobId, ...measured };
  const rounded = { collect: Math.round(ms.collect), aggregate: Math.round(ms.aggregate) };
  output.result({ v: 1, event: 'round', ...facts, ms: rounded } as { v: 1 }, () => {
    const less = (bytes.dense / bytes.up).toFixed(1);
    const sent = `${formatBytes(bytes.up)} up, ${less}x less`;
    const others = refused.map(({ peer, reason }) => `  refused ${peer}: ${reason}`);
    const count = `${clients.length} clients`;
    return [
      `round ${round.round + 1} of ${rounds}: ${count}, ${sent}, certified${percent(accuracy)}`,
      ...others,
    ];
  });
}

function tellEnd({ arguments: given, output }: CommandContext, training: Training): void {
  const { id, rounds, accuracy } = training;
  const [out = null, chain = null] = [given.text('out'), given.text('chain')];
  const report = given.text('report') ?? null;
  const measured = { accuracy: accuracy ?? null, loss: training.loss ?? null };
  const facts = { id, rounds, ...measured, out, chain, report };
  output.result({ v: 1, event: 'done', ...facts } as { v: 1 }, () => [
    `done: ${rounds} rounds certified${percent(accuracy)}`,
    ...(chain === null ? [] : [`check it: kadre verify ${chain}`]),
  ]);
}
