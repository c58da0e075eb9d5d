/**
 * The demo's jobs, each as data: what is asked of the swarm, and how its answer is judged by other
 * means than the kernel's.
 */
import { KadreError } from '../../src/base/errors.ts';
import { estimatePrice } from '../../src/kernel/montecarlo-european.ts';
import type { NdArray } from '../../src/kernel/nd-array.ts';
import type { Work } from '../../src/sdk/types.ts';
import { writeFilesAtomic } from '../../src/store/atomic-file.ts';
import { blackScholes } from './black-scholes.ts';
import { colourCounts, findWrongPixel, type View } from './mandelbrot-picture.ts';
import { asMatrix, findWrongEntry } from './matrices.ts';
import { encodePng } from './png.ts';

export interface DemoJob {
  /** Name of its files. */
  readonly name: string;
  readonly what: string;
  readonly kernel: string;
  readonly output: string;
  /** Names of the files that are its inputs, by input. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly work: Omit<Work, 'inputs'>;
  /** What was checked and found good. Throws OUTPUT_MISMATCH for an output that is wrong. */
  judge(output: NdArray, inputs: Readonly<Record<string, NdArray>>): Promise<string> | string;
}

const SHARDS = 16;
/** Entries of a product, or pixels, that are computed again here. */
const CHECKED = 2048;

const wrong = (what: string): KadreError => new KadreError({ code: 'OUTPUT_MISMATCH' }, what);

export function productJob(name: string, a: string, b: string): DemoJob {
  return {
    name,
    what: `${name} = ${a} ${b}`,
    kernel: 'gemm.f32@1',
    output: 'c',
    inputs: { a, b },
    work: { shards: SHARDS },
    judge(c, inputs) {
      const [left, right] = [asMatrix(inputs.a!), asMatrix(inputs.b!)];
      const problem = findWrongEntry(asMatrix(c), left, right, CHECKED);
      if (problem !== undefined) throw wrong(`${problem} of ${name} is wrong`);
      return `${CHECKED} entries of ${name} recomputed`;
    },
  };
}

/** A valley of the Mandelbrot set, left of its largest circle. */
const VIEW: View = {
  x: -0.7436,
  y: 0.1318,
  span: 0.006,
  width: 1200,
  height: 800,
  maxIterations: 1000,
};

/** `picture`: the PNG file that is made of it. */
export function pictureJob(name: string, picture: string): DemoJob {
  return {
    name,
    what: `${name}: ${VIEW.width} x ${VIEW.height} pixels`,
    kernel: 'mandelbrot@1',
    output: 'counts',
    inputs: {},
    work: { parameters: { ...VIEW }, shards: SHARDS },
    async judge(counts) {
      const problem = findWrongPixel(counts, VIEW, CHECKED);
      if (problem !== undefined) throw wrong(`${problem} of ${name} is wrong`);
      const png = encodePng(colourCounts(counts, VIEW.maxIterations));
      await writeFilesAtomic([{ file: picture, parts: [png] }]);
      return `${CHECKED} pixels recomputed, picture in ${picture}`;
    },
  };
}

const CALL = { spot: 100, strike: 105, rate: 0.03, volatility: 0.25, years: 1 };
const BLOCKS = 64;
const PATHS = 65_536;
/** One estimate in 16,000 is further off; the seed is fixed, so this one never is. */
const STANDARD_ERRORS_MAX = 4;

export function priceJob(name: string): DemoJob {
  return {
    name,
    what: `${name}: call at ${CALL.strike} on ${CALL.spot}, ${(BLOCKS * PATHS) / 2 ** 20}M paths`,
    kernel: 'montecarlo.european@1',
    output: 'sums',
    inputs: {},
    work: { parameters: { ...CALL, seed: 1, blocks: BLOCKS, paths: PATHS }, shards: SHARDS },
    judge({ data }) {
      const { price, standardError } = estimatePrice(data as Float32Array, PATHS);
      const exact = blackScholes(CALL);
      const text = `price ${price.toFixed(4)} ± ${standardError.toFixed(4)}`;
      if (!(Math.abs(price - exact) <= STANDARD_ERRORS_MAX * standardError)) {
        throw wrong(`${text}, but Black-Scholes gives ${exact.toFixed(4)}`);
      }
      const errors = ((price - exact) / standardError).toFixed(1);
      return `${text}, Black-Scholes ${exact.toFixed(4)}: ${errors} standard errors away`;
    },
  };
}
