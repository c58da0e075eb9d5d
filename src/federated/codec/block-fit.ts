/**
 * From a block of floats to its scale: one rule per kind of level, every operation and its order
 * fixed so that any implementation gives the same bits (docs/protocol/federated-codec.md, 3.1).
 */
import { ELEMENT_MAX } from '../fixed-point.ts';
import { fold, largestMagnitude, sumOfMagnitudes, sumOfSquares } from './lanes.ts';
import { type Levels, LLOYD_UNIT } from './levels.ts';
import { limitScale, nearestScale, scaleAbove } from './scale.ts';

export type Fit = 'absmax' | 'mean' | 'refit' | 'rms' | 'norm';

export interface Span {
  readonly x: Float32Array;
  readonly from: number;
  readonly to: number;
}

const LANES = 16;
const REFITS = 4;

/** The fit that goes with levels, QSGD's `norm` excepted. */
export function fitFor(levels: Levels): Fit {
  if (levels.kind === 'lloyd') return 'rms';
  if (levels.kind === 'tail') return 'refit';
  return levels.kind === 'odd' && levels.bits === 1 ? 'mean' : 'absmax';
}

/** The scale of a block, 0 included; limited so that every level stays an element. */
export function fitScale(span: Span, levels: Levels, fit: Fit, fractionBits: number): number {
  const r = realScale(span, levels, fit) * 2 ** fractionBits;
  const limited = Math.min(r, ELEMENT_MAX / levels.max);
  const scale = fit === 'norm' ? scaleAbove(limited) : nearestScale(limited);
  return limitScale(scale, levels.max);
}

function realScale(span: Span, levels: Levels, fit: Fit): number {
  const { x, from, to } = span;
  switch (fit) {
    case 'absmax':
      return largestMagnitude(x, from, to) / levels.max;
    case 'mean':
      return sumOfMagnitudes(x, from, to) / (to - from);
    case 'refit':
      return refit(span, levels);
    case 'rms':
      return Math.sqrt(sumOfSquares(x, from, to) / (to - from)) / LLOYD_UNIT[levels.bits]!;
    case 'norm':
      return Math.sqrt(sumOfSquares(x, from, to)) / levels.max;
  }
}

/** Least squares for two magnitudes, four times from where the mean lies in their middle. */
function refit({ x, from, to }: Span, { magnitudes }: Levels): number {
  const [low, high] = magnitudes as [number, number];
  const middle = (low + high) / 2;
  let r = sumOfMagnitudes(x, from, to) / (to - from) / middle;
  for (let round = 0; round < REFITS; round++) {
    const products = new Float64Array(LANES);
    let squares = 0;
    for (let i = from; i < to; i++) {
      const magnitude = Math.abs(x[i]!);
      const level = magnitude < middle * r ? low : high;
      products[(i - from) % LANES]! += magnitude * level;
      squares += level * level;
    }
    r = fold(products) / squares;
  }
  return r;
}
