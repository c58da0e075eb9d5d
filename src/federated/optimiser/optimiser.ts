/**
 * Server optimisers in fixed point: what a certified aggregate does to the model
 * (docs/protocol/federated-rules.md, section 8). Every element on its own, so any shard can do its
 * part; every product below 2^53, so doubles are exact.
 */
import { assert } from '../../base/errors.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { nanosOf, unitsOf } from '../decimal.ts';
import { clampElement, divHalfUp, integerRoot, scale, scaleWide } from './arithmetic.ts';

/** Decimals are billionths. */
export type Optimiser =
  | { readonly name: 'fedavg'; readonly rate: number }
  | { readonly name: 'nesterov'; readonly rate: number; readonly momentum: number }
  | ({ readonly name: 'fedadam' } & AdaptiveSettings)
  | ({ readonly name: 'fedyogi' } & AdaptiveSettings);

export interface AdaptiveSettings {
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly tau: number;
}

/** Constructors for programs: decimals in their own units. Defaults are those of the text form. */
export const fedAvg = ({ rate = 1 } = {}): Optimiser => ({ name: 'fedavg', rate: nanosOf(rate) });

export const nesterov = ({ rate = 0.7, momentum = 0.9 } = {}): Optimiser => ({
  name: 'nesterov',
  rate: nanosOf(rate),
  momentum: nanosOf(momentum),
});

export const fedAdam = (settings: Partial<AdaptiveSettings> = {}): Optimiser => ({
  name: 'fedadam',
  ...adaptive(settings),
});

export const fedYogi = (settings: Partial<AdaptiveSettings> = {}): Optimiser => ({
  name: 'fedyogi',
  ...adaptive(settings),
});

function adaptive({ rate = 0.01, beta1 = 0.9, beta2 = 0.99, tau = 0.001 }): AdaptiveSettings {
  return {
    rate: nanosOf(rate),
    beta1: nanosOf(beta1),
    beta2: nanosOf(beta2),
    tau: nanosOf(tau),
  };
}

/** What is carried from round to round; all in units, `variance` in squared units. */
export interface ModelState {
  readonly model: Int32Array;
  /** Empty for `fedavg`. */
  readonly momentum: Int32Array;
  /** Integers 0..2^52 - 1; empty but for the adaptive two. */
  readonly variance: Float64Array;
}

const RATE_BITS = 20;
const ONE = 2 ** RATE_BITS;
/** Beyond it an aggregate's element counts as this in an adaptive step: its square stays exact. */
const ADAPTIVE_MAX = 2 ** 26 - 1;
const VARIANCE_MAX = 2 ** 52 - 1;

/** Largest rate and tau of an adaptive optimiser, in units: keeps its products below 2^53. */
const ADAPTIVE_UNITS_MAX = 2 ** 25;

/** Reason `bad-optimiser`: a rate or tau that is nothing, or too much, in the plan's units. */
export function checkOptimiser(optimiser: Optimiser, fractionBits: number): Checked<Optimiser> {
  if (optimiser.name === 'fedavg' || optimiser.name === 'nesterov') return accept(optimiser);
  for (const key of ['rate', 'tau'] as const) {
    const units = unitsOf(optimiser[key], fractionBits);
    if (units < 1 || units > ADAPTIVE_UNITS_MAX) {
      const detail = `${key} is ${units} units of 2^-${fractionBits}, not 1..2^25`;
      return refuse('bad-optimiser', 'reject', detail);
    }
  }
  return accept(optimiser);
}

/** The state before round 0, of an optimiser that `checkOptimiser` accepts. */
export function initialState(
  optimiser: Optimiser,
  model: Int32Array,
  fractionBits: number,
): ModelState {
  const { length } = model;
  const isAdaptive = optimiser.name === 'fedadam' || optimiser.name === 'fedyogi';
  const momentum = new Int32Array(optimiser.name === 'fedavg' ? 0 : length);
  const variance = new Float64Array(isAdaptive ? length : 0);
  if (isAdaptive) variance.fill(unitsOf(optimiser.tau, fractionBits) ** 2);
  return { model, momentum, variance };
}

