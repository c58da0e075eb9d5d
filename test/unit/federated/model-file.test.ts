/** Models by name, and as files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logisticRegression, perceptron } from '../../../src/federated/model/model.ts';
import { readModel, writeModel } from '../../../src/federated/model/model-file.ts';
import { parseModel } from '../../../src/federated/model/model-text.ts';
import { parseSafetensors, writeSafetensors } from '../../../src/kernel/safetensors.ts';

test('models by name', () => {
  const cases = [
    ['logreg', 'logreg', 64 * 10 + 10],
    ['mlp', 'mlp:hidden=64', 64 * 64 + 64 + 640 + 10],
    ['mlp:5', 'mlp:hidden=5', 64 * 5 + 5 + 50 + 10],
    ['cnn:filters=4', 'cnn:filters=4,height=8,width=8,channels=1', 40 + 4 * 16 * 10 + 10],
    ['cnn:2,4,8,2', 'cnn:filters=2,height=4,width=8,channels=2', 38 + 2 * 8 * 10 + 10],
  ] as const;
  for (const [given, text, parameterCount] of cases) {
    const parsed = parseModel(given, 64, 10);
    assert.ok(parsed.ok, given);
    assert.equal(parsed.value.text, text);
    assert.equal(parsed.value.model.parameterCount, parameterCount);
  }
  for (const bad of ['', 'mlq', 'mlp:0', 'logreg+mlp', 'cnn:height=9', 'cnn:height=3,width=21']) {
    const parsed = parseModel(bad, 64, 10);
    assert.ok(!parsed.ok && parsed.reason === 'bad-spec', bad);
  }
});

const model = perceptron(3, 2, 2);
const parameters = model.initialise(new Uint8Array(32).fill(1));
const good = writeModel(model, parameters, { round: '7' });

test('a model reads back from its file, bit for bit, with its metadata', () => {
  const read = readModel(model, good);
  assert.ok(read.ok);
  assert.deepEqual(read.value, parameters);
  const parsed = parseSafetensors(good);
  assert.deepEqual(parsed.ok && parsed.value.metadata, { round: '7' });
});

test('a file of another model is refused for what differs', () => {
  const parsed = parseSafetensors(good);
  assert.ok(parsed.ok);
  const { tensors } = parsed.value;
  const changed = (change: (one: (typeof tensors)[number]) => object) =>
    writeSafetensors({ tensors: tensors.map((one) => ({ ...one, ...change(one) })), metadata: {} });
  const isBias = ({ name }: { name: string }) => name === 'hidden.bias';
  const notNumber = new Uint8Array(new Float32Array([Number.NaN, 0]).buffer);
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [writeModel(logisticRegression(3, 2), parameters), /2 tensors, the model has 4/],
    [changed((one) => (isBias(one) ? { name: 'hidden.bios' } : {})), /no tensor hidden.bias/],
    [changed((one) => (isBias(one) ? { shape: [1, 2] } : {})), /<f4 \[1,2\], not <f4 \[2\]/],
    [changed((one) => (isBias(one) ? { dtype: '<i4' } : {})), /hidden.bias is <i4/],
    [changed((one) => (isBias(one) ? { data: notNumber } : {})), /no number/],
  ];
  for (const [file, detail] of cases) {
    const read = readModel(model, file);
    assert.ok(!read.ok && read.reason === 'not-this-model', String(detail));
    assert.match(read.detail!, detail);
  }
  const cut = readModel(model, good.subarray(0, good.length - 1));
  assert.ok(!cut.ok && cut.reason === 'safetensors-malformed');
});
