/**
 * What a federated round does to whole vectors: every instruction set of the addon against the
 * reference, integer for integer, from single loops at the edges of their ranges to whole rounds,
 * refusals included.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { buildNative } from '../../scripts/build-native.ts';
import { blobRoot } from '../../src/blob/tree.ts';
import { loadAddon, type NativeRounds, type NativeVector } from '../../src/compute/addon.ts';
import { sampleRound } from '../../src/compute/kernels/fed-aggregate.ts';
import { nativeRounds } from '../../src/compute/native-rounds.ts';
import { codecOf, parseCodec } from '../../src/federated/codec/codec-spec.ts';
import { ELEMENT_MAX } from '../../src/federated/fixed-point.ts';
import { parseOptimiser } from '../../src/federated/optimiser/optimiser-text.ts';
import {
  aggregateRound,
  aggregateRoundBy,
  type RoundInputs,
  type RoundParameters,
} from '../../src/federated/round/aggregate-round.ts';
import {
  REFERENCE_ROUND_KERNELS,
  type RoundKernels,
  type StateStep,
} from '../../src/federated/round/round-kernels.ts';
import { rowsOfState } from '../../src/federated/round/round-state.ts';
import type { Decision } from '../../src/federated/rule/decide.ts';
import { bellValues, contextOf, flatSchema } from '../support/updates.ts';

const build = await buildNative();
const addon = build.state === 'unavailable' ? undefined : await loadAddon();
const variants = addon?.codecs.variants() ?? [];

type Kernels = RoundKernels<NativeVector>;

/** Deterministic integers; `reach` is the largest magnitude. */
function integers(length: number, seed: number, reach: number): Int32Array {
  let word = seed >>> 0;
  return Int32Array.from({ length }, () => {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    if (word % 61 === 0) return word % 2 === 0 ? reach : -reach;
    return Math.round((word / 2 ** 31 - 1) * reach);
  });
}

function basisOf(vectors: number, length: number, reachOf: (i: number) => number) {
  const [reference, ...updates] = Array.from({ length: vectors }, (_, i) =>
    integers(length, 7 * i + length, reachOf(i)),
  );
  return { reference: reference!, updates };
}

/** Rows of random shares that add up to `total`, the zero vector's first. */
function rowsOf(count: number, vectors: number, total: number): number[][] {
  return Array.from({ length: count }, (_, j) => {
    const parts = integers(vectors, 31 * j + vectors, 1000).map(Math.abs);
    const sum = parts.reduce((all, part) => all + part + 1, 0);
    const shares = [...parts].map((part) => Math.floor(((part + 1) / sum) * total));
    return [total - shares.reduce((all, share) => all + share, 0), ...shares];
  });
}

/** Lengths around tiles and Gram blocks; few and many vectors; small, ragged and largest values. */
const SHAPES: readonly (readonly [vectors: number, length: number, reach: number])[] = [
  [2, 1, ELEMENT_MAX],
  [3, 511, 2 ** 20],
  [5, 513, ELEMENT_MAX],
  [6, 4097, 2 ** 22],
  [9, 65_537, 2 ** 24],
  [34, 1300, 2 ** 16],
  [64, 300, 2 ** 31 - 2],
];

function sameGram(kernels: Kernels): void {
  for (const [vectors, length, reach] of SHAPES) {
    const basis = basisOf(vectors, length, (i) => (i % 3 === 1 ? reach : reach >> (i % 12)));
    assert.deepEqual(kernels.gramBlocks(basis), REFERENCE_ROUND_KERNELS.gramBlocks(basis));
  }
}

function sameDecisions(kernels: Kernels): void {
  for (const [vectors, length, reach] of SHAPES) {
    const basis = basisOf(vectors, length, () => reach);
    for (const total of [1, vectors, 65_536, 2 ** 30 - 1, 2 ** 30]) {
      const [row] = rowsOf(1, vectors, total);
      const only = row!.map((_, a) => (a === vectors ? total : 0));
      const rows = rowsOf(vectors, vectors, total);
      const faulty = (vectors - 1) >> 1;
      const decisions: Decision[] = [
        { kind: 'mix', row: row!, total },
        { kind: 'mix', row: only, total },
        { kind: 'sort', rows, total, pick: { name: 'median' } },
        { kind: 'sort', rows: [...rows, only], total, pick: { name: 'median' } },
        { kind: 'sort', rows, total, pick: { name: 'trim', faulty } },
        { kind: 'sort', rows, total, pick: { name: 'closest', keep: vectors - faulty } },
      ];
      for (const decision of length > 5000 ? decisions.slice(0, 3) : decisions) {
        const expected = REFERENCE_ROUND_KERNELS.applyDecision(decision, basis);
        assert.deepEqual(kernels.applyDecision(decision, basis), expected);
      }
    }
  }
}

