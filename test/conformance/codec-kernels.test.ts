/**
 * The loops of gradient codecs: every instruction set of the addon against the reference, bit for
 * bit, from single loops to whole messages, refusals included.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { buildNative } from '../../scripts/build-native.ts';
import { loadAddon, type NativeCodecs } from '../../src/compute/addon.ts';
import { nativeCodecs } from '../../src/compute/native-codecs.ts';
import { codecOf, parseCodec } from '../../src/federated/codec/codec-spec.ts';
import { type CodecKernels, REFERENCE_KERNELS } from '../../src/federated/codec/kernels.ts';
import { accumulate } from '../../src/federated/fixed-point.ts';
import {
  bellValues,
  CODEC_TEXTS,
  contextOf,
  flatSchema,
  SMALL_SCHEMA,
} from '../support/updates.ts';

const build = await buildNative();
const addon = build.state === 'unavailable' ? undefined : await loadAddon();
const variants = addon?.codecs.variants() ?? [];

const finite = fc.float({ noNaN: true, noDefaultInfinity: true });
const units = fc.integer({ min: -3, max: 3 }).map((n) => n * 2 ** -24);
const small = fc.float({ min: -1, max: 1, noNaN: true });

function vectorOf(length: number): fc.Arbitrary<Float32Array> {
  const exact = { minLength: length, maxLength: length };
  return fc
    .oneof(fc.array(finite, exact), fc.array(units, exact), fc.array(small, exact))
    .map((list) => Float32Array.from(list));
}

/** Same answer, or the same refusal. */
function sameMessage(text: string, kernels: CodecKernels, x: Float32Array): void {
  const context = contextOf(
    x.length === SMALL_SCHEMA.elements ? SMALL_SCHEMA : flatSchema(x.length),
  );
  const reference = codecOf(parseCodec(text));
  const subject = codecOf(parseCodec(text), kernels);
  const bytes = reference.encode(x, context);
  assert.deepEqual(subject.encode(x, context), bytes);
  assert.deepEqual(subject.decode(bytes, context), reference.decode(bytes, context));
  sameSum(text, kernels, bytes);
  sameSum(text, REFERENCE_KERNELS, bytes);
  for (let place = 7; place < bytes.length * 8; place += 61) {
    const bent = bytes.slice();
    bent[place >>> 3]! ^= 1 << (place & 7);
    assert.deepEqual(subject.decode(bent, context), reference.decode(bent, context));
    sameSum(text, kernels, bent);
  }
}

/** Adding a message is decoding it and adding that; a refused one changes nothing. */
function sameSum(text: string, kernels: CodecKernels, bytes: Uint8Array): void {
  const context = contextOf(SMALL_SCHEMA);
  const before = Float64Array.from({ length: SMALL_SCHEMA.elements }, (_, i) => i - 400);
  const sum = before.slice();
  const weight = 77_777;
  const added = codecOf(parseCodec(text), kernels).accumulate(bytes, context, { sum, weight });
  const update = codecOf(parseCodec(text)).decode(bytes, context);
  assert.equal(added.ok, update.ok);
  if (update.ok) accumulate(before, update.value, weight);
  assert.deepEqual(sum, before);
}

function sameSelection(kernels: CodecKernels, x: Float32Array, k: number): void {
  assert.deepEqual(kernels.selectLargest(x, k), REFERENCE_KERNELS.selectLargest(x, k));
}

/** Huge values that cancel: what is left over of the small ones depends on the order of a sum. */
function cancelling(count: number, seed: number): Float32Array {
  const bell = bellValues(count, seed, 1);
  return bell.map((value) => (Math.abs(value) < 0.7 ? value : Math.sign(value) * 2 ** 58));
}

