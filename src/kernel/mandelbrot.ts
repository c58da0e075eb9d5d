/**
 * `mandelbrot@1`: for each point of a picture the number of steps z := z^2 + c until |z| > 2, in
 * binary64 (docs/protocol/kernels/mandelbrot.md). Shards are rows.
 */
import { accept, refuse } from '../base/verdict.ts';
import { alongFirstAxis, defineKernel, numberOf } from './define.ts';
import { isBounded } from './parameters.ts';

const COORDINATE = { type: 'float', min: -4, max: 4 } as const;
const EXTENT = { type: 'integer', min: 1, max: 65_536, default: 1024 } as const;
/** Additions, multiplications and comparisons of one step. */
const STEP_OPERATIONS = 9;

export const mandelbrot = defineKernel({
  name: 'mandelbrot',
  major: 1,
  schema: {
    parameters: [
      { name: 'x', ...COORDINATE, default: -0.75, why: 'centre of the region, real part' },
      { name: 'y', ...COORDINATE, default: 0, why: 'centre of the region, imaginary part' },
      {
        name: 'span',
        type: 'float',
        min: 1e-15,
        max: 8,
        default: 3,
        why: 'width of the region in the plane; its height follows from the picture',
      },
      { name: 'width', ...EXTENT, why: 'columns of the picture' },
      { name: 'height', ...EXTENT, why: 'rows of the picture; at most that many shards' },
      {
        name: 'maxIterations',
        type: 'integer',
        min: 1,
        max: 2 ** 24,
        default: 1000,
        why: 'steps after which a point counts as inside',
      },
    ],
    inputs: [],
    outputs: [
      {
        name: 'counts',
        dtype: '<u4',
        rank: 2,
        why: 'steps before |z| > 2, height x width, top row first; maxIterations inside the set',
      },
    ],
  },
  numericContract: 1,
  planner: 1,
  summary: 'Iteration counts of the Mandelbrot set: a picture, exact to the last pixel.',
  plan(parameters) {
    const width = numberOf(parameters, 'width');
    const shape = [numberOf(parameters, 'height'), width];
    const counts = { name: 'counts', dtype: '<u4', shape } as const;
    if (!isBounded(counts)) return refuse('bad-parameter', 'reject', 'the picture is too large');
    const rowOperations = width * numberOf(parameters, 'maxIterations') * STEP_OPERATIONS;
    return accept(
      alongFirstAxis({
        outputs: [counts],
        cost: ({ length }) => ({ operations: length * rowOperations, bytes: 4 * length * width }),
      }),
    );
  },
});
