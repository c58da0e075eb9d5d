/** The training verbs: their rows in the table of verbs. */
import { ROUNDS_MAX } from '../../src/federated/round/training-plan.ts';
import { UPDATES_MAX } from '../../src/federated/rule/pipeline.ts';
import { LYING_WAYS } from '../../src/sdk/lying-client.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import type { Verb } from './command.ts';
import type { OptionRow } from './option-table.ts';
import { BOOTSTRAP_OPTION } from './resolve-node.ts';

const text = (name: string, placeholder: string, why: string, rest = {}): OptionRow => {
  return { name, kind: 'text', placeholder, why, ...rest };
};
const count = (
  name: string,
  range: readonly [min: number, max: number],
  why: string,
  rest = {},
): OptionRow => {
  return { name, kind: 'integer', placeholder: 'N', min: range[0], max: range[1], why, ...rest };
};
const seconds = (name: string, fallback: number, why: string): OptionRow => {
  const range = { min: 0.01, max: 86_400, default: fallback, unit: 's' };
  return { name, kind: 'seconds', placeholder: 'SECONDS', ...range, why };
};
const file = (name: string, why: string): OptionRow => {
  return { name, kind: 'path', placeholder: 'FILE', why };
};

/** Here `--data` are rows, so the data directory has a name of its own. */
const DIRECTORY_OPTION: OptionRow = {
  name: 'data-dir',
  kind: 'path',
  placeholder: 'DIR',
  default: 'KADRE_DATA, then ~/.kadre',
  why: 'the data directory, where trainings are kept to be resumed',
};
const PLACE_OPTIONS: readonly OptionRow[] = [BOOTSTRAP_OPTION, DIRECTORY_OPTION];

/** Rows of data, in whichever of three forms. */
const DATA_OPTIONS: readonly OptionRow[] = [
  file('data', 'rows: comma-separated with the label last, or .npy or IDX features with --labels'),
  file('labels', 'labels of --data, as .npy or IDX'),
];

const LISTEN_OPTION = text('listen', 'MULTIADDR', 'where clients reach this coordinator', {
  multiple: true,
  default: '/ip4/0.0.0.0/tcp/0',
});

const START_OPTIONS: readonly OptionRow[] = [
  text('model', 'SPEC', 'logreg, mlp:hidden=64, or cnn:filters=8,height=8,width=8', {
    default: 'mlp',
  }),
  ...DATA_OPTIONS,
  count('rounds', [1, ROUNDS_MAX], 'rounds in all', { default: 10 }),
  count('clients', [1, UPDATES_MAX], 'seats for clients', { default: 4 }),
  text('codec', 'SPEC', 'how updates are compressed, e.g. q4 or topk:keep=1%', { default: 'q8' }),
  text('aggregator', 'SPEC', 'how they are combined, e.g. mean or multi-krum:faulty=2', {
    default: 'bucket+centered-clip',
  }),
  text('optimiser', 'SPEC', 'what the aggregate does to the model, e.g. nesterov', {
    default: 'fedavg',
  }),
  count('quorum', [1, UPDATES_MAX], 'fewest updates of a round', {
    default: 'two thirds of the clients',
  }),
  count('faulty', [0, UPDATES_MAX], 'liars among a quorum that the rule must withstand', {
    default: 0,
  }),
  count('replicas', [1, LIMITS.replicasMax], "workers that aggregate each round's updates", {
    default: 3,
  }),
  count('agree', [1, LIMITS.replicasMax], 'workers that must agree on the aggregate', {
    default: 2,
  }),
  count('cadre', [1, LIMITS.cadreSeatsMax], 'committee seats of each round', { default: 4 }),
  count('epochs', [1, 1000], 'passes over its rows that a client makes in a round', { default: 1 }),
  count('batch', [1, 65_536], 'rows of one local step', { default: 32 }),
  { name: 'rate', kind: 'number', placeholder: 'X', default: 0.1, why: 'length of a local step' },
  { name: 'momentum', kind: 'number', placeholder: 'X', default: 0, why: 'of local steps' },
  seconds('round-deadline', 60, 'how long a silent client may delay a round'),
  seconds('wait-clients', 60, 'how long the first round waits for a quorum of clients'),
  seconds('wait-peers', 10, "how long each round's job looks for capable peers"),
  file('init', 'first parameters, as .safetensors; default: drawn'),
  file('out', 'where the model goes, as .safetensors'),
  file('chain', 'where the chain of certified rounds goes'),
  file('report', 'where a picture of the training goes at its end, as .svg'),
  file('keep-updates', 'a folder for what `train replay` needs'),
  text('resume', 'ID', 'go on with a training of this data directory; its plan stands'),
  LISTEN_OPTION,
  ...PLACE_OPTIONS,
];

const TRAINING = { name: 'ID', why: 'a training: the 64 hex digits that `train start` prints' };

export const TRAIN_VERBS: readonly Verb[] = [
  {
    name: 'train start',
    summary: 'Coordinate a training: clients join, every round is aggregated by a certified job.',
    options: START_OPTIONS,
    positionals: [],
    example: 'train start --model mlp --data rows.csv --rounds 20 --clients 8 --out m.safetensors',
    load: async () => (await import('../commands/train/start.ts')).trainStart,
  },
  {
    name: 'train join',
    summary: 'Take part in a training with rows that stay here, until it ends.',
    options: [
      ...DATA_OPTIONS,
      text('attack', 'NAME', 'lie, to see whether the rule withstands it', {
        choices: LYING_WAYS,
      }),
      seconds('wait-peers', 60, 'how long to look for the coordinator'),
      ...PLACE_OPTIONS,
    ],
    positionals: [TRAINING],
    example: 'train join 5e0c... --data mine.csv --network lab.json',
    load: async () => (await import('../commands/train/join.ts')).trainJoin,
  },
  {
    name: 'train status',
    summary: 'Where a training stands, as its coordinator tells it.',
    options: [seconds('wait-peers', 10, 'how long to look for the coordinator'), ...PLACE_OPTIONS],
    positionals: [TRAINING],
    load: async () => (await import('../commands/train/status.ts')).trainStatus,
  },
  {
    name: 'train replay',
    summary: 'Compute a training again from its updates: the same bits, or exit 6.',
    options: [file('updates', 'the folder that `train start --keep-updates` wrote')],
    positionals: [{ name: 'CHAIN', why: 'a chain of rounds (.kadre)' }],
    example: 'train replay chain.kadre --updates kept',
    load: async () => (await import('../commands/train/replay.ts')).trainReplay,
  },
];
