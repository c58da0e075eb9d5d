/**
 * Whole rounds on data made on the spot: the default rule holds against every fixture, and the mean
 * does not. Small and quick; scripts/train-results.ts measures on real digits.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTACK_NAMES, type AttackName, attackOf } from '../../src/federated/attack/attack.ts';
import { Rehearsal, type RehearsalInit } from '../../src/federated/attack/rehearsal.ts';
import { evenly, fewClasses } from '../../src/federated/data/partition.ts';
import { accuracyOf, perceptron } from '../../src/federated/model/model.ts';
import { parseOptimiser } from '../../src/federated/optimiser/optimiser-text.ts';
import { DEFAULT_PIPELINE, mean, type Pipeline, pipe } from '../../src/federated/rule/pipeline.ts';
import { makeBlobs, seededWords } from '../support/blob-data.ts';

const SHAPE = { rows: 600, features: 12, classes: 4, spread: 0.8 };
const model = perceptron(12, 12, 4);
const data = makeBlobs('rounds', 'train', SHAPE);
const fresh = makeBlobs('rounds', 'test', SHAPE);

function optimiserOf(text: string) {
  const parsed = parseOptimiser(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

const BASE: RehearsalInit = {
  model,
  data,
  partition: evenly(600, 20, seededWords('split')),
  perRound: 20,
  local: { epochs: 1, batch: 10, rate: 0.1, momentum: 0, proximal: 0 },
  workerMomentum: 0.5,
  pipeline: DEFAULT_PIPELINE,
  optimiser: optimiserOf('fedavg'),
  fractionBits: 24,
  faulty: 0,
  attack: undefined,
  seed: 1,
};

function trained(change: Partial<RehearsalInit>, rounds = 25): Rehearsal {
  const rehearsal = new Rehearsal({ ...BASE, ...change });
  for (let round = 0; round < rounds; round++) rehearsal.step();
  return rehearsal;
}

const accuracy = (change: Partial<RehearsalInit>, rounds?: number) =>
  accuracyOf(model, trained(change, rounds).parameters, fresh);
const under = (name: AttackName, pipeline: Pipeline) =>
  accuracy({ attack: attackOf(name), faulty: 4, pipeline });

test('without liars the default rule and the mean learn alike, whatever the optimiser', () => {
  for (const pipeline of [DEFAULT_PIPELINE, pipe(mean())]) {
    assert.ok(accuracy({ pipeline }) > 0.95);
  }
  for (const text of ['nesterov:0.5,0.5', 'fedadam:0.03', 'fedyogi:0.03']) {
    assert.ok(accuracy({ optimiser: optimiserOf(text) }) > 0.95, text);
  }
});

test('a share of the clients, two classes each, is enough', () => {
  const partition = fewClasses(data.labels, {
    clients: 20,
    classes: 2,
    random: seededWords('few'),
  });
  assert.ok(accuracy({ partition, perRound: 8, pipeline: pipe(mean()) }, 50) > 0.95);
});

for (const name of ATTACK_NAMES) {
  test(`four liars of twenty, ${name}: the default rule holds`, () => {
    assert.ok(under(name, DEFAULT_PIPELINE) > 0.92);
  });
}

test('the same lies break the mean where one large vector does', () => {
  assert.ok(under('huge', pipe(mean())) < 0.6);
  assert.ok(under('weight-inflation', pipe(mean())) < 0.6);
});

test('a rehearsal is repeated bit for bit', () => {
  const change = { attack: attackOf('alie'), faulty: 4 };
  assert.deepEqual(trained(change, 4).parameters, trained(change, 4).parameters);
  assert.notDeepEqual(trained(change, 4).parameters, trained({ ...change, seed: 2 }, 4).parameters);
});

test('a round whose senders all vanish changes nothing', () => {
  const change = { attack: attackOf('not-a-number'), faulty: 19 };
  const start = trained(change, 0).parameters;
  const demanding = { ...DEFAULT_PIPELINE, last: { name: 'krum', faulty: 1 } } as const;
  const after = trained({ ...change, pipeline: demanding }, 3);
  assert.equal(after.skipped, 3);
  assert.deepEqual(after.parameters, start);
});
