/**
 * Data sets as two `.npy` files: features `<f4`, `<f8` or `|u1` of [rows, ...], labels `<i4`,
 * `<i8` or `|u1` of [rows].
 */
import type { Checked } from '../../base/verdict.ts';
import { arrayOfBytes } from '../../kernel/nd-array.ts';
import { parseNpy } from '../../kernel/npy.ts';
import { badData, type Dataset, datasetOf, VALUES_MAX } from './dataset.ts';

const FEATURE_TYPES = ['<f4', '<f8', '|u1'];
const LABEL_TYPES = ['<i4', '<i8', '|u1'];

/** Reasons of `parseNpy`, and `bad-data`. Bytes keep their value: divide them as you like. */
export function datasetOfNpy(features: Uint8Array, labels: Uint8Array): Checked<Dataset> {
  const x = parseNpy(features);
  if (!x.ok) return x;
  const y = parseNpy(labels);
  if (!y.ok) return y;
  if (!FEATURE_TYPES.includes(x.value.dtype)) return badData(`features of ${x.value.dtype}`);
  if (!LABEL_TYPES.includes(y.value.dtype)) return badData(`labels of ${y.value.dtype}`);
  if (x.value.shape.length < 2) return badData('features have at least two dimensions');
  if (y.value.shape.length !== 1) return badData('labels have one dimension');
  if (x.value.shape[0] !== y.value.shape[0]) {
    return badData(`${x.value.shape[0]} rows and ${y.value.shape[0]} labels`);
  }
  if (x.value.data.length > 8 * VALUES_MAX) return badData(`over ${VALUES_MAX} values`);
  const values = arrayOfBytes(x.value, x.value.data).data as Float32Array;
  const classes = [...(arrayOfBytes(y.value, y.value.data).data as Int32Array)].map(Number);
  const wrong = classes.find((label) => label < 0 || label > 65_535);
  if (wrong !== undefined) return badData(`label ${wrong}`);
  return datasetOf(Float32Array.from(values), Int32Array.from(classes));
}
