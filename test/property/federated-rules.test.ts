/** The laws of docs/protocol/federated-rules.md section 11, and the second reading of the page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChaChaWords } from '../../src/crypto/portable/chacha20.ts';
import { aggregate, type RoundUpdates } from '../../src/federated/rule/aggregate.ts';
import { applyDecision } from '../../src/federated/rule/apply.ts';
import { decide } from '../../src/federated/rule/decide.ts';
import { GRAM_BLOCK_ELEMENTS, gramBlocks, sumGram } from '../../src/federated/rule/gram.ts';
import { permutation } from '../../src/federated/rule/keeping-stages.ts';
import {
  bucket,
  bulyan,
  centeredClip,
  DEFAULT_PIPELINE,
  geometricMedian,
  krum,
  mean,
  median,
  multiKrum,
  nearestNeighbours,
  normBound,
  type Pipeline,
  pipe,
  trimmedMean,
} from '../../src/federated/rule/pipeline.ts';
import { formatPipeline, parsePipeline } from '../../src/federated/rule/rule-text.ts';
import { referenceAggregate } from '../support/federated-reference.ts';

const PIPELINES: readonly Pipeline[] = [
  pipe(mean()),
  pipe(median()),
  pipe(trimmedMean(1)),
  pipe(krum(1)),
  pipe(multiKrum(1)),
  pipe(multiKrum(2, 3)),
  pipe(bulyan(1)),
  pipe(geometricMedian(3)),
  pipe(centeredClip()),
  pipe(centeredClip({ steps: 2, radius: 0.5 })),
  DEFAULT_PIPELINE,
  pipe(nearestNeighbours(1), median()),
  pipe(nearestNeighbours(2), bucket(2), centeredClip({ steps: 1 })),
  pipe(normBound(0.25), mean()),
  pipe(normBound(0.01), bucket(3), trimmedMean(0)),
  pipe(bucket(2), nearestNeighbours(1), geometricMedian(2)),
];
const WITHOUT_BOUND = PIPELINES.filter(({ stages }) =>
  stages.every(({ name }) => name !== 'norm-bound'),
);
const FRACTION_BITS = 8;
const ELEMENT_MAX = 2 ** 31 - 1;

const element = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -400, max: 400 }),
  fc.integer({ min: -ELEMENT_MAX, max: ELEMENT_MAX }),
);

/** Rounds of 7 to 11 clients (Bulyan with f = 1 needs 7) and 1 to 6 coordinates. */
const rounds = fc
  .record({ count: fc.integer({ min: 8, max: 11 }), elements: fc.integer({ min: 1, max: 6 }) })
  .chain(({ count, elements }) => {
    const values = fc
      .array(element, { minLength: elements, maxLength: elements })
      .map((list) => Int32Array.from(list));
    return fc.record({
      reference: values,
      seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fractionBits: fc.constant(FRACTION_BITS),
      updates: fc
        .array(
          fc.record({
            values,
            weight: fc.integer({ min: 1, max: 1000 }),
            staleness: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 4 })),
          }),
          { minLength: count, maxLength: count },
        )
        .map((list) => list.map((one, i) => ({ ...one, client: Uint8Array.of(i) }))),
    });
  });
const pipelines = fc.constantFrom(...PIPELINES);
const fresh = (round: RoundUpdates): RoundUpdates => ({
  ...round,
  updates: round.updates.map((one) => ({ ...one, staleness: 0 })),
});

function valuesOf(pipeline: Pipeline, round: RoundUpdates): number[] {
  const checked = aggregate(pipeline, round);
  if (!checked.ok && checked.reason === 'too-few-updates') return [];
  assert.ok(checked.ok, JSON.stringify(checked));
  return [...checked.value.values];
}

test('the code and the second reading of the page agree', () => {
  let compared = 0;
  fc.assert(
    fc.property(pipelines, rounds, (pipeline, round) => {
      const random = new ChaChaWords(round.seed);
      const expected = () =>
        referenceAggregate(pipeline, {
          reference: [...round.reference],
          updates: round.updates.map(({ values }) => [...values]),
          weights: round.updates.map(({ weight }) => weight),
          staleness: round.updates.map(({ staleness }) => staleness),
          permutations: (rows) => permutation(rows, random),
          fractionBits: FRACTION_BITS,
        });
      const found = valuesOf(pipeline, round);
      if (found.length === 0) return;
      compared += 1;
      assert.deepEqual(found, expected());
    }),
    { numRuns: 600 },
  );
  assert.ok(compared > 400, `${compared} rounds were compared`);
});

test('the order in which updates arrive changes nothing', () => {
  fc.assert(
    fc.property(pipelines, rounds, fc.infiniteStream(fc.nat()), (pipeline, round, keys) => {
      const shuffled = round.updates
        .map((update) => ({ update, key: keys.next().value! }))
        .sort((a, b) => a.key - b.key)
        .map(({ update }) => update);
      assert.deepEqual(
        valuesOf(pipeline, { ...round, updates: shuffled }),
        valuesOf(pipeline, round),
      );
    }),
    { numRuns: 300 },
  );
});

