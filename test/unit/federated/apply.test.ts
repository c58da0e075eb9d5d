/**
 * One coordinate at a time: the sorting rules and the roundings (federated-rules.md, section 6).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyDecision } from '../../../src/federated/rule/apply.ts';
import type { Decision } from '../../../src/federated/rule/decide.ts';

type Pick = Extract<Decision, { kind: 'sort' }>['pick'];

function sortOf(values: readonly number[], pick: Pick): number {
  const updates = values.map((value) => Int32Array.of(value));
  const rows = updates.map((_, i) => [0, 0, ...updates.map((__, j) => (i === j ? 1 : 0))]);
  const basis = { reference: new Int32Array(1), updates };
  return applyDecision({ kind: 'sort', rows, total: 1, pick }, basis)[0]!;
}

function mixOf(row: readonly number[], total: number, values: readonly number[]): number {
  const [reference = 0, ...updates] = values;
  const basis = {
    reference: Int32Array.of(reference),
    updates: updates.map((value) => Int32Array.of(value)),
  };
  return applyDecision({ kind: 'mix', row: [total - sum(row), ...row], total }, basis)[0]!;
}

const sum = (list: readonly number[]) => list.reduce((total, one) => total + one, 0);

test('the median of an even number rounds halves up', () => {
  const median = { name: 'median' } as const;
  assert.equal(sortOf([4, -1, 9], median), 4);
  assert.equal(sortOf([4, 1, 9, 2], median), 3);
  assert.equal(sortOf([3, 2], median), 3);
  assert.equal(sortOf([-3, -2], median), -2);
  assert.equal(sortOf([2 ** 31 - 1, 2 ** 31 - 1], median), 2 ** 31 - 1);
});

test('a trimmed mean drops as many at either end', () => {
  assert.equal(sortOf([1000, 1, 2, 4, -1000], { name: 'trim', faulty: 1 }), 2);
  assert.equal(sortOf([1000, 1, 2, 5, -1000], { name: 'trim', faulty: 1 }), 3);
  assert.equal(sortOf([1000, 1, 2, 5, -1000], { name: 'trim', faulty: 2 }), 2);
});

test('the values closest to the lower median; of two equally close the lower', () => {
  assert.equal(sortOf([10, 5, 0], { name: 'closest', keep: 2 }), 3);
  assert.equal(sortOf([9, 5, 0], { name: 'closest', keep: 2 }), 7);
  assert.equal(sortOf([0, 4, 7, 100], { name: 'closest', keep: 1 }), 4);
  assert.equal(sortOf([0, 4, 7, 100], { name: 'closest', keep: 3 }), 4);
  assert.equal(sortOf([5, 5, 5], { name: 'closest', keep: 2 }), 5);
});

test('a mix rounds once, halves up, at the edges of its range too', () => {
  const edge = 2 ** 31 - 1;
  const whole = 2 ** 30;
  assert.equal(mixOf([0, 1, 1], 2, [0, 1, 2]), 2);
  assert.equal(mixOf([0, 1, 1], 2, [0, -1, -2]), -1);
  assert.equal(mixOf([whole, 0], whole, [edge, 0]), edge);
  assert.equal(mixOf([1, whole - 1], whole, [edge, edge]), edge);
  assert.equal(mixOf([1, whole - 1], whole, [-edge, -edge]), -edge);
  assert.equal(mixOf([whole / 2, 0], whole, [edge, 0]), 2 ** 30);
  assert.equal(mixOf([whole / 2, 0], whole, [-edge, 0]), 1 - 2 ** 30);
  assert.equal(mixOf([1, 0], whole, [edge, 0]), 2);
});
