/**
 * `npm run train:results -- [accuracy|attacks|compression ...] --train FILE --test FILE`: what
 * federated training reaches, measured and held against its bars; exit 1 when one is missed. Rounds
 * to an accuracy on even and two-class data, rules under attack, accuracy behind compressed
 * updates. docs/federated-experiments.md has the tables and the data they came from.
 *
 *   [--seeds 5] [--rules 'SPEC;SPEC'] [--attacks NAME,NAME] [--splits even,sorted]
 *   [--codecs 'SPEC;SPEC'] [--rounds N] [--uncentred]
 *
 * The files are comma-separated rows of numbers with the class last.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { utf8 } from '../src/base/bytes.ts';
import { ChaChaWords } from '../src/crypto/portable/chacha20.ts';
import { sha256 } from '../src/crypto/portable/hash.ts';
import { ATTACK_NAMES, type AttackName, attackOf } from '../src/federated/attack/attack.ts';
import { Rehearsal, type RehearsalInit } from '../src/federated/attack/rehearsal.ts';
import type { Traffic } from '../src/federated/attack/rehearsed-codec.ts';
import { parseCsv } from '../src/federated/data/csv.ts';
import { type Dataset, spreadOf, standardised } from '../src/federated/data/dataset.ts';
import { evenly, fewClasses, sortedByLabel } from '../src/federated/data/partition.ts';
import { FRACTION_BITS_DEFAULT } from '../src/federated/fixed-point.ts';
import { accuracyOf, perceptron } from '../src/federated/model/model.ts';
import { parseOptimiser } from '../src/federated/optimiser/optimiser-text.ts';
import { parsePipeline } from '../src/federated/rule/rule-text.ts';

const PARTS = { accuracy, attacks, compression };
/** Buckets, then clipping around the last certified aggregate: src/federated/rule/pipeline.ts. */
const DEFAULT_RULE = 'bucket+centered-clip';
const ATTACK_BAR = 0.85;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    train: { type: 'string' },
    test: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    rules: { type: 'string', default: `mean;${DEFAULT_RULE}` },
    attacks: { type: 'string', default: ATTACK_NAMES.join(',') },
    splits: { type: 'string', default: 'even,sorted' },
    codecs: { type: 'string' },
    rounds: { type: 'string' },
    uncentred: { type: 'boolean', default: false },
  },
});

function load(file: string | undefined): Dataset {
  if (file === undefined) throw new Error('--train FILE and --test FILE are needed');
  const path = resolve(process.env.INIT_CWD ?? '.', file);
  return required(parseCsv(readFileSync(path, 'utf8')), path);
}

function required<T>(checked: { ok: true; value: T } | { ok: false; detail?: string }, of = ''): T {
  if (!checked.ok) throw new Error(`${of} ${checked.detail}`);
  return checked.value;
}

const medianOf = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;
const percent = (share: number) => (100 * share).toFixed(1);
const percents = (list: readonly number[]) => list.map(percent).join(', ');
const write = (line: string) => process.stdout.write(`${line}\n`);
const raw = load(flags.train);
const spread = flags.uncentred ? { mean: 0, deviation: 16 } : spreadOf(raw);
const train = standardised(raw, spread);
const test = standardised(load(flags.test), spread);
const seeds = Array.from({ length: Number(flags.seeds) }, (_, seed) => seed + 1);
const rows = train.labels.length;
const model = perceptron(train.features.length / rows, 64, 1 + Math.max(...train.labels));
const randomOf = (seed: number) => new ChaChaWords(sha256(utf8(`partition ${seed}`)));

/** Both papers' setting: 5 local epochs, batch 10, step length 0.2, weighted mean. */
const BASE = {
  model,
  data: train,
  fractionBits: FRACTION_BITS_DEFAULT,
  faulty: 0,
  attack: undefined,
  workerMomentum: 0,
  local: { epochs: 5, batch: 10, rate: 0.2, momentum: 0, proximal: 0 },
  pipeline: required(parsePipeline('mean')),
  optimiser: required(parseOptimiser('fedavg')),
};

/** Accuracy after each of `rounds` rounds, or only after the last. */
function run(init: RehearsalInit, rounds: number, each: boolean) {
  const rehearsal = new Rehearsal(init);
  const accuracies: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    rehearsal.step();
    if (each || round === rounds) accuracies.push(accuracyOf(model, rehearsal.parameters, test));
  }
  return { accuracies, last: accuracies.at(-1)!, traffic: rehearsal.traffic };
}

let missed = 0;
/** One line, and whether a bar was reached; undefined: there is none. */
function report(line: string, isReached?: boolean): void {
  if (isReached === false) missed += 1;
  write(isReached === undefined ? line : `${line} | ${isReached ? 'reached' : 'MISSED'}`);
}

