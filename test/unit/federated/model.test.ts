/** Gradients against differences, and local training. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convolution, dense, pooling, rectifier } from '../../../src/federated/model/layers.ts';
import { plainMatrices } from '../../../src/federated/model/matrix.ts';
import {
  accuracyOf,
  logisticRegression,
  type Model,
  modelOf,
  perceptron,
  smallConvolutional,
} from '../../../src/federated/model/model.ts';
import { type TrainingOptions, trainLocal } from '../../../src/federated/model/train-local.ts';
import { makeBlobs, seededWords } from '../../support/blob-data.ts';

const SHAPE = { rows: 12, features: 16, classes: 3, spread: 0.3 };
const MODELS: Readonly<Record<string, Model>> = {
  'logistic regression': logisticRegression(16, 3),
  perceptron: perceptron(16, 5, 3),
  convolutional: smallConvolutional({ channels: 1, height: 4, width: 4 }, 2, 3),
  'convolutional, two channels': smallConvolutional({ channels: 2, height: 2, width: 4 }, 3, 3),
};
const twoChannels = { channels: 2, height: 4, width: 4 };
const convolutions = [
  convolution('first', { channels: 1, height: 4, width: 4 }, 2),
  rectifier(32),
  convolution('second', twoChannels, 2),
  pooling(twoChannels),
  dense('output', 8, 3),
];
const DEEP = { 'two convolutions': modelOf(convolutions) };
const OPTIONS: TrainingOptions = { epochs: 2, batch: 5, rate: 0.1, momentum: 0, proximal: 0 };

for (const [name, model] of Object.entries({ ...MODELS, ...DEEP })) {
  test(`${name}: the gradient is the slope of the loss`, () => {
    const examples = makeBlobs('slope', name, SHAPE);
    const parameters = model.initialise(new Uint8Array(32).fill(3));
    const gradient = new Float32Array(parameters.length);
    model.lossAndGradient(parameters, examples, gradient);
    const unused = new Float32Array(parameters.length);
    const step = 2 ** -10;
    let largest = 0;
    for (let k = 0; k < parameters.length; k++) {
      const at = (shift: number) => {
        const moved = parameters.slice();
        moved[k]! += shift;
        return model.lossAndGradient(moved, examples, unused);
      };
      const slope = (at(step) - at(-step)) / (2 * step);
      largest = Math.max(largest, Math.abs(slope));
      assert.ok(Math.abs(slope - gradient[k]!) < 4e-3, `${k}: ${slope} and ${gradient[k]}`);
    }
    assert.ok(largest > 0.05, 'the loss has a slope');
  });

  test(`${name}: tensors tile the parameters, and training learns`, () => {
    const sizes = model.tensors.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    assert.equal(
      sizes.reduce((a, b) => a + b, 0),
      model.parameterCount,
    );
    const shape = { ...SHAPE, rows: 150 };
    const parameters = model.initialise(new Uint8Array(32));
    const options = { ...OPTIONS, epochs: 15, random: seededWords('order') };
    const { delta } = trainLocal(model, parameters, makeBlobs('learn', 'train', shape), options);
    const trained = parameters.map((value, k) => value + delta[k]!);
    const test = makeBlobs('learn', 'test', shape);
    assert.ok(accuracyOf(model, trained, test) > 0.95);
    assert.ok(accuracyOf(model, parameters, test) < 0.8);
  });
}

test('a convolution sees its neighbours, and zeros beyond the edge', () => {
  const layer = convolution('conv', { channels: 1, height: 2, width: 3 }, 1);
  const x = Float32Array.of(1, 2, 3, 4, 5, 6);
  const shifted = (tap: number) => {
    const parameters = new Float32Array(10);
    parameters[tap] = 1;
    parameters[9] = 10;
    return [...layer.forward({ parameters, x, batch: 1, matrices: plainMatrices })];
  };
  assert.deepEqual(shifted(4), [11, 12, 13, 14, 15, 16]);
  assert.deepEqual(shifted(0), [10, 10, 10, 10, 11, 12], 'above and left');
  assert.deepEqual(shifted(5), [12, 13, 10, 15, 16, 10], 'right');
  assert.deepEqual(shifted(7), [14, 15, 16, 10, 10, 10], 'below');
});

test('pooling keeps the largest of four; the first of equal ones is answerable', () => {
  const layer = pooling({ channels: 1, height: 2, width: 4 });
  const x = Float32Array.of(1, 7, 2, 2, 3, 4, 2, 1);
  const pass = { parameters: new Float32Array(0), x, batch: 1, matrices: plainMatrices };
  assert.deepEqual([...layer.forward(pass)], [7, 2]);
  const below = layer.inputGradient(pass, Float32Array.of(5, 6));
  assert.deepEqual([...below], [0, 5, 6, 0, 0, 0, 0, 0]);
});

const model = MODELS.perceptron!;
const examples = makeBlobs('local', 'train', { ...SHAPE, rows: 23 });
const start = model.initialise(new Uint8Array(32).fill(9));
const run = (change: Partial<TrainingOptions>, order = 'order') =>
  trainLocal(model, start, examples, { ...OPTIONS, ...change, random: seededWords(order) });
const lengthOf = (vector: Float32Array) => Math.hypot(...vector);

test('local training depends on its seed and on nothing else', () => {
  assert.deepEqual(run({}), run({}));
  assert.notDeepEqual(run({}).delta, run({}, 'another order').delta);
});

test('one step of plain descent is minus the rate times the gradient of its batch', () => {
  const gradient = new Float32Array(start.length);
  model.lossAndGradient(start, examples, gradient);
  const { delta } = run({ epochs: 1, batch: 23 });
  for (let k = 0; k < delta.length; k++) assert.ok(Math.abs(delta[k]! + 0.1 * gradient[k]!) < 1e-6);
});

test('the proximal term keeps a client near, momentum carries it further', () => {
  const plain = lengthOf(run({ epochs: 10 }).delta);
  assert.ok(lengthOf(run({ epochs: 10, proximal: 5 }).delta) < 0.6 * plain);
  assert.ok(lengthOf(run({ epochs: 10, momentum: 0.7 }).delta) > 1.1 * plain);
});

test('updates keep to their longest length and most steps', () => {
  assert.ok(Math.abs(lengthOf(run({ epochs: 10, lengthMax: 0.05 }).delta) - 0.05) < 1e-6);
  assert.deepEqual(run({ lengthMax: 1e6 }), run({}));
  assert.deepEqual(run({ epochs: 2, stepsMax: 5 }).delta, run({ epochs: 1, stepsMax: 9 }).delta);
  assert.deepEqual(run({ stepsMax: 0 }).delta, new Float32Array(start.length));
});

test('a client without examples sends zeros', () => {
  const none = { features: new Float32Array(0), labels: new Int32Array(0) };
  const { delta, loss } = trainLocal(model, start, none, { ...OPTIONS, random: seededWords('x') });
  assert.deepEqual([lengthOf(delta), loss], [0, 0]);
});