/** The state after one certified aggregate; nothing given is changed. */
export function advance(
  optimiser: Optimiser,
  state: ModelState,
  aggregate: Int32Array,
  fractionBits: number,
): ModelState {
  assert(aggregate.length === state.model.length, 'an aggregate as long as the model');
  const units = unitsOfOptimiser(optimiser, fractionBits);
  switch (units.name) {
    case 'fedavg':
      return averageStep(state, aggregate, units.rate);
    case 'nesterov':
      return nesterovStep(state, aggregate, units);
    default:
      return adaptiveStep(state, aggregate, units);
  }
}

/** Decimals as the integers that the steps multiply by. */
export type OptimiserUnits =
  | { readonly name: 'fedavg'; readonly rate: number }
  | { readonly name: 'nesterov'; readonly rate: number; readonly decay: number }
  | ({ readonly name: 'fedadam' | 'fedyogi' } & AdaptiveSettings);

export function unitsOfOptimiser(optimiser: Optimiser, fractionBits: number): OptimiserUnits {
  const { name, rate } = optimiser;
  switch (name) {
    case 'fedavg':
      return { name, rate: unitsOf(rate, RATE_BITS) };
    case 'nesterov': {
      const { momentum } = optimiser;
      return { name, rate: unitsOf(rate, RATE_BITS), decay: unitsOf(momentum, RATE_BITS) };
    }
    default:
      return {
        name,
        rate: unitsOf(rate, fractionBits),
        beta1: unitsOf(optimiser.beta1, RATE_BITS),
        beta2: unitsOf(optimiser.beta2, RATE_BITS),
        tau: unitsOf(optimiser.tau, fractionBits),
      };
  }
}

function averageStep(state: ModelState, aggregate: Int32Array, rate: number): ModelState {
  const model = state.model.map((x, k) => clampElement(x + scale(aggregate[k]!, rate)));
  return { ...state, model };
}

/** PyTorch's form of Nesterov momentum, on the negated aggregate (DiLoCo's outer step). */
function nesterovStep(
  state: ModelState,
  aggregate: Int32Array,
  { rate, decay }: { readonly rate: number; readonly decay: number },
): ModelState {
  const momentum = state.momentum.map((m, k) => clampElement(scale(m, decay) + aggregate[k]!));
  const model = state.model.map((x, k) => {
    const ahead = clampElement(aggregate[k]! + scale(momentum[k]!, decay));
    return clampElement(x + scale(ahead, rate));
  });
  return { ...state, model, momentum };
}

/** Reddi et al. 2021, algorithm 2: no bias correction. */
function adaptiveStep(
  state: ModelState,
  aggregate: Int32Array,
  { name, rate, beta1, beta2, tau }: Extract<OptimiserUnits, AdaptiveSettings>,
): ModelState {
  const isYogi = name === 'fedyogi';
  const model = new Int32Array(aggregate.length);
  const momentum = new Int32Array(aggregate.length);
  const variance = new Float64Array(aggregate.length);
  for (let k = 0; k < aggregate.length; k++) {
    const step = Math.min(Math.max(aggregate[k]!, -ADAPTIVE_MAX), ADAPTIVE_MAX);
    const fresh = scaleWide(step * step, ONE - beta2);
    const v = state.variance[k]!;
    const next = isYogi ? v - Math.sign(v - step * step) * fresh : scaleWide(v, beta2) + fresh;
    const m = scale(state.momentum[k]!, beta1) + scale(step, ONE - beta1);
    variance[k] = Math.min(Math.max(next, 0), VARIANCE_MAX);
    momentum[k] = m;
    const change = divHalfUp(m * rate, integerRoot(variance[k]!) + tau);
    model[k] = clampElement(state.model[k]! + change);
  }
  return { model, momentum, variance };
}
