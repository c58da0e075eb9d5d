/**
 * The golden values of docs/protocol/federated-rules.md, by the code and by a second reading of
 * it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex, u32 } from '../../src/base/bytes.ts';
import { ChaChaWords } from '../../src/crypto/portable/chacha20.ts';
import { advance, initialState } from '../../src/federated/optimiser/optimiser.ts';
import { formatOptimiser, parseOptimiser } from '../../src/federated/optimiser/optimiser-text.ts';
import { drawClients } from '../../src/federated/round/participation.ts';
import { aggregate } from '../../src/federated/rule/aggregate.ts';
import { gramBlocks } from '../../src/federated/rule/gram.ts';
import { permutation } from '../../src/federated/rule/keeping-stages.ts';
import { formatPipeline, parsePipeline } from '../../src/federated/rule/rule-text.ts';
import { referenceAggregate } from '../support/federated-reference.ts';

interface GoldenRound {
  readonly name: string;
  readonly seed: string;
  readonly fractionBits: number;
  readonly reference: number[];
  readonly updates: { values: number[]; weight: number; staleness: number }[];
  readonly gram: string;
  readonly aggregates: { rule: string; decision: unknown; values: number[] }[];
}

const golden = JSON.parse(readFileSync(new URL('./federated-rules.json', import.meta.url), 'utf8'));

for (const round of golden.rounds as GoldenRound[]) {
  const seed = fromHex(round.seed)!;
  const { fractionBits } = round;
  const reference = Int32Array.from(round.reference);
  const updates = round.updates.map((one, i) => ({
    ...one,
    client: u32(i),
    values: Int32Array.from(one.values),
  }));

  test(`Gram words: ${round.name}`, () => {
    const basis = { reference, updates: updates.map(({ values }) => values) };
    assert.equal(toHex(new Uint8Array(gramBlocks(basis).buffer)), round.gram);
  });

  for (const { rule, decision, values } of round.aggregates) {
    test(`aggregate: ${round.name}, ${rule}`, () => {
      const pipeline = parsePipeline(rule);
      assert.ok(pipeline.ok);
      const found = aggregate(pipeline.value, {
        updates: updates.toReversed(),
        reference,
        seed,
        fractionBits,
      });
      assert.ok(found.ok);
      assert.deepEqual(found.value.decision, decision);
      assert.deepEqual([...found.value.values], values);
      const random = new ChaChaWords(seed);
      const expected = referenceAggregate(pipeline.value, {
        reference: round.reference,
        updates: round.updates.map((one) => one.values),
        weights: round.updates.map(({ weight }) => weight),
        staleness: round.updates.map(({ staleness }) => staleness),
        permutations: (rows) => permutation(rows, random),
        fractionBits,
      });
      assert.deepEqual(values, expected);
    });
  }
}

for (const { text, steps } of golden.optimisers) {
  test(`optimiser: ${text}`, () => {
    const optimiser = parseOptimiser(text);
    assert.ok(optimiser.ok);
    assert.equal(formatOptimiser(optimiser.value), text);
    const start = Int32Array.of(0, 1 << 24, -(2 ** 31) + 5, 2 ** 31 - 9);
    let state = initialState(optimiser.value, start, 24);
    for (const { aggregate: delta, model, momentum, variance } of steps) {
      state = advance(optimiser.value, state, Int32Array.from(delta), 24);
      assert.deepEqual([...state.model], model);
      assert.deepEqual([...state.momentum], momentum);
      assert.deepEqual([...state.variance], variance);
    }
  });
}

test('draws of clients', () => {
  for (const { seed, count, clients, drawn } of golden.draws) {
    assert.deepEqual(drawClients({ clients, count, seed: fromHex(seed)! }), drawn);
  }
});

test('text forms', () => {
  for (const { given, canonical } of golden.texts) {
    const parsed = parsePipeline(given);
    assert.ok(parsed.ok);
    assert.equal(formatPipeline(parsed.value), canonical);
  }
});
