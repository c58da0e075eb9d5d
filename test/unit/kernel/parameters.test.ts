import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArraySpec, ParameterSchema } from '../../../src/kernel/contract.ts';
import {
  ARRAY_BYTES_MAX,
  checkInputs,
  checkParameters,
  isBounded,
} from '../../../src/kernel/parameters.ts';

const SCHEMA: readonly ParameterSchema[] = [
  { name: 'count', type: 'integer', min: 1, max: 10, default: 3, why: '' },
  { name: 'scale', type: 'float', min: -1, max: 1, default: 0.5, why: '' },
  { name: 'label', type: 'text', default: '', why: '' },
  { name: 'exact', type: 'boolean', why: '' },
];

test('defaults are filled in, in schema order', () => {
  const checked = checkParameters(SCHEMA, { exact: true, count: 7 });
  assert.ok(checked.ok);
  assert.deepEqual(Object.entries(checked.value), [
    ['count', 7],
    ['scale', 0.5],
    ['label', ''],
    ['exact', true],
  ]);
});

test('minus zero is zero', () => {
  const checked = checkParameters(SCHEMA, { exact: true, scale: -0 });
  assert.ok(checked.ok);
  assert.ok(Object.is(checked.value.scale, 0));
});

test('wrong parameters are refused', () => {
  const exact = true;
  const bad: Record<string, number | string | boolean>[] = [
    {},
    { exact: 'true' },
    { exact, other: 1 },
    { exact, toString: 1 },
    { exact, count: 0 },
    { exact, count: 11 },
    { exact, count: 1.5 },
    { exact, count: '1' },
    { exact, scale: Number.NaN },
    { exact, scale: Number.POSITIVE_INFINITY },
    { exact, scale: 1.1 },
    { exact, label: 1 },
    { exact, label: 'x'.repeat(4097) },
  ];
  for (const given of bad) {
    const checked = checkParameters(SCHEMA, given);
    assert.ok(!checked.ok, JSON.stringify(given));
    assert.equal(checked.reason, 'bad-parameter');
  }
});

const INPUTS = [
  { name: 'x', dtype: '<f4', rank: 2, why: '' },
  { name: 'y', dtype: '<i8', rank: 0, why: '' },
] as const;
const x: ArraySpec = { name: 'x', dtype: '<f4', shape: [2, 3] };
const y: ArraySpec = { name: 'y', dtype: '<i8', shape: [] };

test('inputs come back in schema order', () => {
  const checked = checkInputs(INPUTS, [y, x]);
  assert.ok(checked.ok);
  assert.deepEqual(checked.value, [x, y]);
});

test('wrong inputs are refused', () => {
  const bad: ArraySpec[][] = [
    [],
    [x],
    [x, y, x],
    [x, y, { ...y, name: 'z' }],
    [{ ...x, dtype: '<f8' }, y],
    [{ ...x, shape: [2] }, y],
    [{ ...x, shape: [2, -1] }, y],
    [{ ...x, shape: [2, 0.5] }, y],
    [{ ...x, shape: [2, Number.NaN] }, y],
    [{ ...x, shape: [2 ** 20, 2 ** 20] }, y],
    [{ ...x, shape: [0, 2 ** 50] }, y],
  ];
  for (const given of bad) {
    const checked = checkInputs(INPUTS, given);
    assert.ok(!checked.ok, JSON.stringify(given));
    assert.equal(checked.reason, 'bad-input');
  }
});

test('the bound on arrays is exact', () => {
  assert.ok(isBounded({ dtype: '<f4', shape: [ARRAY_BYTES_MAX / 4] }));
  assert.ok(!isBounded({ dtype: '<f4', shape: [ARRAY_BYTES_MAX / 4 + 1] }));
});