for (const variant of variants) {
  describe(variant, () => {
    const kernels = nativeCodecs(addon!, variant);

    for (const text of [
      ...CODEC_TEXTS,
      'q8:block=16',
      'q3:block=32',
      'q4:block=65536',
      'q2:block=16',
    ]) {
      test(`${text}: the same messages, the same refusals`, () => {
        const run = (x: Float32Array) => sameMessage(text, kernels, x);
        fc.assert(fc.property(vectorOf(SMALL_SCHEMA.elements), run), { numRuns: 12 });
        sameMessage(text, kernels, bellValues(5000, 3));
      });
    }

    test('short vectors of every length', () => {
      for (let length = 1; length < 70; length++) {
        for (const text of [
          'q8:block=16',
          'q4:block=16',
          'q3:block=16',
          'q2:block=16',
          'sign:block=16',
        ]) {
          sameMessage(text, kernels, bellValues(length, length));
        }
      }
    });

    test('the k largest: ties, few distinct values, a sample that misleads', () => {
      fc.assert(
        fc.property(vectorOf(300), fc.integer({ min: 1, max: 310 }), (x, k) => {
          sameSelection(kernels, x, k);
          const chunks = Math.min(k, 30);
          assert.deepEqual(
            kernels.selectChunks(x, 6, chunks),
            REFERENCE_KERNELS.selectChunks(x, 6, chunks),
          );
        }),
      );
      const bell = bellValues(200_001, 5);
      const few = bell.map((value) => Math.round(value * 200));
      const rare = bell.map((_, i) => (i % 1000 === 1 ? i : 0));
      // Large exactly where a stride of thirteen looks, and nowhere else, or the other way round.
      const seen = bell.map((value, i) => (i % 13 === 0 ? value + 5 : value));
      const unseen = bell.map((value, i) => (i % 13 === 0 ? value : value + 5));
      for (const x of [bell, few, rare, seen, unseen, new Float32Array(70_000)]) {
        for (const k of [1, 200, 2001, 20_000, 199_999, 300_000]) sameSelection(kernels, x, k);
        for (const keep of [1, 32, 4096]) {
          assert.deepEqual(
            kernels.selectChunks(x, 12, keep),
            REFERENCE_KERNELS.selectChunks(x, 12, keep),
          );
        }
      }
    });

    test('matrix products of ragged shapes', () => {
      for (const [rows, columns, rank] of [
        [1, 1, 1],
        [3, 7, 2],
        [5, 8, 3],
        [9, 519, 4],
        [130, 1030, 1],
      ] as const) {
        const matrix = { data: cancelling(rows * columns, rank), rows, columns };
        const right = Array.from({ length: rank }, (_, j) => bellValues(columns, 10 + j, 1));
        const left = Array.from({ length: rank }, (_, j) => bellValues(rows, 20 + j, 1));
        for (const column of [right[0]!, left[0]!]) column.fill(1);
        assert.deepEqual(
          kernels.timesColumns(matrix, right),
          REFERENCE_KERNELS.timesColumns(matrix, right),
        );
        assert.deepEqual(
          kernels.transposedTimesColumns(matrix, left),
          REFERENCE_KERNELS.transposedTimesColumns(matrix, left),
        );
      }
    });

    test('the last columns of a row have lanes of their own', () => {
      const huge = 2 ** 58;
      const row = [huge, 0.3, -huge, 0.4, huge, -huge, 0.5];
      const matrix = {
        data: Float32Array.from([row, row, row, row, row].flat()),
        rows: 5,
        columns: 7,
      };
      const [left] = kernels.timesColumns(matrix, [new Float32Array(7).fill(1)]);
      // In order the small ones would leave 0.5; folded lanes leave nothing.
      assert.deepEqual(left, new Float32Array(5));
      const [reference] = REFERENCE_KERNELS.timesColumns(matrix, [new Float32Array(7).fill(1)]);
      assert.deepEqual(reference, left);
    });

    test('the first value that is not finite', () => {
      for (const at of [0, 1, 4095, 4096, 9998]) {
        const x = bellValues(9999);
        assert.equal(kernels.firstNotFinite(x), x.length);
        x[at] = at % 2 === 0 ? Number.NaN : Number.NEGATIVE_INFINITY;
        x[9998] = Number.POSITIVE_INFINITY;
        assert.equal(kernels.firstNotFinite(x), at);
      }
    });
  });
}

test('wrong arguments are refused before a loop sees them', { concurrency: false }, () => {
  if (addon === undefined) return;
  const { codecs } = addon;
  const x = new Float32Array(32);
  const bytes = (length: number) => new Uint8Array(length);
  const out = new Uint32Array(4);
  const calls: ((native: NativeCodecs) => unknown)[] = [
    (native) => native.firstNotFinite('avx1024', x),
    (native) => native.firstNotFinite('generic', new Uint8Array(4) as unknown as Float32Array),
    (native) => native.encodeBlocks('generic', 4, 8, 24, x, bytes(4), bytes(31)),
    (native) => native.encodeBlocks('generic', 4, 8, 24, x, bytes(2), bytes(32)),
    (native) => native.encodeBlocks('generic', 4, 5, 24, x, bytes(4), bytes(20)),
    (native) => native.encodeBlocks('generic', 3, 8, 24, x, bytes(8), bytes(32)),
    (native) => native.decodeBlocks('generic', 4, 8, bytes(4), bytes(32), new Int32Array(33)),
    (native) =>
      native.accumulateBlocks('generic', 4, 8, 0, bytes(4), bytes(32), new Float64Array(32)),
    (native) => native.selectLargest('generic', 5, x, out),
    (native) => native.selectLargest('generic', 0, x, out),
    (native) => native.selectLargest('generic', 1.5, x, out),
    (native) => native.selectChunks('generic', 4, 3, x, out),
    (native) => native.product('generic', 0, 4, 8, 1, x, new Float32Array(7), new Float32Array(4)),
    (native) => native.product('generic', 1, 4, 8, 1, x, new Float32Array(4), new Float32Array(4)),
    (native) => native.product('generic', 0, 2 ** 20, 2 ** 20, 1, x, x, x),
  ];
  for (const call of calls) assert.throws(() => call(codecs), TypeError);
});
