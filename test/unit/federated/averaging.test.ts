/** Parts of an averaging cover the tensor, trees reach their root; pieces are what they say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addPiece,
  decodeMean,
  encodeMean,
  encodeOwn,
  encodeSums,
  type PieceCoding,
} from '../../../src/federated/averaging/piece.ts';
import {
  PIECE_ELEMENTS,
  planParts,
  TOPOLOGIES,
} from '../../../src/federated/averaging/topology.ts';
import { codecOf, parseCodec } from '../../../src/federated/codec/codec-spec.ts';
import { bellValues } from '../../support/updates.ts';

const group = fc
  .array(fc.tuple(fc.nat({ max: 2 ** 40 }), fc.nat({ max: 3 })), { minLength: 1, maxLength: 16 })
  .map((list) => ({
    bandwidths: list.map(([bandwidth]) => bandwidth),
    sites: list.map(([, site]) => site),
  }));

test('parts cover everything once, and every member of every tree reaches its root', () => {
  const elements = fc.integer({ min: 1, max: 40 * PIECE_ELEMENTS });
  fc.assert(
    fc.property(elements, group, fc.constantFrom(...TOPOLOGIES), (count, one, topology) => {
      const parts = planParts({ elements: count, topology, ...one });
      assert.equal(parts.length, one.sites.length);
      let end = 0;
      for (const [root, { from, to, parents }] of parts.entries()) {
        assert.ok(from === end && to >= from);
        end = to;
        for (let member = 0; member < parents.length; member++) {
          let at: number | undefined = member;
          for (let hops = 0; at !== root; hops++) {
            assert.ok(hops < parents.length && at !== undefined);
            at = parents[at];
          }
        }
        assert.equal(parents[root], undefined);
      }
      assert.equal(end, count);
    }),
  );
});

test('parts are as large as members are fast; an unmeasured one is like the others', () => {
  const sizesOf = (bandwidths: readonly number[]) =>
    planParts({
      elements: 60 * PIECE_ELEMENTS,
      topology: 'butterfly',
      bandwidths,
      sites: bandwidths.map(() => 0),
    }).map(({ from, to }) => (to - from) / PIECE_ELEMENTS);
  assert.deepEqual(sizesOf([0, 0, 0]), [20, 20, 20]);
  assert.deepEqual(sizesOf([1e6, 2e6, 3e6]), [10, 20, 30]);
  assert.deepEqual(sizesOf([1e6, 0, 3e6]), [10, 20, 30]);
  assert.deepEqual(sizesOf([2 ** 40, 1]), [60, 0]);
});

test('a site speaks with one voice, another member each time', () => {
  const sites = [0, 1, 1, 0];
  const parts = planParts({
    elements: 4 * PIECE_ELEMENTS,
    topology: 'hierarchical',
    bandwidths: [0, 0, 0, 0],
    sites,
  });
  assert.deepEqual(parts[0]!.parents, [undefined, 0, 1, 0]);
  assert.deepEqual(parts[3]!.parents, [3, 2, 3, undefined]);
});

const codingOf = (text?: string): PieceCoding => ({
  codec: text === undefined ? undefined : codecOf(parseCodec(text)),
  isDense: true,
  fractionBits: 24,
  seed: new Uint8Array(32),
  ditherKey: () => new Uint8Array(32),
});
const nothing = (length: number) => ({ values: new Float64Array(length), weight: 0 });
const reasonOf = (checked: { ok: boolean; reason?: string }) =>
  checked.ok ? 'ok' : checked.reason;

test('pieces of another kind, length or weight are refused, and change nothing', () => {
  const [plain, q8] = [codingOf(), codingOf('q8')];
  const x = bellValues(100, 1);
  const own = encodeOwn(x, 3, plain);
  const packed = encodeOwn(x, 3, q8);
  const added = addPiece(nothing(100), own, plain);
  assert.ok(added.ok && added.value.weight === 3);
  const sums = encodeSums(added.value);
  const tooHeavy = encodeOwn(x, 2 ** 20, plain);
  const spoilt = (piece: Uint8Array, at: number, value: number) => {
    const other = piece.slice();
    other[at] = value;
    return other;
  };
  const fraction = encodeSums({ values: new Float64Array(100).fill(0.5), weight: 3 });
  const large = encodeSums({ values: new Float64Array(100).fill(2 ** 40), weight: 3 });
  const infinite = encodeSums({ values: new Float64Array(100).fill(Infinity), weight: 3 });
  const cases: readonly (readonly [string, Uint8Array, PieceCoding])[] = [
    ['ok', own, plain],
    ['ok', sums, plain],
    ['ok', packed, q8],
    ['ok', sums, q8],
    ['too-short', own.subarray(0, 7), plain],
    ['wrong-piece', own.subarray(0, own.length - 4), plain],
    ['wrong-piece', own, q8],
    ['wrong-piece', packed, plain],
    ['wrong-piece', spoilt(own, 0, 9), plain],
    ['wrong-piece', fraction, plain],
    ['wrong-piece', large, plain],
    ['wrong-piece', infinite, plain],
    ['bad-magic', spoilt(packed, 8, 0), q8],
    ['bad-weight', spoilt(own, 4, 0), plain],
    ['bad-weight', tooHeavy, plain],
  ];
  for (const [reason, piece, coding] of cases) {
    const before = { values: new Float64Array(100).fill(7), weight: 1 };
    assert.equal(reasonOf(addPiece(before, piece, coding)), reason);
    if (reason !== 'ok') assert.deepEqual(before.values, new Float64Array(100).fill(7));
  }
  const mean = encodeMean(added.value, plain);
  assert.equal(reasonOf(decodeMean(mean, 100, plain)), 'ok');
  assert.equal(reasonOf(decodeMean(mean, 99, plain)), 'wrong-piece');
  assert.equal(reasonOf(decodeMean(mean, 100, q8)), 'wrong-piece');
  assert.equal(reasonOf(decodeMean(encodeMean(added.value, q8), 100, q8)), 'ok');
});
