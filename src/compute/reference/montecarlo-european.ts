/**
 * `montecarlo.european@1` by its page (docs/protocol/kernels/montecarlo.european.md): path by path,
 * chunk by chunk.
 */
import { CHUNK, FOLDS, foldChunk, LANES } from '../../kernel/fixed-tree.ts';
import { canonicaliseNan } from './canonical-nan.ts';
import { fma } from './fma.ts';
import { exp, normal } from './math.ts';
import { philox } from './philox.ts';

const f32 = Math.fround;
const GROUP = 4 * LANES;
/** Chunks between two pauses: some ten milliseconds. */
const STEP_CHUNKS = 16;

/** As a job names it: binary64. */
export interface EuropeanOption {
  readonly spot: number;
  readonly strike: number;
  readonly rate: number;
  readonly volatility: number;
  readonly years: number;
  readonly put: boolean;
}

/** What paths need of it, binary32: prices discounted, both negated for a put. */
export interface PathOption {
  readonly spot: number;
  readonly strike: number;
  readonly volatility: number;
  readonly drift: number;
}

/** The same operations on every backend: they happen here, once per call. */
export function pathOption(option: EuropeanOption): PathOption {
  const { rate, volatility, years } = option;
  const discount = exp(f32(-(rate * years)));
  const sign = option.put ? -1 : 1;
  return {
    spot: sign * f32(f32(option.spot) * discount),
    strike: sign * f32(f32(option.strike) * discount),
    volatility: f32(volatility * Math.sqrt(years)),
    drift: f32((rate - 0.5 * volatility * volatility) * years),
  };
}

export interface MontecarloBlocks {
  readonly option: PathOption;
  readonly firstBlock: number;
  readonly blocks: number;
  readonly paths: number;
  readonly seed: number;
}

/** `sums`: blocks x 2. */
export function* montecarloSteps(work: MontecarloBlocks, sums: Float32Array): Generator<void> {
  const chunkCount = Math.ceil(work.paths / CHUNK);
  const ofPayoffs = new Float32Array(chunkCount);
  const ofSquares = new Float32Array(chunkCount);
  for (let block = 0; block < work.blocks; block++) {
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      const { payoffs, squares } = chunkOf(work, work.firstBlock + block, chunk * CHUNK);
      ofPayoffs[chunk] = foldChunk(payoffs, 0, payoffs.length, FOLDS.sum);
      ofSquares[chunk] = foldChunk(squares, 0, squares.length, FOLDS.sum);
      if ((block * chunkCount + chunk) % STEP_CHUNKS === STEP_CHUNKS - 1) yield;
    }
    sums[2 * block] = foldChunk(ofPayoffs, 0, chunkCount, FOLDS.sum);
    sums[2 * block + 1] = foldChunk(ofSquares, 0, chunkCount, FOLDS.sum);
  }
  canonicaliseNan(sums);
}

/** The payoffs of the paths from `start` on, at most 4096, and their squares. */
function chunkOf({ option, paths, seed }: MontecarloBlocks, block: number, start: number) {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)] as const;
  const count = Math.min(CHUNK, paths - start);
  const payoffs = new Float32Array(count);
  for (let counter = 0; counter < CHUNK / 4; counter++) {
    // 256 counters make four rows of 256 paths: word r of counter l is path l of row r.
    const group = Math.floor(counter / LANES) * GROUP;
    const lane = counter % LANES;
    if (group + lane >= count) continue;
    const random = philox([start / 4 + counter, block, 0, 0], key);
    for (const [row, word] of random.entries()) {
      const path = group + row * LANES + lane;
      if (path < count) payoffs[path] = payoffOf(option, word);
    }
  }
  return { payoffs, squares: payoffs.map((payoff) => payoff * payoff) };
}

function payoffOf({ spot, strike, volatility, drift }: PathOption, random: number): number {
  const growth = exp(fma(volatility, normal(random), drift));
  return Math.max(fma(spot, growth, -strike), 0);
}
