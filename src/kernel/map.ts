/**
 * `map@1`: one expression over each element of up to four arrays of one length
 * (docs/protocol/kernels/map.md). Expression and arrays are judged here, before anything is sent.
 */
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { ArraySchema } from './contract.ts';
import { alongFirstAxis, defineKernel } from './define.ts';
import { compileExpression, inputsOf, type Program } from './expression/compile.ts';
import { parseExpression } from './expression/parse.ts';

const F32_BYTES = 4;

const array = (name: string): ArraySchema => ({ name, dtype: '<f4', rank: 1, why: `\`${name}\`` });

export const map = defineKernel({
  name: 'map',
  major: 1,
  schema: {
    parameters: [
      {
        name: 'expression',
        type: 'text',
        why: 'e.g. sqrt(x*x + y*y) * 2 - 1; + - * / < <= > >= == != sqrt abs min max fma select',
      },
    ],
    inputs: [
      array('x'),
      { ...array('y'), optional: true },
      { ...array('z'), optional: true },
      { ...array('w'), optional: true },
    ],
    outputs: [{ name: 'out', dtype: '<f4', rank: 1, why: 'the value at each element' }],
  },
  numericContract: 1,
  planner: 1,
  summary: 'An expression over each element of up to four arrays, e.g. sqrt(x*x + y*y) * 2 - 1.',
  plan(parameters, inputs) {
    const [length = 0] = inputs[0]!.shape;
    if (length < 1) return refuse('bad-input', 'reject', 'the arrays have no elements');
    const other = inputs.find(({ shape }) => shape[0] !== length);
    if (other !== undefined) {
      const lengths = `x has ${length} elements but ${other.name} has ${other.shape[0]}`;
      return refuse('bad-input', 'reject', lengths);
    }
    const names = inputs.map(({ name }) => name);
    const program = programOf(parameters.expression as string, names);
    if (!program.ok) return program;
    const { instructions } = program.value;
    return accept(
      alongFirstAxis({
        outputs: [{ name: 'out', dtype: '<f4', shape: [length] }],
        reads: ({ offset, length: count }) =>
          names.map((input) => ({ input, offset: offset * F32_BYTES, length: count * F32_BYTES })),
        cost: ({ length: count }) => ({
          operations: count * Math.max(1, instructions.length),
          bytes: count * F32_BYTES * (names.length + 1),
        }),
      }),
    );
  },
});

/**
 * The program of an expression over exactly these arrays. Reason: `bad-parameter`: not an
 * expression, a name without an array, an array without a use.
 */
export function programOf(text: string, names: readonly string[]): Checked<Program> {
  const parsed = parseExpression(text);
  if (!parsed.ok) return parsed;
  const used = inputsOf(parsed.value);
  const unknown = [...used].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const why = `expression: no input ${unknown}; given: ${names.join(', ')}`;
    return refuse('bad-parameter', 'reject', why);
  }
  const unused = names.find((name) => !used.has(name));
  if (unused !== undefined) {
    return refuse('bad-parameter', 'reject', `expression: input ${unused} is not used`);
  }
  return compileExpression(parsed.value, names);
}