test('any cut into shards gives the same Gram words and the same aggregate', () => {
  const elements = 2 * GRAM_BLOCK_ELEMENTS + 777;
  const word = new ChaChaWords(new Uint8Array(32).fill(7));
  const vector = (shift: number) =>
    Int32Array.from({ length: elements }, () => word.next() >> shift);
  const basis = {
    reference: vector(12),
    updates: Array.from({ length: 9 }, (_, i) => vector(i === 8 ? 0 : 10)),
  };
  const slice = (begin: number, end: number) => ({
    reference: basis.reference.subarray(begin, end),
    updates: basis.updates.map((values) => values.subarray(begin, end)),
  });
  const whole = gramBlocks(basis);
  const cuts = [0, GRAM_BLOCK_ELEMENTS, elements];
  const parts = cuts.slice(1).map((end, i) => gramBlocks(slice(cuts[i]!, end)));
  assert.deepEqual(
    parts.flatMap((part) => [...part]),
    [...whole],
  );
  const gram = sumGram(parts.toReversed(), 9);
  assert.deepEqual(gram, sumGram([whole], 9));
  for (const [a, b] of [
    [0, 3],
    [1, 10],
    [10, 10],
  ] as const) {
    const of = (index: number) =>
      index === 0 ? basis.reference.map(() => 0) : [basis.reference, ...basis.updates][index - 1]!;
    const left = of(a);
    const right = of(b);
    let exact = 0n;
    for (let k = 0; k < elements; k++) exact += BigInt(left[k]!) * BigInt(right[k]!);
    assert.equal(gram[a]![b], exact);
  }
  const arrivals = basis.updates.map(() => ({ weight: 3, staleness: 0 }));
  for (const pipeline of PIPELINES) {
    const context = { arrivals, seed: new Uint8Array(32), fractionBits: 24 };
    const decided = decide(pipeline, context, gram);
    assert.ok(decided.ok);
    const at = [0, 1, 5000, 5001, GRAM_BLOCK_ELEMENTS + 3, elements];
    const cut = at
      .slice(1)
      .flatMap((end, i) => [...applyDecision(decided.value, slice(at[i]!, end))]);
    assert.deepEqual(cut, [...applyDecision(decided.value, basis)], formatPipeline(pipeline));
  }
});

test('equal updates give that update', () => {
  fc.assert(
    fc.property(fc.constantFrom(...WITHOUT_BOUND), rounds, (pipeline, round) => {
      const [first] = round.updates;
      const updates = fresh(round).updates.map((one) => ({ ...one, values: first!.values }));
      const found = valuesOf(pipeline, { ...round, updates, reference: first!.values });
      if (found.length > 0) assert.deepEqual(found, [...first!.values]);
    }),
    { numRuns: 200 },
  );
});

test('a constant added to updates and reference is added to the aggregate', () => {
  const small = element.filter((value) => Math.abs(value) < 1000);
  fc.assert(
    fc.property(fc.constantFrom(...WITHOUT_BOUND), rounds, small, (pipeline, given, constant) => {
      const halve = (values: Int32Array) => values.map((x) => x >> 1);
      const move = (values: Int32Array) => values.map((x) => x + constant);
      const round = fresh(given);
      const base = {
        ...round,
        reference: halve(round.reference),
        updates: round.updates.map((one) => ({ ...one, values: halve(one.values) })),
      };
      const moved = {
        ...base,
        reference: move(base.reference),
        updates: base.updates.map((one) => ({ ...one, values: move(one.values) })),
      };
      const plain = valuesOf(pipeline, base);
      assert.deepEqual(
        valuesOf(pipeline, moved),
        plain.map((x) => x + constant),
      );
    }),
    { numRuns: 300 },
  );
});

test('every coordinate of the aggregate lies within those of the basis', () => {
  fc.assert(
    fc.property(pipelines, rounds, (pipeline, round) => {
      valuesOf(pipeline, round).forEach((value, k) => {
        const column = [0, round.reference[k]!, ...round.updates.map(({ values }) => values[k]!)];
        assert.ok(value >= Math.min(...column) && value <= Math.max(...column));
      });
    }),
    { numRuns: 300 },
  );
});

test('a bounded norm: no update pulls the mean further than its share', () => {
  fc.assert(
    fc.property(rounds, (round) => {
      const [first, ...others] = fresh(round).updates;
      const updates = [
        first!,
        ...others.map((one) => ({ ...one, values: one.values.map(() => 0) })),
      ];
      const equal = updates.map((one) => ({ ...one, weight: 1 }));
      const found = valuesOf(pipe(normBound(2), mean()), { ...round, updates: equal });
      const norm = Math.hypot(...found);
      // Per element half a unit of the last rounding, and one share of 2^-30 of at most 2^31 units.
      const roundings = 2.5 * Math.sqrt(found.length);
      assert.ok(norm <= (2 * 2 ** FRACTION_BITS) / updates.length + roundings);
    }),
  );
});

test('f liars move median and trimmed mean to no place outside the honest values', () => {
  fc.assert(
    fc.property(
      rounds,
      fc.constantFrom(pipe(median()), pipe(trimmedMean(2))),
      (given, pipeline) => {
        const { updates, ...round } = fresh(given);
        const found = valuesOf(pipeline, { ...round, updates });
        found.forEach((value, k) => {
          const honest = updates.slice(2).map(({ values }) => values[k]!);
          assert.ok(value >= Math.min(...honest) && value <= Math.max(...honest));
        });
      },
    ),
  );
});

test('a pipeline reads back from its canonical text', () => {
  for (const pipeline of PIPELINES) {
    const text = formatPipeline(pipeline);
    const parsed = parsePipeline(text);
    assert.ok(parsed.ok, text);
    assert.deepEqual(parsed.value, pipeline);
    assert.equal(formatPipeline(parsed.value), text);
  }
});
