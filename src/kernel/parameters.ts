/**
 * Checking what a job gives a kernel against the kernel's schema: parameters with their defaults
 * filled in, inputs by name, dtype and rank. What passes is what the job spec carries, so there is
 * one spelling of it (docs/protocol/kernel.md, "Resolution").
 */
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import type {
  ArraySchema,
  ArraySpec,
  ParameterSchema,
  Parameters,
  ParameterValue,
} from './contract.ts';
import { DTYPE_BYTES } from './contract.ts';

/** Largest array a kernel takes or gives: bounds every product of extents below 2^53. */
export const ARRAY_BYTES_MAX = 2 ** 36;
/** Characters of a text parameter. */
export const TEXT_CHARACTERS_MAX = 4096;

const badParameter = (detail: string): Refusal => refuse('bad-parameter', 'reject', detail);
const badInput = (detail: string): Refusal => refuse('bad-input', 'reject', detail);

/** All parameters in schema order, defaults filled in. Reason: `bad-parameter`. */
export function checkParameters(
  schema: readonly ParameterSchema[],
  given: Parameters,
): Checked<Parameters> {
  for (const name of Object.keys(given)) {
    if (!schema.some((parameter) => parameter.name === name)) {
      const known = schema.map((parameter) => parameter.name).join(', ') || 'none';
      return badParameter(`unknown parameter ${JSON.stringify(name)}; known: ${known}`);
    }
  }
  const checked: Record<string, ParameterValue> = {};
  for (const parameter of schema) {
    const value = Object.hasOwn(given, parameter.name) ? given[parameter.name] : parameter.default;
    if (value === undefined) return badParameter(`missing parameter ${parameter.name}`);
    const problem = problemOf(parameter, value);
    if (problem !== undefined) return badParameter(`${parameter.name} ${problem}`);
    // -0 and 0 are one value with one spelling.
    checked[parameter.name] = value === 0 ? 0 : value;
  }
  return accept(checked);
}

function problemOf(parameter: ParameterSchema, value: ParameterValue): string | undefined {
  switch (parameter.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'is not true or false';
    case 'text':
      return textProblemOf(parameter, value);
    case 'integer':
      if (!Number.isSafeInteger(value)) return 'is not an integer';
      break;
    case 'float':
      if (!Number.isFinite(value)) return 'is not a finite number';
      break;
  }
  const min = parameter.min ?? Number.NEGATIVE_INFINITY;
  const max = parameter.max ?? Number.POSITIVE_INFINITY;
  return (value as number) >= min && (value as number) <= max
    ? undefined
    : `is not in ${min}..${max}`;
}

function textProblemOf({ values }: ParameterSchema, value: ParameterValue): string | undefined {
  if (typeof value !== 'string' || value.length > TEXT_CHARACTERS_MAX) {
    return `is not text of at most ${TEXT_CHARACTERS_MAX} characters`;
  }
  if (values === undefined || values.includes(value)) return undefined;
  return `is not one of ${values.join(', ')}`;
}

/** The inputs in schema order, each of the schema's dtype and rank. Reason: `bad-input`. */
export function checkInputs(
  schema: readonly ArraySchema[],
  given: readonly ArraySpec[],
): Checked<readonly ArraySpec[]> {
  const byName = new Map(given.map((input) => [input.name, input]));
  if (byName.size !== given.length) return badInput('an input is given twice');
  const checked: ArraySpec[] = [];
  for (const wanted of schema) {
    const input = byName.get(wanted.name);
    if (input === undefined && wanted.optional) continue;
    if (input === undefined) return badInput(`missing input ${wanted.name}`);
    byName.delete(wanted.name);
    if (input.dtype !== wanted.dtype) {
      return badInput(`input ${wanted.name} has dtype ${input.dtype}, needs ${wanted.dtype}`);
    }
    if (input.shape.length !== wanted.rank) {
      const rank = input.shape.length;
      return badInput(`input ${wanted.name} has ${rank} dimensions, needs ${wanted.rank}`);
    }
    if (!isBounded(input)) return badInput(`input ${wanted.name} is over ${ARRAY_BYTES_MAX} bytes`);
    checked.push({ name: input.name, dtype: input.dtype, shape: [...input.shape] });
  }
  for (const name of byName.keys()) return badInput(`unknown input ${JSON.stringify(name)}`);
  return accept(checked);
}

/** True when all extents are whole numbers and the array stays within ARRAY_BYTES_MAX. */
export function isBounded(array: Pick<ArraySpec, 'dtype' | 'shape'>): boolean {
  let bytes = DTYPE_BYTES[array.dtype];
  for (const extent of array.shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) return false;
    // A zero extent must not hide a product of the others that no integer can hold.
    bytes *= Math.max(extent, 1);
    if (bytes > ARRAY_BYTES_MAX) return false;
  }
  return true;
}
