/** `mandelbrot@1` on every backend. */
import type { Parameters } from '../../kernel/contract.ts';
import { numberOf } from '../../kernel/define.ts';
import type { KernelCall } from '../kernel-call.ts';
import { mandelbrotSteps } from '../reference/mandelbrot.ts';
import { bytesOf, type KernelCode, rowsOf, sampleRequest } from './kernel-code.ts';

const ID = 'mandelbrot@1';
const DEEP = { x: -0.743643887037151, y: 0.13182590420533, span: 1e-13 };

export const mandelbrotCode: KernelCode = {
  id: ID,
  nativeKernel: 2,
  native: (call) => {
    const { firstRow, rows, width, height, maxIterations, x, y, span } = viewOf(call);
    return {
      extents: [rows, width, firstRow, height, maxIterations],
      inputs: [bytesOf(Float64Array.of(x, y, span))],
    };
  },
  reference: (call, [counts]) => {
    const { buffer, byteOffset, byteLength } = counts!;
    return mandelbrotSteps(viewOf(call), new Uint32Array(buffer, byteOffset, byteLength / 4));
  },
  selftest: () => [
    caseOf('whole', { width: 67, height: 23, maxIterations: 100 }, 5),
    // Counts in the thousands next to the boundary: half of them change with any one rounding.
    caseOf('deep', { ...DEEP, width: 17, height: 5, maxIterations: 5000 }, 5),
  ],
  speed: {
    growth: 4,
    steps: 5,
    request: (step) => {
      const extent = 32 * 2 ** step;
      // All inside: every point takes every step, as the cost says.
      const inside = { x: -0.1, y: 0, span: 0.1, maxIterations: 500 };
      const parameters = { ...inside, width: extent, height: extent };
      return sampleRequest({ kernel: ID, parameters, shardCount: 8 });
    },
  },
};

function viewOf(call: KernelCall) {
  const { parameters } = call.resolved;
  const { first: firstRow, count: rows } = rowsOf(call);
  const number = (name: string) => numberOf(parameters, name);
  return {
    firstRow,
    rows,
    x: number('x'),
    y: number('y'),
    span: number('span'),
    width: number('width'),
    height: number('height'),
    maxIterations: number('maxIterations'),
  };
}

function caseOf(name: string, parameters: Parameters, shardCount: number) {
  return {
    name: `${ID} ${name}`,
    request: sampleRequest({ kernel: ID, parameters, shardCount }),
  };
}
