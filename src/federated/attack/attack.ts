/**
 * The attacks that every rule is tried against, as fixtures for experiments, the lab and tests. A
 * liar sees what is worst for us: all honest updates of its round, and what it would have sent.
 * Nothing on the certified path imports this file.
 */
import { assert } from '../../base/errors.ts';
import { normalQuantile } from './normal-quantile.ts';

export interface AttackView {
  /** What this client would have sent, in floats. */
  readonly own: Float32Array;
  /** What the honest clients send. */
  readonly honest: readonly Float32Array[];
  /** Liars of the round; with `honest.length` all its clients. */
  readonly faulty: number;
  /** From 0. */
  readonly round: number;
}

export interface Attack {
  readonly name: AttackName;
  /** One line for people. */
  readonly what: string;
  /** Labels as the liar trains on them. */
  readonly label?: (label: number, classes: number) => number;
  /** What it sends; undefined: what it would have sent. */
  readonly update?: (view: AttackView) => Float32Array;
  /** Whether all liars send the very same bytes; others differ by a unit, as liars would. */
  readonly isIdentical?: true;
  /** The weight it claims, given the plan's cap. */
  readonly weight?: (honest: number, cap: number) => number;
}

export const ATTACK_NAMES = [
  'label-flip',
  'sign-flip',
  'alie',
  'ipm-weak',
  'ipm-strong',
  'mimic',
  'huge',
  'not-a-number',
  'infinite',
  'negative-zero',
  'index-poison',
  'weight-inflation',
  'residual-bomb',
  'collude',
  'duplicate',
] as const;

export type AttackName = (typeof ATTACK_NAMES)[number];

/** Rounds that a residual bomb keeps quiet before it releases what it held back. */
export const BOMB_ROUNDS = 8;
/** Coordinates that poisoners agree on: the share of the model where honest clients move least. */
const POISONED_SHARE = 0.01;

const filled = (like: Float32Array, value: number): Float32Array =>
  new Float32Array(like.length).fill(value);

const ATTACKS: Readonly<Record<AttackName, Omit<Attack, 'name'>>> = {
  'label-flip': {
    what: 'trains honestly on labels turned round: y becomes classes - 1 - y',
    label: (label, classes) => classes - 1 - label,
  },
  'sign-flip': {
    what: 'sends its own update negated',
    update: ({ own }) => own.map((value) => -value),
  },
  alie: {
    what: 'a little is enough: hides within the honest spread (Baruch et al. 2019)',
    update: littleIsEnough,
  },
  'ipm-weak': {
    what: 'minus a tenth of the honest mean (Xie et al. 2020)',
    update: ({ honest }) => meanOf(honest).map((value) => -0.1 * value),
  },
  'ipm-strong': {
    what: 'minus 1.1 times the honest mean',
    update: ({ honest }) => meanOf(honest).map((value) => -1.1 * value),
  },
  mimic: {
    what: 'copies the first honest client, so that its data counts too much',
    update: ({ honest }) => honest[0]!.slice(),
  },
  huge: { what: '1e8 everywhere', update: ({ own }) => filled(own, 1e8) },
  'not-a-number': { what: 'NaN everywhere', update: ({ own }) => filled(own, Number.NaN) },
  infinite: {
    what: 'minus infinity everywhere',
    update: ({ own }) => filled(own, Number.NEGATIVE_INFINITY),
  },
  'negative-zero': { what: '-0 everywhere', update: ({ own }) => filled(own, -0) },
  'index-poison': {
    what: 'all liars push the coordinates where honest clients are quietest (SafeSparse)',
    update: poisonIndices,
  },
  'weight-inflation': {
    what: 'its update negated, and the largest weight claimed',
    update: ({ own }) => own.map((value) => -value),
    weight: (_, cap) => cap,
  },
  'residual-bomb': {
    what: `quiet for ${BOMB_ROUNDS - 1} rounds, then releases what it held back, negated`,
    update: ({ own, round }) =>
      round % BOMB_ROUNDS === BOMB_ROUNDS - 1
        ? own.map((value) => -BOMB_ROUNDS * value)
        : filled(own, 0),
  },
  collude: {
    what: "all liars negate one honest client's update: where it alone knows a class, they unteach it",
    update: negateFirst,
  },
  duplicate: {
    what: 'the same, as one byte string under as many ids',
    update: negateFirst,
    isIdentical: true,
  },
};

/** The fixture of a name. */
export function attackOf(name: AttackName): Attack {
  return { name, ...ATTACKS[name] };
}

/** After the commitment, other bytes for one part: what a hash tree exists to catch. */
export function swapPart(message: Uint8Array, at: number): Uint8Array {
  assert(at >= 0 && at < message.length, 'a byte of the message');
  const swapped = message.slice();
  swapped[at]! ^= 0xff;
  return swapped;
}

function negateFirst({ honest }: AttackView): Float32Array {
  return honest[0]!.map((value) => -value);
}

/** mean - z std, z so that s more clients than the liars find it credible. */
function littleIsEnough({ honest, faulty }: AttackView): Float32Array {
  const count = honest.length + faulty;
  const supporters = Math.floor(count / 2 + 1) - faulty;
  const z = normalQuantile((count - faulty - supporters) / (count - faulty));
  const mean = meanOf(honest);
  return mean.map((centre, k) => {
    let squares = 0;
    for (const vector of honest) squares += (vector[k]! - centre) ** 2;
    return centre - z * Math.sqrt(squares / honest.length);
  });
}

function poisonIndices({ honest, own }: AttackView): Float32Array {
  const quiet = new Float64Array(own.length);
  let loudest = 0;
  for (const vector of honest) {
    for (let k = 0; k < quiet.length; k++) {
      quiet[k]! += Math.abs(vector[k]!);
      loudest = Math.max(loudest, Math.abs(vector[k]!));
    }
  }
  const count = Math.max(1, Math.floor(own.length * POISONED_SHARE));
  const targets = [...quiet.keys()].sort((a, b) => quiet[a]! - quiet[b]! || a - b).slice(0, count);
  const update = new Float32Array(own.length);
  for (const k of targets) update[k] = 10 * loudest;
  return update;
}

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) for (let k = 0; k < sum.length; k++) sum[k]! += vector[k]!;
  return Float32Array.from(sum, (value) => value / vectors.length);
}