/** 100 clients, 10 a round: the first round at 93 %. */
function accuracy(): void {
  const splits = [
    ['even', 18],
    ['two classes per client', 80],
  ] as const;
  for (const [split, limit] of splits) {
    const results = seeds.map((seed) => {
      const random = randomOf(seed);
      const partition =
        split === 'even'
          ? evenly(rows, 100, random)
          : fewClasses(train.labels, { clients: 100, classes: 2, random });
      const init = { ...BASE, partition, perRound: 10, seed };
      return run(init, Number(flags.rounds ?? limit), true).accuracies;
    });
    const first = results.map((list) => 1 + list.findIndex((one) => one >= 0.93) || Infinity);
    report(
      `${split} | 93 % after ${first.join(', ')} rounds, median ${medianOf(first)} | ` +
        `bar ${limit} | at the end ${percents(results.map((list) => list.at(-1)!))}`,
      medianOf(first) <= limit,
    );
  }
}

/** 25 clients, 5 of them lying in every round. */
function attacks(): void {
  for (const split of flags.splits.split(',')) {
    for (const name of flags.attacks.split(',') as AttackName[]) {
      for (const rule of flags.rules.split(';')) {
        const found = seeds.map((seed) => underAttack({ split, name, rule, seed }));
        const median = medianOf(found);
        // `collude` is harder than the list that the bar is for, and known to break the rule.
        const hasBar = rule === DEFAULT_RULE && name !== 'collude';
        report(
          `${split} | ${name} | ${rule} | median ${percent(median)}, worst ${percent(Math.min(...found))}`,
          hasBar ? median > ATTACK_BAR : undefined,
        );
      }
    }
  }
}

interface Cell {
  readonly split: string;
  readonly name: AttackName;
  readonly rule: string;
  readonly seed: number;
}

function underAttack({ split, name, rule, seed }: Cell): number {
  const [clients, faulty] = [25, 5];
  const honest =
    split === 'even'
      ? evenly(rows, clients - faulty, randomOf(seed))
      : sortedByLabel(train.labels, clients - faulty);
  // Liars hold copies of honest clients' rows: nothing that the model needs goes with them.
  const liars = Array.from({ length: faulty }, (_, i) => honest[4 * i]!);
  const init = {
    ...BASE,
    partition: [...liars, ...honest],
    perRound: clients,
    local: { epochs: 1, batch: 40, rate: 0.1, momentum: 0, proximal: 0, stepsMax: 1 },
    pipeline: required(parsePipeline(rule)),
    workerMomentum: 0.9,
    faulty,
    attack: attackOf(name),
    seed,
  };
  return run(init, Number(flags.rounds ?? 80), false).last;
}

interface CompressionBar {
  readonly codec: string;
  /** Payload bits against binary32. */
  readonly ratio: number;
  /** Largest loss of accuracy against whole updates, median of the seeds. */
  readonly loss: number;
  readonly rounds: number;
}

const COMPRESSION_BARS: readonly CompressionBar[] = [
  { codec: 'q8', ratio: 3, loss: 0.005, rounds: 100 },
  { codec: 'topk:keep=1%,values=2', ratio: 250, loss: 0.015, rounds: 100 },
  { codec: 'powersgd:rank=1', ratio: 30, loss: 0.005, rounds: 200 },
];

/** 100 clients with even data, 10 a round, each with error feedback of its own. */
function compression(): void {
  const whole = new Map<number, number[]>();
  for (const bar of barsFor(flags.codecs?.split(';'))) {
    const rounds = Number(flags.rounds ?? bar.rounds);
    const inits = seeds.map((seed) => {
      return { ...BASE, partition: evenly(rows, 100, randomOf(seed)), perRound: 10, seed };
    });
    if (!whole.has(rounds)) {
      whole.set(
        rounds,
        inits.map((init) => run(init, rounds, false).last),
      );
      report(`whole updates | ${rounds} rounds | ${percents(whole.get(rounds)!)}`);
    }
    const found = inits.map((init) => run({ ...init, codec: bar.codec }, rounds, false));
    const losses = found.map(({ last }, i) => whole.get(rounds)![i]! - last);
    const { payload, message } = ratiosOf(found[0]!.traffic!);
    const isReached = payload >= bar.ratio && medianOf(losses) <= bar.loss;
    report(
      `${bar.codec} | ${rounds} rounds | ${percents(found.map(({ last }) => last))} | ` +
        `lost ${percents(losses)}, median ${percent(medianOf(losses))} | ` +
        `payload bits ${payload.toFixed(0)} times less, whole messages ${message.toFixed(1)} times`,
      bar.ratio > 0 ? isReached : undefined,
    );
  }
}

function barsFor(codecs: readonly string[] | undefined): readonly CompressionBar[] {
  if (codecs === undefined) return COMPRESSION_BARS;
  return codecs.map((codec) => {
    const known = COMPRESSION_BARS.find((bar) => bar.codec === codec);
    return known ?? { codec, ratio: 0, loss: 1, rounds: 100 };
  });
}

function ratiosOf({ bytes, payloadBits, denseBits }: Traffic) {
  return { payload: denseBits / payloadBits, message: denseBits / (8 * bytes) };
}

const parts = positionals.length === 0 ? Object.keys(PARTS) : positionals;
for (const name of parts) {
  const part = PARTS[name as keyof typeof PARTS];
  if (part === undefined) throw new Error(`no part ${name}: ${Object.keys(PARTS).join(', ')}`);
  write(`-- ${name}, ${seeds.length} seeds`);
  part();
}
if (missed > 0) process.exitCode = 1;
