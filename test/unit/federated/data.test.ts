/** Loaders take good files and refuse bad ones with the place; partitions spread every row once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCsv } from '../../../src/federated/data/csv.ts';
import { datasetOf, spreadOf, standardised } from '../../../src/federated/data/dataset.ts';
import { datasetOfIdx, parseIdx } from '../../../src/federated/data/idx.ts';
import { datasetOfNpy } from '../../../src/federated/data/npy-dataset.ts';
import {
  dirichlet,
  evenly,
  fewClasses,
  type Partition,
  sortedByLabel,
} from '../../../src/federated/data/partition.ts';
import { bytesOfArray, dtypeOf, type NdArray } from '../../../src/kernel/nd-array.ts';
import { writeNpy } from '../../../src/kernel/npy.ts';
import { seededWords } from '../../support/blob-data.ts';

test('comma-separated rows: numbers, the label last', () => {
  const parsed = parseCsv('# a comment\n1,2.5,0\r\n\n-3,4e2,7\n');
  assert.ok(parsed.ok);
  assert.deepEqual([...parsed.value.features], [1, 2.5, -3, 400]);
  assert.deepEqual([...parsed.value.labels], [0, 7]);
  assert.deepEqual([parsed.value.featureCount, parsed.value.classCount], [2, 8]);
});

test('any finite number is read as programs print it', () => {
  for (const value of [5e-324, 0.0000012345678901234567, 123456789012345680000]) {
    const parsed = parseCsv(`${value},${value.toFixed(20)},1\n`);
    assert.ok(parsed.ok, String(value));
    assert.equal(parsed.value.features[0], Math.fround(value));
  }
});

test('standardised features have mean 0 and deviation 1', () => {
  const data = datasetOf(Float32Array.of(1, 3, 5, 7), Int32Array.of(0, 1));
  assert.ok(data.ok);
  const spread = spreadOf(data.value);
  assert.deepEqual(spread, { mean: 4, deviation: Math.sqrt(5) });
  const after = spreadOf(standardised(data.value, spread));
  assert.ok(Math.abs(after.mean) < 1e-6 && Math.abs(after.deviation - 1) < 1e-6);
  assert.equal(spreadOf({ ...data.value, features: Float32Array.of(2, 2) }).deviation, 1);
});

test('bad rows are refused with their line', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /no rows/],
    ['# only a comment\n', /no rows/],
    ['1,2\n1,2,3\n', /line 2: 3 values, the first row has 2/],
    ['1,2\n1,x,3\n', /line 2: "x" is no number/],
    ['1,,3\n', /line 1: "" is no number/],
    ['1, 2,3\n', /" 2" is no number/],
    ['"1",2\n', /is no number/],
    ['NaN,2\n', /"NaN" is no number/],
    ['Infinity,2\n', /is no number/],
    ['1e999,2\n', /Infinity in row 0/],
    ['0x10,2\n', /is no number/],
    ['1\n', /at least one value and a label/],
    ['1,-2\n', /label "-2"/],
    ['1,2.5\n', /label "2.5"/],
    ['1,99999\n', /label 99999/],
    [`${'1,'.repeat(500_001)}1\n`, /million characters/],
  ];
  for (const [text, detail] of cases) {
    const parsed = parseCsv(text);
    assert.ok(!parsed.ok && parsed.reason === 'bad-data', text.slice(0, 40));
    assert.match(parsed.detail!, detail);
  }
});

const idx = (shape: readonly number[], data: readonly number[], type = 8): Uint8Array => {
  const extents = shape.flatMap((extent) => [0, 0, extent >> 8, extent & 255]);
  return Uint8Array.of(0, 0, type, shape.length, ...extents, ...data);
};

test('IDX images and labels', () => {
  const parsed = datasetOfIdx(idx([2, 1, 2], [0, 255, 51, 102]), idx([2], [3, 1]));
  assert.ok(parsed.ok);
  assert.deepEqual([...parsed.value.features], [0, 1, 0.2, 0.4].map(Math.fround));
  assert.deepEqual([...parsed.value.labels], [3, 1]);
});

test('bad IDX files are refused', () => {
  const good = idx([2, 2], [1, 2, 3, 4]);
  const huge = Uint8Array.of(0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255);
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(3), /inside its header/],
    [Uint8Array.of(1, 0, 8, 1, 0, 0, 0, 0), /no IDX signature/],
    [idx([1], [1], 13), /element type 13/],
    [Uint8Array.of(0, 0, 8, 0), /0 dimensions/],
    [idx([1, 1, 1, 1, 1], [1]), /5 dimensions/],
    [good.subarray(0, 9), /inside its header/],
    [good.subarray(0, 15), /needs 4 bytes, the file has 3/],
    [Uint8Array.of(...good, 0), /the file has 5/],
    [huge, /over 268435456 values/],
  ];
  for (const [file, detail] of cases) {
    const parsed = parseIdx(file);
    assert.ok(!parsed.ok, String(detail));
    assert.match(parsed.detail!, detail);
  }
  const mismatch = datasetOfIdx(good, idx([3], [0, 1, 2]));
  assert.ok(!mismatch.ok && /2 rows and 3 labels/.test(mismatch.detail!));
  assert.ok(!datasetOfIdx(good, good).ok);
});

const npy = (data: NdArray['data'], shape: readonly number[]) =>
  writeNpy({ dtype: dtypeOf(data)!, shape, data: bytesOfArray({ data, shape }) });

test('.npy features and labels, of the types that make sense', () => {
  const x = npy(Float32Array.of(1, 2, 3, 4), [2, 2]);
  for (const labels of [Int32Array.of(1, 0), Uint8Array.of(1, 0), BigInt64Array.of(1n, 0n)]) {
    const parsed = datasetOfNpy(x, npy(labels, [2]));
    assert.ok(parsed.ok, JSON.stringify(parsed));
    assert.deepEqual([...parsed.value.labels], [1, 0]);
  }
  const y = npy(Int32Array.of(1, 0), [2]);
  const cases: readonly (readonly [Uint8Array, Uint8Array, RegExp])[] = [
    [npy(Int32Array.of(1, 2), [2, 1]), y, /features of <i4/],
    [x, npy(Float32Array.of(1, 0), [2]), /labels of <f4/],
    [npy(Float32Array.of(1, 2), [2]), y, /two dimensions/],
    [x, npy(Int32Array.of(1, 0), [2, 1]), /one dimension/],
    [x, npy(Int32Array.of(1, 0, 2), [3]), /2 rows and 3 labels/],
    [x, npy(BigInt64Array.of(1n, 2n ** 40n), [2]), /label 1099511627776/],
    [x, npy(Int32Array.of(1, -1), [2]), /label -1/],
    [npy(Float32Array.of(1, 2, 3, Number.NaN), [2, 2]), y, /NaN in row 1/],
    [x.subarray(0, 90), y, /./],
  ];
  for (const [features, labels, detail] of cases) {
    const parsed = datasetOfNpy(features, labels);
    assert.ok(!parsed.ok, String(detail));
    assert.match(parsed.detail!, detail);
  }
  assert.ok(!datasetOf(new Float32Array(0), Int32Array.of(1)).ok);
});

const labels = Int32Array.from({ length: 1000 }, (_, row) => (row * 7) % 10);
const classesOf = (rows: readonly number[]) => new Set(rows.map((row) => labels[row])).size;
const partitions: Readonly<Record<string, Partition>> = {
  even: evenly(1000, 30, seededWords('p')),
  sorted: sortedByLabel(labels, 20),
  few: fewClasses(labels, { clients: 50, classes: 2, random: seededWords('p') }),
  narrow: dirichlet(labels, { clients: 20, alpha: 0.1, random: seededWords('p') }),
  broad: dirichlet(labels, { clients: 20, alpha: 100, random: seededWords('p') }),
};

for (const [name, partition] of Object.entries(partitions)) {
  test(`the ${name} partition gives every row to one client`, () => {
    const rows = partition.flat().sort((a, b) => a - b);
    assert.deepEqual(
      rows,
      Array.from(labels, (_, row) => row),
    );
  });
}

test('partitions are as uneven as they say', () => {
  const { even, sorted, few, narrow, broad } = partitions;
  const sizes = even!.map(({ length }) => length);
  assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
  assert.ok(even!.every((rows) => classesOf(rows) >= 7));
  assert.ok(sorted!.every((rows) => classesOf(rows) === 1));
  assert.ok(few!.every((rows) => classesOf(rows) <= 2 && rows.length === 20));
  assert.ok(few!.some((rows) => classesOf(rows) === 2));
  const average = (parts: Partition) =>
    parts.reduce((sum, rows) => sum + classesOf(rows), 0) / parts.length;
  assert.ok(average(narrow!) < 6 && average(broad!) > 9.5);
});
