/** Small valid applications of every kernel, as generators: the property tests' subjects. */
import fc from 'fast-check';
import type { ArraySpec, Parameters } from '../../src/kernel/contract.ts';

export interface Application {
  readonly parameters: Parameters;
  readonly inputs: readonly ArraySpec[];
}

const f4 = (name: string, ...shape: number[]): ArraySpec => ({ name, dtype: '<f4', shape });
const extent = fc.integer({ min: 1, max: 12 });
const arrayLength = fc.integer({ min: 1, max: 300 });
const fraction = (min: number, max: number) => fc.double({ min, max, noNaN: true });

/** By kernel name: a new kernel without one fails a test. */
export const APPLICATIONS: Readonly<Record<string, fc.Arbitrary<Application>>> = {
  'fed.aggregate': fc.tuple(arrayLength, extent).map(([columns, bytes]) => ({
    parameters: {
      codec: 'q8',
      rule: 'mean',
      optimiser: 'fedavg:rate=1',
      round: 0,
      training: '00'.repeat(32),
      parent: '00'.repeat(32),
    },
    inputs: [
      { name: 'schema', dtype: '|u1', shape: [bytes] },
      { name: 'state', dtype: '<i4', shape: [2, columns] },
      { name: 'statements', dtype: '|u1', shape: [bytes] },
      { name: 'updates', dtype: '|u1', shape: [bytes] },
    ],
  })),
  'gemm.f32': fc
    .tuple(extent, fc.nat({ max: 5 }), extent)
    .map(([m, k, n]) => ({ parameters: {}, inputs: [f4('a', m, k), f4('b', k, n)] })),
  map: fc
    .tuple(fc.constantFrom('x', 'y * -x', 'fma(x, x, 2 / y)', 'select(x < y, z, 1)'), arrayLength)
    .map(([expression, length]) => ({
      parameters: { expression },
      inputs: ['x', 'y', 'z']
        .filter((name) => expression.includes(name))
        .map((name) => f4(name, length)),
    })),
  mandelbrot: fc
    .record({
      x: fraction(-2, 1),
      y: fraction(-1, 1),
      span: fraction(1e-6, 4),
      width: fc.integer({ min: 1, max: 40 }),
      height: extent,
      maxIterations: fc.integer({ min: 1, max: 90 }),
    })
    .map((parameters) => ({ parameters, inputs: [] })),
  'montecarlo.european': fc
    .record({
      spot: fraction(1, 200),
      strike: fraction(1, 200),
      rate: fraction(-1, 1),
      volatility: fraction(0, 4),
      years: fraction(0, 32),
      put: fc.boolean(),
      seed: fc.maxSafeNat(),
      blocks: extent,
      paths: fc.integer({ min: 1, max: 5000 }),
    })
    .map((parameters) => ({ parameters, inputs: [] })),
  noop: fc.integer({ min: 1, max: 150 }).map((items) => ({ parameters: { items }, inputs: [] })),
  reduce: fc
    .record({
      op: fc.constantFrom('sum', 'min', 'max', 'product'),
      level: fc.constantFrom(1, 1, 1, 2),
      length: fc.integer({ min: 1, max: 20_000 }),
    })
    .map(({ length, ...parameters }) => ({ parameters, inputs: [f4('x', length)] })),
  'sha256.search': fc
    .record({
      prefix: fc.constantFrom('', '00', 'ff'.repeat(63)),
      first: fc.nat(),
      nonces: fc.integer({ min: 1, max: 20 }),
      blocks: extent,
    })
    .map((parameters) => ({ parameters, inputs: [] })),
};