/** Every number of rows: a sorting network is wrong for one of them or for none. */
function sameOrder(kernels: Kernels): void {
  for (let vectors = 2; vectors < 40; vectors++) {
    const basis = basisOf(vectors, 300, (i) => (i % 2 === 0 ? 3 : 2 ** 30));
    const rows = basis.updates.map((_, j) =>
      Array.from({ length: vectors + 1 }, (_, a) => (a === j + 2 ? 1 : 0)),
    );
    for (const faulty of [0, (rows.length - 1) >> 1]) {
      const trim = { name: 'trim', faulty } as const;
      const decision: Decision = { kind: 'sort', rows, total: 1, pick: trim };
      const expected = REFERENCE_ROUND_KERNELS.applyDecision(decision, basis);
      assert.deepEqual(kernels.applyDecision(decision, basis), expected);
    }
  }
}

const OPTIMISERS = [
  'fedavg:rate=1',
  'fedavg:rate=1.999999',
  'nesterov:rate=0.7,momentum=0.9',
  'nesterov:rate=2,momentum=1',
  'fedadam:rate=0.01,beta1=0.9,beta2=0.99,tau=0.001',
  'fedyogi:rate=1,beta1=0.1,beta2=0,tau=0.0001',
];

function sameSteps(kernels: Kernels): void {
  for (const text of OPTIMISERS) {
    const optimiser = parseOptimiser(text);
    assert.ok(optimiser.ok);
    const d = 70_000;
    const rows = rowsOfState(optimiser.value);
    const reaches = [ELEMENT_MAX, ELEMENT_MAX, rows === 5 ? 2 ** 26 : ELEMENT_MAX];
    const state = new Int32Array(rows * d);
    for (let row = 0; row < rows; row++) {
      const reach = reaches[row] ?? 2 ** 26 - 1;
      const values = integers(d, row + 5, reach);
      state.set(row < 3 ? values : values.map(Math.abs), row * d);
    }
    for (const reach of [1, 2 ** 20, ELEMENT_MAX]) {
      const aggregate = integers(d, 77, reach);
      const step: StateStep = { optimiser: optimiser.value, state, aggregate, fractionBits: 20 };
      const expected = REFERENCE_ROUND_KERNELS.advanceState(step);
      assert.deepEqual(kernels.advanceState(step), expected, text);
    }
  }
}

function sameRoots(kernels: Kernels): void {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7919) >> 3);
  const lengths = [0, 1, 54, 55, 56, 62, 63, 64, 65, 118, 119, 120, 127, 128, 65_535, 65_536];
  const contents = [...lengths, 65_537, 131_072, 199_999].map((n) => bytes.subarray(1, 1 + n));
  assert.deepEqual(kernels.blobRoots(contents), contents.map(blobRoot));
}

interface Round {
  readonly parameters: RoundParameters;
  readonly inputs: RoundInputs;
}

