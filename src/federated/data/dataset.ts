/** A classification data set in memory, and the bounds that every loader keeps. */
import { accept, type Checked, type Refusal, refuse } from '../../base/verdict.ts';
import type { Examples } from '../model/model.ts';

export interface Dataset extends Examples {
  /** Values per row. */
  readonly featureCount: number;
  /** One more than the largest label. */
  readonly classCount: number;
}

/** Values in a data set: 1 GiB of floats. */
export const VALUES_MAX = 2 ** 28;
export const CLASSES_MAX = 65_536;

/** Every loader's one reason; the detail says where. */
export const badData = (detail: string): Refusal => refuse('bad-data', 'reject', detail);

/** Features [rows, featureCount] with a label each. */
export function datasetOf(features: Float32Array, labels: Int32Array): Checked<Dataset> {
  const rows = labels.length;
  if (rows === 0) return badData('no rows');
  if (features.length === 0 || features.length % rows !== 0) {
    return badData(`${features.length} values do not make ${rows} rows`);
  }
  let classCount = 0;
  for (const [row, label] of labels.entries()) {
    if (label < 0 || label >= CLASSES_MAX) return badData(`label ${label} in row ${row}`);
    classCount = Math.max(classCount, label + 1);
  }
  const at = features.findIndex((value) => !Number.isFinite(value));
  if (at >= 0)
    return badData(`${features[at]} in row ${Math.floor((at * rows) / features.length)}`);
  return accept({ features, labels, featureCount: features.length / rows, classCount });
}

/** Mean and standard deviation of all values of a data set together. */
export function spreadOf({ features }: Examples): Spread {
  const mean = features.reduce((sum, value) => sum + value, 0) / features.length;
  const squares = features.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / features.length) || 1 };
}

export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Features moved and scaled as a plan says, for all clients alike. Centred features matter for more
 * than speed: a lie that pushes all weights one way then nearly cancels in every sum.
 */
export function standardised(dataset: Dataset, { mean, deviation }: Spread): Dataset {
  return { ...dataset, features: dataset.features.map((value) => (value - mean) / deviation) };
}
