/**
 * The built-in models of `--model`: logistic regression, a multilayer perceptron, a small
 * convolutional network; each a list of layers under a softmax, over one flat parameter vector.
 */
import { assert } from '../../base/errors.ts';
import { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import {
  convolution,
  dense,
  type Image,
  type Layer,
  pooling,
  rectifier,
  type TensorSpec,
} from './layers.ts';
import { type Matrices, plainMatrices } from './matrix.ts';

export interface Model {
  readonly features: number;
  readonly classes: number;
  /** In the order of the flat parameters. */
  readonly tensors: readonly TensorSpec[];
  readonly parameterCount: number;
  /** 32-byte seed. */
  initialise(seed: Uint8Array): Float32Array;
  /** Mean cross-entropy of the examples; adds its gradient to `gradient`. */
  lossAndGradient(parameters: Float32Array, examples: Examples, gradient: Float32Array): number;
  /** Scores before the softmax, [count, classes]. */
  scores(parameters: Float32Array, features: Float32Array, count: number): Float32Array;
}

export interface Examples {
  /** [count, features], row-major. */
  readonly features: Float32Array;
  /** Each 0..classes-1. */
  readonly labels: Int32Array;
}

export const logisticRegression = (features: number, classes: number): Model =>
  modelOf([dense('output', features, classes)]);

export function perceptron(features: number, hidden: number, classes: number): Model {
  return modelOf([
    dense('hidden', features, hidden),
    rectifier(hidden),
    dense('output', hidden, classes),
  ]);
}

/** One convolution, pooling, one dense layer. Height and width even. */
export function smallConvolutional(image: Image, filters: number, classes: number): Model {
  const mapped = { channels: filters, height: image.height, width: image.width };
  const conv = convolution('conv', image, filters);
  const pool = pooling(mapped);
  return modelOf([conv, rectifier(conv.outputs), pool, dense('output', pool.outputs, classes)]);
}

const sizeOf = ({ shape }: TensorSpec): number => shape.reduce((size, extent) => size * extent, 1);

export function modelOf(layers: readonly Layer[], matrices: Matrices = plainMatrices): Model {
  const sizes = layers.map(({ tensors }) => tensors.reduce((sum, one) => sum + sizeOf(one), 0));
  const offsets = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
  const classes = layers.at(-1)!.outputs;
  const partOf = (whole: Float32Array, i: number) =>
    whole.subarray(offsets[i]!, offsets[i]! + sizes[i]!);

  /** Inputs of every layer, then the scores. */
  const run = (parameters: Float32Array, features: Float32Array, batch: number) => {
    const values = [features];
    for (const [i, layer] of layers.entries()) {
      const x = values.at(-1)!;
      values.push(layer.forward({ parameters: partOf(parameters, i), x, batch, matrices }));
    }
    return values;
  };

  return {
    features: layers[0]!.inputs,
    classes,
    tensors: layers.flatMap(({ tensors }) => tensors),
    parameterCount: sizes.reduce((sum, size) => sum + size, 0),
    initialise(seed) {
      const parameters = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
      const random = new ChaChaWords(seed);
      for (const [i, layer] of layers.entries()) layer.initialise(partOf(parameters, i), random);
      return parameters;
    },
    lossAndGradient(parameters, { features, labels }, gradient) {
      const batch = labels.length;
      assert(features.length === batch * layers[0]!.inputs, 'features of the model, per label');
      const values = run(parameters, features, batch);
      const { loss, upstream } = softmaxLoss(values.at(-1)!, labels);
      let above: Float32Array = upstream;
      for (let i = layers.length - 1; i >= 0; i--) {
        const pass = { parameters: partOf(parameters, i), x: values[i]!, batch, matrices };
        layers[i]!.addGradient(pass, above, partOf(gradient, i));
        // Below the first layer are the examples: nobody asks for their gradient.
        if (i > 0) above = layers[i]!.inputGradient(pass, above);
      }
      return loss;
    },
    scores: (parameters, features, count) => run(parameters, features, count).at(-1)!,
  };
}

/** Mean of -log softmax(scores)[label], and its gradient by the scores. */
function softmaxLoss(scores: Float32Array, labels: Int32Array) {
  const batch = labels.length;
  const classes = scores.length / batch;
  const upstream = new Float32Array(scores.length);
  let loss = 0;
  for (let i = 0; i < batch; i++) {
    const row = scores.subarray(i * classes, (i + 1) * classes);
    const top = row.reduce((most, one) => Math.max(most, one));
    let sum = 0;
    for (const score of row) sum += Math.exp(score - top);
    for (let c = 0; c < classes; c++) {
      const share = Math.exp(row[c]! - top) / sum;
      upstream[i * classes + c] = (share - (c === labels[i] ? 1 : 0)) / batch;
    }
    loss += (Math.log(sum) + top - row[labels[i]!]!) / batch;
  }
  return { loss, upstream };
}

/** How well a model does on examples. */
export interface Evaluation {
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Share of examples whose highest score (the first of equal ones) is their label's. */
  readonly accuracy: number;
}

export function evaluate(model: Model, parameters: Float32Array, examples: Examples): Evaluation {
  const { features, labels } = examples;
  const scores = model.scores(parameters, features, labels.length);
  let right = 0;
  for (const [i, label] of labels.entries()) {
    const row = scores.subarray(i * model.classes, (i + 1) * model.classes);
    if (row.reduce((best, one, c) => (one > row[best]! ? c : best), 0) === label) right += 1;
  }
  return { loss: softmaxLoss(scores, labels).loss, accuracy: right / labels.length };
}

export function accuracyOf(model: Model, parameters: Float32Array, examples: Examples): number {
  return evaluate(model, parameters, examples).accuracy;
}
