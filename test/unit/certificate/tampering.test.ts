import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCertificate } from '../../../src/certificate/format.ts';
import { openCertificate } from '../../../src/certificate/open.ts';
import { type VerifyOptions, verify } from '../../../src/verify.ts';
import { makeCertificate } from '../../support/certificate-factory.ts';
import { withPart } from '../../support/certificate-vectors.ts';

const SMALL = { nodes: 2, cadre: 1, replicas: 1, quorum: 1, shards: 2 };

/** Offsets whose flipped byte is still accepted. */
function survivors(bytes: Uint8Array, mask: (at: number) => number): number[] {
  const accepted: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at]! ^= mask(at);
    if (openCertificate(flipped).ok) accepted.push(at);
  }
  return accepted;
}

const oneBit = (at: number): number => 1 << ((at * 5 + 3) % 8);

test('flipping any byte of a certificate with four seats is refused', () => {
  const { bytes } = makeCertificate({ label: 'flip', nodes: 5, replicas: 2, shards: 2 });
  assert.ok(openCertificate(bytes).ok);
  assert.deepEqual(survivors(bytes, oneBit), []);
});

test('flipping any byte of a certificate that shows a part of the roster is refused', () => {
  const { certificate } = makeCertificate({ label: 'flip part', ...SMALL, nodes: 8 });
  const bytes = encodeCertificate(withPart(certificate));
  const opened = openCertificate(bytes);
  assert.equal(opened.ok && opened.value.roster.kind, 'part');
  assert.deepEqual(survivors(bytes, oneBit), []);
});

test('inverting any byte is refused', () => {
  const { bytes } = makeCertificate({ label: 'invert', ...SMALL });
  assert.ok(openCertificate(bytes).ok);
  const invert = () => 0xff;
  assert.deepEqual(survivors(bytes, invert), []);
});

test('every truncation and every extension is refused', () => {
  const { bytes } = makeCertificate({ label: 'cut', ...SMALL });
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(openCertificate(bytes.subarray(0, length)).ok, false, `${length} bytes`);
  }
  for (let extra = 0; extra < 256; extra++) {
    const extended = Uint8Array.of(...bytes, extra);
    const opened = openCertificate(extended);
    assert.equal(opened.ok ? '' : opened.reason, 'trailing-bytes');
  }
});

const matrices = {
  a: { data: Float32Array.from({ length: 15 }, (_, i) => i + 0.5), shape: [5, 3] },
  b: { data: Float32Array.from({ length: 21 }, (_, i) => 2 - i), shape: [3, 7] },
};
const product = makeCertificate({
  ...SMALL,
  label: 'gemm',
  shards: 3,
  kernel: 'gemm.f32@1',
  inputs: matrices,
});

async function reasonOf(options: VerifyOptions): Promise<string> {
  const verdict = await verify(product.bytes, options);
  return verdict.valid ? 'valid' : verdict.reason;
}

test('flipping any byte of an output or an input is refused', async () => {
  const { c } = product.outputs;
  const { a, b } = product.inputs;
  assert.equal(await reasonOf({ outputs: { c: c! }, inputs: { a: a!, b: b! } }), 'valid');
  const flip = (array: typeof c, at: number) => {
    const data = array!.data.slice() as Float32Array;
    new Uint8Array(data.buffer)[at]! ^= oneBit(at);
    return { data, shape: array!.shape };
  };
  for (let at = 0; at < c!.data.byteLength; at++) {
    assert.equal(await reasonOf({ outputs: { c: flip(c, at) } }), 'OUTPUT_MISMATCH');
  }
  for (let at = 0; at < a!.data.byteLength; at++) {
    assert.equal(await reasonOf({ inputs: { a: flip(a, at) } }), 'INPUT_MISMATCH');
  }
});

test('another dtype, shape, order or name of an array is refused', async () => {
  const { c } = product.outputs;
  const { a, b } = product.inputs;
  const data = c!.data as Float32Array;
  const output = async (array: { data: typeof data | Int32Array; shape: number[] }) =>
    reasonOf({ outputs: { c: array } });
  assert.equal(await output({ data: new Int32Array(data.buffer), shape: [5, 7] }), 'OUTPUT_DTYPE');
  assert.equal(await output({ data, shape: [7, 5] }), 'OUTPUT_SHAPE');
  assert.equal(await output({ data, shape: [35] }), 'OUTPUT_SHAPE');
  assert.equal(await output({ data, shape: [5, 7, 1] }), 'OUTPUT_SHAPE');
  assert.equal(await output({ data: data.subarray(1), shape: [5, 7] }), 'OUTPUT_SHAPE');
  const transposed = Float32Array.from(data, (_, i) => data[(i % 5) * 7 + Math.floor(i / 5)]!);
  assert.equal(await output({ data: transposed, shape: [5, 7] }), 'OUTPUT_MISMATCH');
  assert.equal(await reasonOf({ outputs: { d: c! } }), 'UNKNOWN_OUTPUT');
  assert.equal(await reasonOf({ inputs: { c: a! } }), 'UNKNOWN_INPUT');
  assert.equal(await reasonOf({ inputs: { a: b! } }), 'INPUT_SHAPE');
  assert.equal(
    await reasonOf({ inputs: { a: { data: new Float64Array(15), shape: [5, 3] } } }),
    'INPUT_DTYPE',
  );
});

test('raw bytes count as the dtype that is stated beside them', async () => {
  const { c } = product.outputs;
  const data = new Uint8Array(c!.data.buffer);
  const { shape } = c!;
  assert.equal(await reasonOf({ outputs: { c: { data, shape, dtype: '<f4' } } }), 'valid');
  assert.equal(await reasonOf({ outputs: { c: { data, shape, dtype: '<i4' } } }), 'OUTPUT_DTYPE');
  assert.equal(await reasonOf({ outputs: { c: { data, shape } } }), 'OUTPUT_DTYPE');
  const typed = { data: c!.data, shape, dtype: '<i4' as const };
  assert.equal(await reasonOf({ outputs: { c: typed } }), 'OUTPUT_DTYPE');
});
