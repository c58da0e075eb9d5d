/** `map@1` on every backend: expressions become programs here, once per call. */

import { assert } from '../../base/errors.ts';
import type { Program } from '../../kernel/expression/compile.ts';
import { programOf } from '../../kernel/map.ts';
import type { KernelCall } from '../kernel-call.ts';
import { mapSteps } from '../reference/map.ts';
import type { SampleKind } from '../sample-input.ts';
import {
  bytesOf,
  floatsOf,
  type KernelCode,
  rowsOf,
  type SelftestCase,
  sampleArray,
  sampleRequest,
  speedArray,
} from './kernel-code.ts';

const ID = 'map@1';
/** Every operation, with both signs of zero and NaN on their way. */
const EVERYTHING =
  'select(x < y, fma(x, y, -z), max(x / w, min(z, -0.5))) * sqrt(abs(y)) - ' +
  'select(x >= z, 1.5e-3, select(z == w, x, w)) + select(w != w, y, z) - min(x, y) * (w + 3)';

export const mapCode: KernelCode = {
  id: ID,
  nativeKernel: 5,
  native: (call) => ({
    extents: [rowsOf(call).count],
    inputs: [bytesOf(programWords(programFor(call))), ...call.reads],
  }),
  reference: (call, [out]) => mapSteps(programFor(call), call.reads.map(floatsOf), floatsOf(out!)),
  selftest: () => [
    caseOf('everything', 'any-bits', { length: 1031, shardCount: 4 }),
    caseOf('everything', 'moderate', { length: 515, shardCount: 3 }),
    caseOf('x', 'any-bits', { length: 77, shardCount: 77 }),
  ],
  speed: {
    growth: 4,
    steps: 5,
    request: (step) => {
      const inputs = ['x', 'y'].map((name, i) => speedArray(name, [16_384 * 4 ** step], i + 1));
      const parameters = { expression: 'sqrt(x*x + y*y) * 2 - 1' };
      return sampleRequest({ kernel: ID, parameters, inputs, shardCount: 4 });
    },
  },
};

function programFor({ resolved }: KernelCall): Program {
  const names = resolved.inputs.map(({ name }) => name);
  const program = programOf(resolved.parameters.expression as string, names);
  assert(program.ok, 'a resolved expression compiles');
  return program.value;
}

/** As src/native/cpu/map.h reads it. */
export function programWords(program: Program): Uint32Array {
  const { inputs, constants, slotCount, instructions, result } = program;
  const bits = new Uint32Array(Float32Array.from(constants).buffer);
  const words = instructions.flatMap(({ code, out, operands: [a, b, c] }) => [
    code + out * 2 ** 8 + a * 2 ** 16 + b * 2 ** 24,
    c,
  ]);
  const counts = [inputs.length, constants.length, slotCount, instructions.length, result];
  return Uint32Array.from([...counts, ...bits, ...words]);
}

function arraysOf(names: string, kind: SampleKind, length: number) {
  return [...names].map((name, i) => sampleArray(name, kind, [length], i + 1));
}

function caseOf(
  what: 'everything' | 'x',
  kind: SampleKind,
  { length, shardCount }: { readonly length: number; readonly shardCount: number },
): SelftestCase {
  const expression = what === 'x' ? what : EVERYTHING;
  const inputs = arraysOf(what === 'x' ? what : 'xyzw', kind, length);
  return {
    name: `${ID} ${what} ${kind}`,
    request: sampleRequest({ kernel: ID, parameters: { expression }, inputs, shardCount }),
  };
}
