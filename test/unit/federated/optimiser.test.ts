/** Optimisers against exact rational arithmetic and against the textbook's floats. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDecimal, nanosOf, parseDecimal, unitsOf } from '../../../src/federated/decimal.ts';
import {
  divHalfUp,
  integerRoot,
  scale,
  scaleWide,
} from '../../../src/federated/optimiser/arithmetic.ts';
import {
  advance,
  checkOptimiser,
  fedAdam,
  fedAvg,
  fedYogi,
  initialState,
  nesterov,
  type Optimiser,
} from '../../../src/federated/optimiser/optimiser.ts';
import {
  formatOptimiser,
  parseOptimiser,
} from '../../../src/federated/optimiser/optimiser-text.ts';
import { halfUp } from '../../support/federated-reference.ts';

const BITS = 24;
const ONE = 2 ** BITS;

function read(text: string): Optimiser {
  const parsed = parseOptimiser(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

test('the arithmetic is exact to the edges of its ranges', () => {
  const wide = fc.oneof(fc.maxSafeNat(), fc.integer({ min: 0, max: 1000 })).map((x) => x % 2 ** 52);
  const rate = fc.integer({ min: 0, max: 2 ** 20 });
  fc.assert(
    fc.property(fc.integer({ min: 1 - 2 ** 31 }), rate, (a, r) => {
      assert.equal(BigInt(scale(a, 2 * r)), halfUp(BigInt(a) * BigInt(2 * r), 2n ** 20n));
    }),
  );
  fc.assert(
    fc.property(wide, rate, (a, r) => {
      assert.equal(BigInt(scaleWide(a, r)), halfUp(BigInt(a) * BigInt(r), 2n ** 20n));
    }),
  );
  fc.assert(
    fc.property(wide, fc.boolean(), fc.integer({ min: 1, max: 2 ** 27 }), (a, isNegative, b) => {
      const half = Math.floor(a / 2);
      const value = isNegative ? 0 - half : half;
      assert.equal(BigInt(divHalfUp(value, b)), halfUp(BigInt(value), BigInt(b)));
    }),
  );
  for (const s of [0, 1, 2, 3, 2 ** 25, 2 ** 26 - 1, 67_108_863, 94_906_265 >> 1]) {
    assert.equal(integerRoot(s * s), s);
    assert.equal(integerRoot(s * s + 2 * s), s);
    if (s > 0) assert.equal(integerRoot(s * s - 1), s - 1);
  }
});

/** The textbook's update in floats, one element. */
function floats(optimiser: Optimiser, deltas: readonly number[]): number {
  const of = (nanos: number) => nanos / 1e9;
  let [x, m] = [0, 0];
  let v = 'tau' in optimiser ? of(optimiser.tau) ** 2 : 0;
  for (const delta of deltas) {
    if (optimiser.name === 'fedavg') x += of(optimiser.rate) * delta;
    else if (optimiser.name === 'nesterov') {
      m = of(optimiser.momentum) * m + delta;
      x += of(optimiser.rate) * (delta + of(optimiser.momentum) * m);
    } else {
      m = of(optimiser.beta1) * m + (1 - of(optimiser.beta1)) * delta;
      const fresh = (1 - of(optimiser.beta2)) * delta * delta;
      v =
        optimiser.name === 'fedadam'
          ? of(optimiser.beta2) * v + fresh
          : v - fresh * Math.sign(v - delta * delta);
      x += (of(optimiser.rate) * m) / (Math.sqrt(v) + of(optimiser.tau));
    }
  }
  return x;
}

for (const text of ['fedavg:0.5', 'nesterov', 'fedadam', 'fedyogi:rate=0.05']) {
  test(`${text} follows the textbook`, () => {
    const optimiser = read(text);
    const deltas = [0.5, -0.25, 0.125, 0.1, -0.9, 0.03125, 0.7];
    let state = initialState(optimiser, new Int32Array(1), BITS);
    for (const delta of deltas) {
      const aggregate = Int32Array.of(Math.round(delta * ONE));
      state = advance(optimiser, state, aggregate, BITS);
    }
    const expected = floats(optimiser, deltas);
    assert.ok(Math.abs(state.model[0]! / ONE - expected) < 2e-5, `${state.model[0]! / ONE}`);
  });
}

test('a model that would leave its range stays at its edge', () => {
  const edge = 2 ** 31 - 1;
  for (const text of ['fedavg:2', 'nesterov:2,1', 'fedadam:2,0,1,0.001', 'fedyogi:2,0.9,1,0.001']) {
    const optimiser = read(text);
    let state = initialState(optimiser, Int32Array.of(edge - 1, 1 - edge), BITS);
    for (let step = 0; step < 200; step++) {
      state = advance(optimiser, state, Int32Array.of(edge, -edge), BITS);
    }
    assert.deepEqual([...state.model], [edge, -edge], text);
  }
});

test('adaptive settings that are nothing or too much in units are refused', () => {
  const tiny = checkOptimiser(read('fedadam:tau=0.001'), 8);
  assert.ok(!tiny.ok && tiny.reason === 'bad-optimiser');
  assert.ok(!checkOptimiser(read('fedyogi:rate=2'), 30).ok);
  assert.ok(checkOptimiser(read('fedyogi:rate=2'), 24).ok);
  assert.ok(checkOptimiser(read('nesterov'), 8).ok);
});

test('decimals have one spelling and round once', () => {
  assert.equal(parseDecimal('0.7'), 700_000_000);
  for (const text of ['0.70', '.7', '7.', '+1', '-1', '1e3', '01', '', '0.1234567891', 'NaN']) {
    assert.equal(parseDecimal(text), undefined, text);
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 52 }), (nanos) => {
      assert.equal(parseDecimal(formatDecimal(nanos)), nanos);
    }),
  );
  assert.equal(nanosOf(0.1), 100_000_000);
  assert.equal(unitsOf(nanosOf(0.5), 0), 1);
  assert.equal(unitsOf(1, 24), 0);
  assert.equal(unitsOf(nanosOf(0.7), 20), 734_003);
});

test('constructors and texts have the same defaults', () => {
  const made = { fedavg: fedAvg(), nesterov: nesterov(), fedadam: fedAdam(), fedyogi: fedYogi() };
  for (const [text, optimiser] of Object.entries(made)) assert.deepEqual(read(text), optimiser);
  const given = nesterov({ rate: 0.5, momentum: 0.8 });
  assert.equal(formatOptimiser(given), 'nesterov:rate=0.5,momentum=0.8');
  assert.deepEqual(read('fedadam:tau=0.1'), fedAdam({ tau: 0.1 }));
});

test('optimiser texts that say nothing sensible are refused', () => {
  const texts = [
    '',
    'sgd',
    'fedavg:0',
    'fedavg:3',
    'nesterov:0.7,1.1',
    'fedavg+fedavg',
    'fedadam:x=1',
  ];
  for (const text of texts) {
    const parsed = parseOptimiser(text);
    assert.ok(!parsed.ok && parsed.reason === 'bad-spec', text);
  }
});
