/**
 * The demo's training: eight client processes, each with rows of its own that are unlike the
 * others', two of them liars; every round aggregated by a certified job, the whole chain checked
 * from its file, and computed again from the updates.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { accuracyOf } from '../../src/federated/model/model.ts';
import { parseModel } from '../../src/federated/model/model-text.ts';
import { aggregateRound } from '../../src/federated/round/aggregate-round.ts';
import { type OpenChain, openChain } from '../../src/federated/round/check-chain.ts';
import { replayChain } from '../../src/federated/round/replay-chain.ts';
import { modelOfState } from '../../src/federated/round/round-state.ts';
import { parametersOf } from '../../src/federated/round/training-plan.ts';
import { verifyChain } from '../../src/federated/round/verify-chain.ts';
import { datasetFor } from '../../src/sdk/built-in-training.ts';
import { connect } from '../../src/sdk/connect.ts';
import type { LyingWay } from '../../src/sdk/lying-client.ts';
import type { TrainedRound, Training } from '../../src/sdk/train.ts';
import { formatBytes } from '../cli/output.ts';
import { makeRows, rowsText } from './training-rows.ts';

export interface TrainingPlace {
  readonly networkFile: string;
  readonly folder: string;
  readonly step: (what: string, detail: string) => void;
  readonly signal: AbortSignal;
}

export interface TrainingShown {
  readonly rounds: number;
  /** Rounds whose certificates hold, in their chain. */
  readonly verified: number;
  /** Undefined when all that was to be shown is so. */
  readonly problem: string | undefined;
}

const HONEST = 6;
const LIES: readonly LyingWay[] = ['sign-flip', 'huge'];
const CLIENTS = HONEST + LIES.length;
const ROUNDS = 5;
const ROWS = 240;
const TEST_ROWS = 1000;
/** What any rule reaches without liars, less a margin; guessing gives 0.1. */
const ACCURACY_MIN = 0.75;
const MAIN = fileURLToPath(
  new URL(`../main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

const OPTIONS = {
  model: 'mlp:hidden=64',
  rounds: ROUNDS,
  clients: CLIENTS,
  quorum: CLIENTS,
  faulty: LIES.length,
  codec: 'q4',
  aggregator: 'centered-clip',
  epochs: 4,
  batch: 20,
  rate: 0.1,
};

const percent = (share: number | undefined): string => `${(100 * (share ?? 0)).toFixed(1)} %`;

export async function trainingAct(place: TrainingPlace): Promise<TrainingShown> {
  const { networkFile, folder, step, signal } = place;
  const data = makeRows(TEST_ROWS);
  const listen = ['/ip4/127.0.0.1/tcp/0'];
  const processes: ChildProcess[] = [];
  await using swarm = await connect({ network: networkFile, listen, signal });
  await using training = await swarm.train({ ...OPTIONS, data, signal });
  const { accuracy: before, state: first } = training;
  const liars = LIES.join(' and ');
  step('train', `${OPTIONS.model} on ${CLIENTS} client processes, ${LIES.length} lie: ${liars}`);
  try {
    for (let i = 0; i < CLIENTS; i++) processes.push(await joinAs(i, training.id, place));
    const rounds: TrainedRound[] = [];
    for await (const round of training) {
      rounds.push(round);
      tellRound(step, round);
    }
    return await judge({ training, rounds, first, before }, { folder, step });
  } finally {
    for (const child of processes) child.kill('SIGTERM');
  }
}

async function joinAs(
  i: number,
  id: string,
  { folder, networkFile }: TrainingPlace,
): Promise<ChildProcess> {
  const file = join(folder, `rows-${i}.csv`);
  await writeFile(file, rowsText(makeRows(ROWS, i)));
  const lie = LIES[i - HONEST];
  const words = ['train', 'join', id, '--network', networkFile, '--data', file];
  const attack = lie === undefined ? [] : ['--attack', lie];
  const env = { ...process.env, KADRE_DATA: join(folder, `client-${i}`) };
  return spawn(process.execPath, [MAIN, ...words, ...attack], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function tellRound(step: TrainingPlace['step'], round: TrainedRound): void {
  const { bytes, clients, accuracy } = round;
  const sent = `${formatBytes(bytes.up)} of updates, ${(bytes.dense / bytes.up).toFixed(1)}x less`;
  const who = `${clients.length} signed updates`;
  step('round', `${round.round + 1} of ${ROUNDS}: ${who}, ${sent}; ${percent(accuracy)} right`);
}

interface Trained {
  readonly training: Training;
  readonly rounds: readonly TrainedRound[];
  /** Before the first round. */
  readonly first: Int32Array;
  readonly before: number | undefined;
}

/** From the file, as a stranger would. */
async function judge(
  trained: Trained,
  { folder, step }: Pick<TrainingPlace, 'folder' | 'step'>,
): Promise<TrainingShown> {
  const { training, rounds, first, before } = trained;
  const file = join(folder, 'training.kadre');
  await writeFile(file, training.chain());
  const chain = new Uint8Array(await readFile(file));
  const { state, model } = rounds.at(-1)!;
  const verdict = verifyChain(chain, { state, model, training: training.id });
  const opened = openChain(chain);
  if (!verdict.valid || !opened.ok) return failed(verdict.valid ? 'no chain' : verdict.detail);
  const updatesOf = async (round: number) => rounds[round]?.updates;
  const replayed = await replayChain(opened.value, { state: first, updatesOf });
  if (!replayed.ok) return failed(`the replay: ${replayed.detail ?? replayed.reason}`);
  step('verify', `training.kadre: ${verdict.rounds} certified rounds hold offline; computed again`);
  step('', 'from the updates they give the same bits');
  const accuracy = training.accuracy ?? 0;
  const mean = accuracyByMean(opened.value, trained);
  step('', `${percent(before)} right before, ${percent(accuracy)} after ${ROUNDS} rounds`);
  step('', `the mean of the last round's updates, lies included: ${percent(mean)}`);
  const isGood = accuracy >= ACCURACY_MIN && mean < accuracy;
  const problem = isGood ? undefined : `${percent(accuracy)} right, ${percent(mean)} by the mean`;
  return { rounds: ROUNDS, verified: verdict.rounds, problem };
}

const failed = (problem: string): TrainingShown => ({ rounds: ROUNDS, verified: 0, problem });

/** What the last round would have ended in without a rule against liars. */
function accuracyByMean({ training, rounds: certified }: OpenChain, trained: Trained): number {
  const { plan, id, first } = training;
  const { record } = certified.at(-1)!;
  const state = trained.rounds.at(-2)?.state ?? trained.first;
  const { updates } = trained.rounds.at(-1)!;
  const parameters = { ...parametersOf(plan, id, record), rule: 'mean' };
  const inputs = { schema: plan.schema, state, statements: record.statements, updates };
  const outcome = aggregateRound(parameters, inputs);
  if (!outcome.ok) throw new Error(`bug: the mean of a round is refused: ${outcome.reason}`);
  const { elements } = first.context.schema;
  const parsed = parseModel(plan.model, plan.features, plan.classes);
  if (!parsed.ok) throw new Error(`bug: no model ${plan.model}`);
  const values = modelOfState(outcome.value.state, elements, plan.fractionBits);
  return accuracyOf(parsed.value.model, values, datasetFor(plan, makeRows(TEST_ROWS)));
}
