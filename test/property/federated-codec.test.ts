/** The laws of docs/protocol/federated-codec.md, for every codec. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { equalBytes } from '../../src/base/bytes.ts';
import { toDense, type Update } from '../../src/federated/fixed-point.ts';
import { productOf } from '../oracles/update-spelling.ts';
import {
  CODEC_TEXTS,
  codecFor,
  contextOf,
  flatSchema,
  respelt,
  SMALL_SCHEMA,
} from '../support/updates.ts';

const LENGTH = SMALL_SCHEMA.elements;
const context = contextOf(SMALL_SCHEMA);

/** Bits of any finite binary32: subnormals, both zeros and the largest values included. */
const anyFinite = fc.float({ noNaN: true, noDefaultInfinity: true });
const small = fc.float({ min: -1, max: 1, noNaN: true });
/** Multiples of few units: ties, common divisors, blocks of zeros, single magnitudes. */
const units = fc.integer({ min: -3, max: 3 }).map((n) => n * 2 ** -24);
const vector = fc
  .oneof(
    fc.constant(anyFinite),
    fc.constant(small),
    fc.constant(units),
    fc.constant(fc.constant(0)),
  )
  .chain((value) => fc.array(value, { minLength: LENGTH, maxLength: LENGTH }))
  .map((list) => Float32Array.from(list));

function decoded(text: string, bytes: Uint8Array): Update {
  const update = codecFor(text).decode(bytes, context);
  assert.ok(update.ok, `${text}: ${update.ok ? '' : update.reason}`);
  return update.value;
}

for (const text of CODEC_TEXTS) {
  describe(text, () => {
    test('any finite vector becomes a message that decodes, twice to the same integers', () => {
      fc.assert(
        fc.property(vector, (x) => {
          const before = x.slice();
          const bytes = codecFor(text).encode(x, context);
          assert.deepEqual(x, before);
          const first = decoded(text, bytes);
          assert.deepEqual(decoded(text, bytes.slice()), first);
          assert.deepEqual(codecFor(text).encode(x, context), bytes);
          if (first.form === 'sparse') {
            assert.ok(first.values.every((value) => value !== 0));
            assert.ok(first.indices.every((at, i) => i === 0 || at > first.indices[i - 1]!));
          }
        }),
        { numRuns: 40 },
      );
    });

    test('the integers have one spelling, and it is these bytes', () => {
      fc.assert(
        fc.property(vector, (x) => {
          const bytes = codecFor(text).encode(x, context);
          const again = respelt(text, decoded(text, bytes), context);
          if (again !== undefined) assert.deepEqual(again, bytes);
        }),
        { numRuns: 25 },
      );
    });

    test('a bent bit is refused, or it is the one spelling of other integers', () => {
      const bend = fc.tuple(vector, fc.array(fc.nat(), { minLength: 1, maxLength: 40 }));
      fc.assert(
        fc.property(bend, ([x, places]) => {
          const bytes = codecFor(text).encode(x, context);
          const original = decoded(text, bytes);
          for (const place of places) {
            const bent = bytes.slice();
            bent[Math.floor(place / 8) % bent.length]! ^= 1 << (place % 8);
            const update = codecFor(text).decode(bent, context);
            if (!update.ok) continue;
            const again = respelt(text, update.value, context);
            if (again === undefined) continue;
            assert.ok(equalBytes(again, bent));
            assert.notDeepEqual(update.value, original);
          }
        }),
        { numRuns: 15 },
      );
    });

    test('NaN, infinities and a wrong length are refused before anything is sent', () => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const x = new Float32Array(LENGTH);
        x[LENGTH - 1] = value;
        assert.throws(() => codecFor(text).encode(x, context), { code: 'BAD_UPDATE' });
      }
      const short = new Float32Array(LENGTH - 1);
      assert.throws(() => codecFor(text).encode(short, context), { code: 'BAD_UPDATE' });
    });
  });
}

test('a PowerSGD message is the exact product of its factors', () => {
  const shape = { rows: 24, columns: 40, rest: 37 };
  fc.assert(
    fc.property(vector, fc.constantFrom(1, 2, 5), (x, rank) => {
      const text = `powersgd:rank=${rank}`;
      const bytes = codecFor(text).encode(x, context);
      const exact = productOf(bytes, { ...shape, rank });
      assert.deepEqual([...toDense(decoded(text, bytes))], exact);
    }),
    { numRuns: 20 },
  );
});

/** The rounding of the scale (2^-11), half a level, one unit, and what a common divisor adds. */
test('absmax codes are within half a level', () => {
  const schema = flatSchema(300);
  const values = fc.array(small, { minLength: 300, maxLength: 300 });
  for (const [text, levels] of Object.entries({ q8: 127, q4: 7, q3: 3, q2: 1 })) {
    fc.assert(
      fc.property(values, (list) => {
        const x = Float32Array.from(list);
        const bytes = codecFor(text).encode(x, contextOf(schema));
        const update = codecFor(text).decode(bytes, contextOf(schema));
        assert.ok(update.ok);
        const dense = toDense(update.value);
        for (let from = 0; from < 300; from += 256) {
          const block = [...x.subarray(from, from + 256)];
          const largest = Math.max(...block.map(Math.abs));
          const bound = largest * (0.5 / levels + 2 ** -10) + 2 ** -24;
          block.forEach((value, i) => {
            assert.ok(Math.abs(value - dense[from + i]! / 2 ** 24) <= bound);
          });
        }
      }),
      { numRuns: 30 },
    );
  }
});
