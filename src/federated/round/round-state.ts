/**
 * The state that goes from round to round as one array of int32 rows: model, last aggregate, and
 * what the optimiser carries (docs/protocol/federated-round.md, section 4).
 */
import { assert } from '../../base/errors.ts';
import { STATE_ROWS } from '../../kernel/fed-aggregate.ts';
import { toFixed, toFloats } from '../fixed-point.ts';
import { initialState, type ModelState, type Optimiser } from '../optimiser/optimiser.ts';

const HALF_WORD = 2 ** 26;

export interface RoundState extends ModelState {
  /** The reference of the next round's rule. */
  readonly aggregate: Int32Array;
}

export function rowsOfState({ name }: Optimiser): number {
  return STATE_ROWS[name]!;
}

export function packState(state: RoundState): Int32Array {
  const { model, aggregate, momentum, variance } = state;
  const d = model.length;
  const rows = 2 + (momentum.length > 0 ? 1 : 0) + (variance.length > 0 ? 2 : 0);
  const packed = new Int32Array(rows * d);
  packed.set(model);
  packed.set(aggregate, d);
  packed.set(momentum, 2 * d);
  variance.forEach((value, k) => {
    packed[3 * d + k] = Math.floor(value / HALF_WORD);
    packed[4 * d + k] = value % HALF_WORD;
  });
  return packed;
}

/**
 * Whether a state may come from a round: what the adaptive optimisers carry has bounds, within
 * which their arithmetic is exact. All rows of the others may hold anything.
 */
export function isState(packed: Int32Array, optimiser: Optimiser): boolean {
  const rows = rowsOfState(optimiser);
  const d = packed.length / rows;
  for (let k = 0; rows === 5 && k < d; k++) {
    const [momentum, high, low] = [packed[2 * d + k]!, packed[3 * d + k]!, packed[4 * d + k]!];
    const isVariance = high >= 0 && high < HALF_WORD && low >= 0 && low < HALF_WORD;
    if (!isVariance || Math.abs(momentum) > HALF_WORD) return false;
  }
  return true;
}

/** `packed` has the optimiser's number of rows. */
export function unpackState(packed: Int32Array, optimiser: Optimiser): RoundState {
  const rows = rowsOfState(optimiser);
  assert(packed.length % rows === 0, 'whole rows');
  const d = packed.length / rows;
  const row = (i: number) => packed.slice(i * d, (i + 1) * d);
  const variance = new Float64Array(rows === 5 ? d : 0);
  for (let k = 0; k < variance.length; k++) {
    variance[k] = packed[3 * d + k]! * HALF_WORD + packed[4 * d + k]!;
  }
  const momentum = rows > 2 ? row(2) : new Int32Array(0);
  return { model: row(0), aggregate: row(1), momentum, variance };
}

/** The state before round 0 of a model that starts at these parameters. */
export function firstState(
  optimiser: Optimiser,
  parameters: Float32Array,
  fractionBits: number,
): Int32Array {
  const model = Int32Array.from(parameters, (value) => toFixed(value, fractionBits));
  const state = initialState(optimiser, model, fractionBits);
  return packState({ ...state, aggregate: new Int32Array(model.length) });
}

/** The model as floats: one rounding each. */
export function modelOfState(
  packed: Int32Array,
  elements: number,
  fractionBits: number,
): Float32Array {
  return toFloats(packed.subarray(0, elements), fractionBits);
}
