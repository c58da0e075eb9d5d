/**
 * Layers of the built-in models: dense, rectifier, 3 x 3 convolution, 2 x 2 maximum pooling. Each
 * knows its parameters, its forward pass and its gradients; nothing is kept between calls.
 */
import type { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import type { Matrices } from './matrix.ts';

export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Layer {
  /** Values per example. */
  readonly inputs: number;
  readonly outputs: number;
  /** In the order in which they stand in the flat parameters. */
  readonly tensors: readonly TensorSpec[];
  initialise(parameters: Float32Array, random: ChaChaWords): void;
  /** `x` holds `batch` examples; the result too. */
  forward(pass: Pass): Float32Array;
  /** Adds the gradient of its parameters; `upstream` is that of its outputs. */
  addGradient(pass: Pass, upstream: Float32Array, gradient: Float32Array): void;
  /** The gradient of `x`: what the layer below needs. */
  inputGradient(pass: Pass, upstream: Float32Array): Float32Array;
}

export interface Pass {
  readonly parameters: Float32Array;
  readonly x: Float32Array;
  readonly batch: number;
  readonly matrices: Matrices;
}

/** y = x W + b, W of [inputs, outputs], started as He et al. 2015 (uniform). */
export function dense(name: string, inputs: number, outputs: number): Layer {
  const weights = inputs * outputs;
  return {
    inputs,
    outputs,
    tensors: [
      { name: `${name}.weight`, shape: [inputs, outputs] },
      { name: `${name}.bias`, shape: [outputs] },
    ],
    initialise: (parameters, random) =>
      fillUniform(parameters.subarray(0, weights), inputs, random),
    forward({ parameters, x, batch, matrices }) {
      const c = new Float32Array(batch * outputs);
      const b = parameters.subarray(0, weights);
      matrices.multiply({ a: x, b, c, m: batch, n: outputs, k: inputs });
      for (let i = 0; i < c.length; i++) c[i]! += parameters[weights + (i % outputs)]!;
      return c;
    },
    addGradient({ x, batch, matrices }, upstream, gradient) {
      const c = gradient.subarray(0, weights);
      matrices.addTransposedLeft({ a: x, b: upstream, c, m: batch, n: outputs, k: inputs });
      for (let i = 0; i < upstream.length; i++) gradient[weights + (i % outputs)]! += upstream[i]!;
    },
    inputGradient({ parameters, batch, matrices }, upstream) {
      const c = new Float32Array(batch * inputs);
      const b = parameters.subarray(0, weights);
      matrices.multiplyTransposedRight({ a: upstream, b, c, m: batch, n: outputs, k: inputs });
      return c;
    },
  };
}

export function rectifier(size: number): Layer {
  return {
    inputs: size,
    outputs: size,
    tensors: [],
    initialise: () => {},
    forward: ({ x }) => x.map((value) => Math.max(value, 0)),
    addGradient: () => {},
    inputGradient: ({ x }, upstream) => upstream.map((value, i) => (x[i]! > 0 ? value : 0)),
  };
}

export interface Image {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** 3 x 3, zero padding of one, as a matrix product over unfolded patches. Channels first. */
export function convolution(name: string, image: Image, filters: number): Layer {
  const { channels, height, width } = image;
  const pixels = height * width;
  const patch = channels * 9;
  const weights = patch * filters;
  const unfold = unfolding(image);
  return {
    inputs: channels * pixels,
    outputs: filters * pixels,
    tensors: [
      { name: `${name}.weight`, shape: [filters, channels, 3, 3] },
      { name: `${name}.bias`, shape: [filters] },
    ],
    initialise: (parameters, random) => fillUniform(parameters.subarray(0, weights), patch, random),
    forward({ parameters, x, batch, matrices }) {
      const y = new Float32Array(batch * filters * pixels);
      for (let i = 0; i < batch; i++) {
        const one = y.subarray(i * filters * pixels, (i + 1) * filters * pixels);
        const columns = unfold.gather(x.subarray(i * channels * pixels));
        const a = parameters.subarray(0, weights);
        matrices.multiply({ a, b: columns, c: one, m: filters, n: pixels, k: patch });
        for (let j = 0; j < one.length; j++) {
          one[j]! += parameters[weights + Math.floor(j / pixels)]!;
        }
      }
      return y;
    },
    addGradient({ x, batch, matrices }, upstream, gradient) {
      for (let i = 0; i < batch; i++) {
        const a = upstream.subarray(i * filters * pixels, (i + 1) * filters * pixels);
        const b = unfold.gather(x.subarray(i * channels * pixels));
        const c = new Float32Array(weights);
        matrices.multiplyTransposedRight({ a, b, c, m: filters, n: pixels, k: patch });
        for (let j = 0; j < weights; j++) gradient[j]! += c[j]!;
        for (let j = 0; j < a.length; j++) gradient[weights + Math.floor(j / pixels)]! += a[j]!;
      }
    },
    inputGradient({ parameters, batch, matrices }, upstream) {
      const below = new Float32Array(batch * channels * pixels);
      const a = parameters.subarray(0, weights);
      const c = new Float32Array(patch * pixels);
      for (let i = 0; i < batch; i++) {
        const b = upstream.subarray(i * filters * pixels, (i + 1) * filters * pixels);
        c.fill(0);
        matrices.addTransposedLeft({ a, b, c, m: filters, n: pixels, k: patch });
        unfold.scatter(c, below.subarray(i * channels * pixels));
      }
      return below;
    },
  };
}

/** Where each entry of the [channels x 9, pixels] patch matrix comes from; -1 is padding. */
function unfolding({ channels, height, width }: Image) {
  const pixels = height * width;
  const from = new Int32Array(channels * 9 * pixels);
  for (let at = 0; at < from.length; at++) {
    const tap = Math.floor(at / pixels) % 9;
    const y = Math.floor((at % pixels) / width) + Math.floor(tap / 3) - 1;
    const x = (at % width) + (tap % 3) - 1;
    const isInside = y >= 0 && y < height && x >= 0 && x < width;
    from[at] = isInside ? Math.floor(at / (9 * pixels)) * pixels + y * width + x : -1;
  }
  return {
    gather: (image: Float32Array): Float32Array =>
      Float32Array.from(from, (source) => (source < 0 ? 0 : image[source]!)),
    scatter(columns: Float32Array, image: Float32Array): void {
      for (let at = 0; at < from.length; at++) {
        if (from[at]! >= 0) image[from[at]!]! += columns[at]!;
      }
    },
  };
}

/** Maximum of 2 x 2 fields; height and width even. The first of equal ones gets the gradient. */
export function pooling({ channels, height, width }: Image): Layer {
  const inputs = channels * height * width;
  const half = width / 2;
  const outputs = inputs / 4;
  const winner = (x: Float32Array, at: number): number => {
    const example = Math.floor(at / outputs) * inputs;
    const place = at % outputs;
    const corner = example + Math.floor(place / half) * 2 * width + (place % half) * 2;
    return [corner, corner + 1, corner + width, corner + width + 1].reduce((best, one) =>
      x[one]! > x[best]! ? one : best,
    );
  };
  return {
    inputs,
    outputs,
    tensors: [],
    initialise: () => {},
    forward: ({ x, batch }) =>
      Float32Array.from({ length: batch * outputs }, (_, at) => x[winner(x, at)]!),
    addGradient: () => {},
    inputGradient({ x, batch }, upstream) {
      const below = new Float32Array(batch * inputs);
      for (let at = 0; at < upstream.length; at++) below[winner(x, at)]! += upstream[at]!;
      return below;
    },
  };
}

/** Uniform in ±sqrt(6 / inputs). */
function fillUniform(weights: Float32Array, inputs: number, random: ChaChaWords): void {
  const limit = Math.sqrt(6 / inputs);
  for (let i = 0; i < weights.length; i++) weights[i] = limit * (random.next() / 2 ** 31 - 1);
}
