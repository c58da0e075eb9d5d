/**
 * What a client does in a round: epochs of minibatch descent from the global model, in a seeded
 * order, with worker momentum and the proximal term where the plan asks for them. Its update is
 * the difference to where it began.
 */
import type { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { permutation } from '../rule/keeping-stages.ts';
import type { Examples, Model } from './model.ts';

export interface TrainingOptions {
  readonly epochs: number;
  readonly batch: number;
  /** Step length of descent. */
  readonly rate: number;
  /** Of the local steps; 0 is plain descent. */
  readonly momentum: number;
  /** FedProx's mu: pull back to the global model (Li et al. 2020); 0 is FedAvg. */
  readonly proximal: number;
  /**
   * Longest update; a longer one is shortened to it. Keeps hostile rounds from feeding on
   * themselves.
   */
  readonly lengthMax?: number;
  /** At most so many steps in all. */
  readonly stepsMax?: number;
}

export interface LocalResult {
  /** Trained minus global parameters. */
  readonly delta: Float32Array;
  /** Mean loss of the batches, before each step. */
  readonly loss: number;
}

/** A client without examples sends zeros, with loss 0. */
export function trainLocal(
  model: Model,
  globalModel: Float32Array,
  examples: Examples,
  options: TrainingOptions & { readonly random: ChaChaWords },
): LocalResult {
  const { epochs, batch, rate, momentum, proximal, random } = options;
  const local = globalModel.slice();
  const velocity = new Float32Array(local.length);
  const gradient = new Float32Array(local.length);
  const count = examples.labels.length;
  let stepsLeft = options.stepsMax ?? Number.POSITIVE_INFINITY;
  let loss = 0;
  let steps = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = permutation(count, random);
    for (let begin = 0; begin < count && stepsLeft > 0; begin += batch, stepsLeft--) {
      gradient.fill(0);
      const chosen = pick(examples, order.slice(begin, begin + batch));
      loss += model.lossAndGradient(local, chosen, gradient);
      steps += 1;
      for (let k = 0; k < local.length; k++) {
        const pull = proximal * (local[k]! - globalModel[k]!);
        velocity[k] = momentum * velocity[k]! + gradient[k]! + pull;
        local[k]! -= rate * velocity[k]!;
      }
    }
  }
  for (let k = 0; k < local.length; k++) local[k]! -= globalModel[k]!;
  shorten(local, options.lengthMax ?? Number.POSITIVE_INFINITY);
  return { delta: local, loss: steps === 0 ? 0 : loss / steps };
}

function shorten(vector: Float32Array, lengthMax: number): void {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  if (length <= lengthMax) return;
  for (let k = 0; k < vector.length; k++) vector[k]! *= lengthMax / length;
}

/** The rows of the given indices. */
export function pick({ features, labels }: Examples, rows: readonly number[]): Examples {
  const width = labels.length === 0 ? 0 : features.length / labels.length;
  const chosen = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    chosen.set(features.subarray(row * width, (row + 1) * width), i * width);
  });
  return { features: chosen, labels: Int32Array.from(rows, (row) => labels[row]!) };
}
