/** `--param K=V` texts into the values that a kernel's schema asks for. */
import { KadreError } from '../../src/base/errors.ts';
import { suggestion } from '../../src/base/nearest-name.ts';
import {
  type Kernel,
  kernelId,
  type ParameterSchema,
  type ParameterValue,
} from '../../src/kernel/contract.ts';

/** Errors: BAD_PARAMETER. Bounds are the kernel's own check. */
export function parseParameters(
  kernel: Kernel,
  entries: readonly string[],
): Record<string, ParameterValue> {
  const { parameters } = kernel.schema;
  const values = new Map<string, ParameterValue>();
  for (const entry of entries) {
    const split = entry.indexOf('=');
    const [name, text] = [entry.slice(0, split), entry.slice(split + 1)];
    const schema = parameters.find((parameter) => parameter.name === name);
    if (schema === undefined) {
      const names = parameters.map((parameter) => parameter.name);
      const all = names.length === 0 ? 'it takes none' : `it takes ${names.join(', ')}`;
      const advice = suggestion(name, names) || all;
      const message = `${kernelId(kernel)} has no parameter \`${name.slice(0, 64)}\``;
      throw new KadreError({ code: 'BAD_PARAMETER', advice }, message);
    }
    if (values.has(name)) {
      throw new KadreError({ code: 'BAD_PARAMETER' }, `--param ${name} was given twice`);
    }
    values.set(name, valueOfText(schema, text));
  }
  return Object.fromEntries(values);
}

function valueOfText(schema: ParameterSchema, text: string): ParameterValue {
  const bad = (what: string) => {
    const message = `parameter \`${schema.name}\` must be ${what}, not \`${text.slice(0, 32)}\``;
    return new KadreError({ code: 'BAD_PARAMETER', advice: schema.why }, message);
  };
  switch (schema.type) {
    case 'text':
      return text;
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true';
      throw bad('true or false');
    case 'integer': {
      const value = Number(text);
      if (/^-?\d+$/.test(text) && Number.isSafeInteger(value)) return value;
      throw bad('a whole number');
    }
    default: {
      const value = Number(text);
      if (text.trim() !== '' && Number.isFinite(value)) return value;
      throw bad('a number');
    }
  }
}
