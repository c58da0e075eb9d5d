/**
 * Accuracy of federated training, measured: how many rounds to 93 % on even and two-class data,
 * and which rules survive which attacks. One line per cell; docs/federated-experiments.md has the
 * tables.
 *
 *   node scripts/federated-experiment.ts accuracy|attacks --train FILE.csv --test FILE.csv
 *     [--seeds 5] [--rules 'SPEC;SPEC'] [--attacks NAME,NAME] [--splits even,sorted] [--rounds N]
 *     [--uncentred] [--rate X] [--momentum X] [--keep X] [--epochs N] [--batch N] [--steps N]
 *     [--optimiser SPEC]
 *
 * The files are comma-separated rows with the class last, features 0..16 (UCI's optical digits).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { utf8 } from '../src/base/bytes.ts';
import { ChaChaWords } from '../src/crypto/portable/chacha20.ts';
import { sha256 } from '../src/crypto/portable/hash.ts';
import { ATTACK_NAMES, type AttackName, attackOf } from '../src/federated/attack/attack.ts';
import { Rehearsal, type RehearsalInit } from '../src/federated/attack/rehearsal.ts';
import { parseCsv } from '../src/federated/data/csv.ts';
import { type Dataset, spreadOf, standardised } from '../src/federated/data/dataset.ts';
import { evenly, fewClasses, sortedByLabel } from '../src/federated/data/partition.ts';
import { FRACTION_BITS_DEFAULT } from '../src/federated/fixed-point.ts';
import { accuracyOf, perceptron } from '../src/federated/model/model.ts';
import { parseOptimiser } from '../src/federated/optimiser/optimiser-text.ts';
import { parsePipeline } from '../src/federated/rule/rule-text.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    train: { type: 'string' },
    test: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    rules: { type: 'string', default: 'mean;bucket+centered-clip' },
    attacks: { type: 'string', default: ATTACK_NAMES.join(',') },
    rounds: { type: 'string' },
    rate: { type: 'string' },
    momentum: { type: 'string' },
    epochs: { type: 'string' },
    batch: { type: 'string' },
    steps: { type: 'string' },
    optimiser: { type: 'string' },
    keep: { type: 'string' },
    uncentred: { type: 'boolean', default: false },
    splits: { type: 'string', default: 'even,sorted' },
  },
});

function load(file: string | undefined): Dataset {
  if (file === undefined) throw new Error('--train FILE and --test FILE are needed');
  const parsed = parseCsv(readFileSync(file, 'utf8'));
  if (!parsed.ok) throw new Error(`${file}: ${parsed.detail}`);
  return parsed.value;
}

function required<T>(checked: { ok: true; value: T } | { ok: false; detail?: string }): T {
  if (!checked.ok) throw new Error(checked.detail);
  return checked.value;
}

const medianOf = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;
const percent = (share: number) => (100 * share).toFixed(1);
const raw = load(flags.train);
const spread = flags.uncentred ? { mean: 0, deviation: 16 } : spreadOf(raw);
const train = standardised(raw, spread);
const test = standardised(load(flags.test), spread);
const seeds = Array.from({ length: Number(flags.seeds) }, (_, seed) => seed + 1);
const model = perceptron(64, 64, 10);
const randomOf = (seed: number) => new ChaChaWords(sha256(utf8(`partition ${seed}`)));

const BASE = {
  model,
  data: train,
  fractionBits: FRACTION_BITS_DEFAULT,
  faulty: 0,
  attack: undefined,
  workerMomentum: 0,
};

/** First round at the target, or undefined; and the accuracy after the last. */
function race(init: RehearsalInit, rounds: number, target?: number) {
  const isRace = target !== undefined;
  const rehearsal = new Rehearsal(init);
  let reached: number | undefined;
  let accuracy = 0;
  for (let round = 1; round <= rounds; round++) {
    rehearsal.step();
    if (isRace || round === rounds) accuracy = accuracyOf(model, rehearsal.parameters, test);
    if (isRace && accuracy >= target) reached ??= round;
  }
  return { reached, accuracy };
}

function accuracy(): void {
  const limits = [
    ['even', 18],
    ['two classes per client', 80],
  ] as const;
  for (const [split, limit] of limits) {
    const results = seeds.map((seed) => {
      const random = randomOf(seed);
      const partition =
        split === 'even'
          ? evenly(train.labels.length, 100, random)
          : fewClasses(train.labels, { clients: 100, classes: 2, random });
      return race(
        {
          ...BASE,
          partition,
          perRound: 10,
          local: {
            epochs: 5,
            batch: 10,
            rate: Number(flags.rate ?? 0.2),
            momentum: Number(flags.momentum ?? 0),
            proximal: 0,
          },
          pipeline: required(parsePipeline('mean')),
          optimiser: required(parseOptimiser(flags.optimiser ?? 'fedavg')),
          seed,
        },
        Number(flags.rounds ?? limit),
        0.93,
      );
    });
    const rounds = results.map(({ reached }) => reached ?? Number.POSITIVE_INFINITY);
    console.log(
      `${split}: 93 % after ${rounds.join(', ')} rounds, median ${medianOf(rounds)} (limit ${limit}); ` +
        `at the end ${results.map((one) => percent(one.accuracy)).join(', ')} %`,
    );
  }
}

function attacks(): void {
  const [clients, faulty] = [25, 5];
  const names = flags.attacks.split(',') as AttackName[];
  for (const split of flags.splits.split(',')) {
    for (const name of names) {
      const cells = flags.rules.split(';').map((rule) => {
        const found = seeds.map((seed) => {
          const honest =
            split === 'even'
              ? evenly(train.labels.length, clients - faulty, randomOf(seed))
              : sortedByLabel(train.labels, clients - faulty);
          // Liars hold copies of honest clients' rows: nothing that the model needs goes with them.
          const liars = Array.from({ length: faulty }, (_, i) => honest[4 * i]!);
          const init = {
            ...BASE,
            partition: [...liars, ...honest],
            perRound: clients,
            local: {
              epochs: Number(flags.epochs ?? 1),
              batch: Number(flags.batch ?? 40),
              rate: Number(flags.rate ?? 0.1),
              momentum: Number(flags.momentum ?? 0),
              proximal: 0,
              stepsMax: Number(flags.steps ?? 1),
            },
            pipeline: required(parsePipeline(rule)),
            optimiser: required(parseOptimiser(flags.optimiser ?? 'fedavg')),
            workerMomentum: Number(flags.keep ?? 0.9),
            faulty,
            attack: attackOf(name),
            seed,
          };
          return race(init, Number(flags.rounds ?? 80)).accuracy;
        });
        return `${rule} ${percent(medianOf(found))} (${percent(Math.min(...found))} worst)`;
      });
      console.log(`${split} | ${name} | ${cells.join(' | ')}`);
    }
  }
}

if (positionals[0] === 'accuracy') accuracy();
else if (positionals[0] === 'attacks') attacks();
else throw new Error('accuracy or attacks?');
