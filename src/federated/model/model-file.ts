/**
 * A model's parameters as a `.safetensors` file and back: one `F32` tensor per parameter tensor,
 * by the model's own names. Strict: exactly those tensors, of those shapes, finite.
 */
import { accept, type Checked, type Refusal, refuse } from '../../base/verdict.ts';
import { arrayOfBytes, bytesOfArray } from '../../kernel/nd-array.ts';
import { parseSafetensors, writeSafetensors } from '../../kernel/safetensors.ts';
import type { Model } from './model.ts';

const wrong = (detail: string): Refusal => refuse('not-this-model', 'reject', detail);

export function writeModel(
  model: Pick<Model, 'tensors'>,
  parameters: Float32Array,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const tensors = placesOf(model).map(({ name, shape, begin, end }) => {
    const data = bytesOfArray({ data: parameters.subarray(begin, end), shape });
    return { name, shape, dtype: '<f4' as const, data };
  });
  return writeSafetensors({ tensors, metadata });
}

/** Reasons of `parseSafetensors`, and `not-this-model`. */
export function readModel(
  model: Pick<Model, 'tensors' | 'parameterCount'>,
  file: Uint8Array,
): Checked<Float32Array> {
  const parsed = parseSafetensors(file);
  if (!parsed.ok) return parsed;
  const { tensors } = parsed.value;
  const places = placesOf(model);
  if (tensors.length !== places.length) {
    return wrong(`${tensors.length} tensors, the model has ${places.length}`);
  }
  const parameters = new Float32Array(model.parameterCount);
  for (const { name, shape, begin } of places) {
    const tensor = tensors.find((one) => one.name === name);
    if (tensor === undefined) return wrong(`no tensor ${name}`);
    if (tensor.dtype !== '<f4' || String(tensor.shape) !== String(shape)) {
      return wrong(`${name} is ${tensor.dtype} [${tensor.shape}], not <f4 [${shape}]`);
    }
    const values = arrayOfBytes(tensor, tensor.data).data as Float32Array;
    if (!values.every(Number.isFinite)) return wrong(`${name} holds a value that is no number`);
    parameters.set(values, begin);
  }
  return accept(parameters);
}

function placesOf({ tensors }: Pick<Model, 'tensors'>) {
  let begin = 0;
  return tensors.map(({ name, shape }) => {
    const end = begin + shape.reduce((size, extent) => size * extent, 1);
    const place = { name, shape, begin, end };
    begin = end;
    return place;
  });
}