function roundOf(codec: string, rule: string, optimiser: string, columns: number): Round {
  const request = sampleRound({ codec, rule, clients: 9, columns, optimiser });
  const [schema, state, statements, updates] = request.inputs.map(
    ({ segments }) => segments[0]!.bytes,
  ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const words = new Int32Array(state.slice().buffer);
  const parameters = request.parameters as unknown as RoundParameters;
  return { parameters, inputs: { schema, state: words, statements, updates } };
}

function sameRound(kernels: Kernels, { parameters, inputs }: Round): void {
  const expected = aggregateRound(parameters, inputs);
  assert.ok(expected.ok);
  assert.deepEqual(aggregateRoundBy(kernels, parameters, inputs), expected);
}

const CODECS = ['q8', 'q8:block=16', 'q4', 'q3:block=65536', 'q2', 'sign', 'q4:levels=lloyd'];
const OTHERS = ['ternary', 'topk:keep=10%', 'chunk:size=1024', 'randk', 'powersgd:rank=1', 'qsgd'];
const RULES = [
  'mean',
  'bucket:size=2+centered-clip:steps=3,radius=median',
  'norm-bound:length=0.5+geometric-median:steps=4',
  'nnm:faulty=2+krum:faulty=2',
];

for (const variant of variants) {
  for (const threads of [1, 3]) {
    describe(`${variant}, ${threads} threads`, () => {
      const kernels = nativeRounds(addon!, { variant, threads });

      test('inner products, from one coordinate to several blocks', () => sameGram(kernels));
      test('shares of every size, and sorted rows', () => sameDecisions(kernels));
      test('any number of rows in order', () => sameOrder(kernels));
      test('the steps of every optimiser, at the edges too', () => sameSteps(kernels));
      test('roots of blobs of every length', () => sameRoots(kernels));

      test('whole rounds of every codec and kind of rule', () => {
        for (const [i, codec] of [...CODECS, ...OTHERS].entries()) {
          for (const [j, rule] of RULES.entries()) {
            const optimiser = OPTIMISERS[(i + j) % OPTIMISERS.length]!;
            sameRound(kernels, roundOf(codec, rule, optimiser, 333));
          }
        }
        for (const rule of ['median', 'trimmed-mean:faulty=3', 'bulyan:faulty=1']) {
          sameRound(kernels, roundOf('q4', rule, 'fedavg:rate=1', 1025));
        }
        sameRound(kernels, roundOf('q8', RULES[1]!, 'nesterov:rate=0.7,momentum=0.9', 140_001));
      });

      test('messages that are none are refused for the same reason', () => {
        const context = contextOf(flatSchema(700));
        for (const text of [...CODECS, ...OTHERS]) {
          const reference = codecOf(parseCodec(text));
          const codec = codecOf(parseCodec(text), kernels.codecs);
          const good = [1, 2, 3].map((seed) =>
            reference.encode(bellValues(700, seed), {
              ...context,
              ditherKey: new Uint8Array(32).fill(seed),
            }),
          );
          const bent = fc.tuple(fc.nat(), fc.nat(), fc.nat({ max: 2 }), fc.nat({ max: 2 }));
          const judge = ([first, second, i, j]: [number, number, number, number]) => {
            const containers = good.map((one) => one.slice());
            for (const [place, at] of [
              [first, i],
              [second, j],
            ] as const) {
              const bytes = containers[at]!;
              bytes[(place >>> 3) % bytes.length]! ^= 1 << (place & 7);
            }
            const opened = kernels.openUpdates(containers, codec, context);
            const expected = REFERENCE_ROUND_KERNELS.openUpdates(containers, reference, context);
            assert.deepEqual(opened.ok || opened.reason, expected.ok || expected.reason);
          };
          fc.assert(fc.property(bent, judge), { numRuns: 60 });
        }
      });
    });
  }
}

test('wrong arguments are refused before a loop sees them', () => {
  if (addon === undefined) return;
  const { rounds } = addon;
  const ints = (length: number) => new Int32Array(length);
  const floats = (...list: number[]) => Float64Array.from(list);
  const block = {
    blockLog2: 4,
    bits: 8,
    scales: new Uint8Array(2),
    values: new Uint8Array(16),
  };
  const sums = new BigUint64Array(6);
  const out = ints(16);
  const calls: ((native: NativeRounds) => unknown)[] = [
    (native) => native.hashLeaves(1, [new Uint8Array(65_537)], [new Uint8Array(32)]),
    (native) => native.hashLeaves(0, [new Uint8Array(1)], [new Uint8Array(32)]),
    (native) => native.hashLeaves(1, [new Uint8Array(1)], []),
    (native) => native.checkBlocks('generic', 1, 17, [block]),
    (native) => native.checkBlocks('generic', 1, 16, [{ ...block, bits: 5 }]),
    (native) => native.checkBlocks('generic', 1, 16, [{ ...block, blockLog2: 3 }]),
    (native) => native.checkBlocks('generic', 1, 16, [{ ...block, scales: new Uint8Array(4) }]),
    (native) => native.checkBlocks('generic', 1, 16, [7 as unknown as Int32Array]),
    (native) => native.checkBlocks('avx1024', 1, 16, [block]),
    (native) => native.gram('generic', 1, 16, [out, block], sums.subarray(1)),
    (native) => native.gram('generic', 1, 16, [out, ints(15)], sums),
    (native) => native.gram('generic', 1, 16, [], sums),
    (native) => native.mix('generic', 1, 16, [out, block], 3, floats(2, 2), ints(16)),
    (native) => native.mix('generic', 1, 16, [out, block], 3, floats(1, 0.5), ints(16)),
    (native) => native.mix('generic', 1, 16, [out, block], 3, floats(1, -1), ints(16)),
    (native) => native.mix('generic', 1, 16, [out, block], 3, floats(1), ints(16)),
    (native) => native.mix('generic', 1, 16, [out, block], 0, floats(0, 0), ints(16)),
    (native) => native.mix('generic', 1, 16, [out, block], 3, floats(1, 1), ints(17)),
    (native) => native.sort('generic', 1, 16, [out], 1, floats(1, 1), 1, 1, ints(16)),
    (native) => native.sort('generic', 1, 16, [out], 1, floats(1, 1), 2, 3, ints(16)),
    (native) => native.sort('generic', 1, 16, [out], 1, floats(1, 1), 2, 0, ints(16)),
    (native) => native.step('generic', 1, 0, floats(1, 0, 0, 0, 0), ints(5), ints(2), ints(5)),
    (native) => native.step('generic', 1, 0, floats(1, 0, 0, 0), ints(4), ints(2), ints(4)),
    (native) => native.step('generic', 1, 2, floats(1, 0, 0, 0, 0), ints(10), ints(2), ints(10)),
    (native) => native.step('generic', 1, 4, floats(1, 0, 0, 0, 1), ints(10), ints(2), ints(10)),
  ];
  for (const [i, call] of calls.entries()) {
    assert.throws(() => call(rounds), TypeError, `call ${i}`);
  }
});
