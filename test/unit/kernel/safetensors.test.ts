/**
 * Malformed `.safetensors` files, each refused; a writer that refuses what it could not read back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import { DTYPE_BYTES, DTYPES } from '../../../src/kernel/contract.ts';
import { parseSafetensors, writeSafetensors } from '../../../src/kernel/safetensors.ts';

function fileOf(header: string | Uint8Array, data = 0): Uint8Array {
  const text = typeof header === 'string' ? utf8(header) : header;
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return concatBytes([length, text, new Uint8Array(data)]);
}

const one = '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}';
const b = (begin: number, end: number) =>
  `"b":{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`;

test('a plain file is read', () => {
  const spaced = '{ "a" : {"shape":[ 2 ] , "data_offsets":[0,8],"dtype":"F32"} }   ';
  for (const header of [`{${one}}`, spaced, `{${one},"__metadata__":{}}`, `{${b(8, 9)},${one}}`]) {
    assert.ok(parseSafetensors(fileOf(header, header.includes('"b"') ? 9 : 8)).ok, header);
  }
});

test('malformed files are refused, each for what is wrong', () => {
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(7), /shorter/],
    [fileOf(`{${one}}`, 8).fill(0xff, 0, 8), /16 MiB/],
    [fileOf(`{${one}}`, 8).fill(0xff, 1, 3), /over 16 MiB|inside its header/],
    [fileOf(`{${one}}`, 7), /8 bytes, data of 7/],
    [fileOf(`{${one}}`, 9), /8 bytes, data of 9/],
    [fileOf('', 0), /plain JSON/],
    [fileOf(' {}', 0), /plain JSON/],
    [fileOf('{} x', 0), /plain JSON/],
    [fileOf('[]', 0), /plain JSON/],
    [fileOf(`{${one},${one}}`, 8), /plain JSON/],
    [fileOf(`{${one},}`, 8), /plain JSON/],
    [fileOf(`{"a":null}`, 0), /plain JSON/],
    [fileOf(`{"a":${'['.repeat(50)}${']'.repeat(50)}}`, 0), /plain JSON/],
    [fileOf(`{"\\ud":${1}}`, 0), /plain JSON/],
    [fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), /plain JSON/],
    [fileOf(`{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8), /plain JSON/],
    [fileOf(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), /plain JSON/],
    [fileOf(`{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}`, 8), /plain JSON/],
    [fileOf(`{"__metadata__":{"a":1}}`), /__metadata__/],
    [fileOf(`{"__metadata__":"a"}`), /__metadata__/],
    [fileOf(`{"a":[]}`), /not \{dtype/],
    [fileOf(`{"a":{"dtype":"F32","shape":[2]}}`), /not \{dtype/],
    [fileOf(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8), /not \{dtype/],
    [fileOf(`{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}`, 8), /not \{dtype/],
    [fileOf(`{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}`, 8), /not \{dtype/],
    [fileOf(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8), /shape or offsets/],
    [fileOf(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), /needs 12 bytes/],
    [fileOf(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), /needs 8 bytes/],
    [
      fileOf(`{"a":{"dtype":"U8","shape":[4503599627370496,4096],"data_offsets":[0,0]}}`),
      /needs 18446744073709552000 bytes/,
    ],
    [fileOf(`{${one},${b(9, 10)}}`, 10), /begins at 9, not at 8/],
    [fileOf(`{${one},${b(7, 10)}}`, 10), /begins at 7, not at 8/],
    [fileOf(`{${b(1, 3)}}`, 3), /begins at 1/],
  ];
  for (const [file, detail] of cases) {
    const parsed = parseSafetensors(file);
    assert.ok(!parsed.ok && parsed.reason === 'safetensors-malformed', String(detail));
    assert.match(parsed.detail!, detail);
  }
  const half = parseSafetensors(
    fileOf(`{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}`, 2),
  );
  assert.ok(!half.ok && half.reason === 'safetensors-unsupported');
});

test('what is written reads back', () => {
  const name = fc
    .string({ unit: 'grapheme', maxLength: 8 })
    .filter((one) => one !== '__metadata__');
  const tensor = fc
    .record({
      dtype: fc.constantFrom(...DTYPES),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    })
    .map(({ dtype, shape }) => {
      const bytes = shape.reduce((size, extent) => size * extent, DTYPE_BYTES[dtype]);
      return { dtype, shape, data: new Uint8Array(bytes).map((_, i) => 3 * i + bytes) };
    });
  const metadata = fc.dictionary(name, fc.string(), { maxKeys: 3, noNullPrototype: true });
  fc.assert(
    fc.property(fc.dictionary(name, tensor, { maxKeys: 6 }), metadata, (named, texts) => {
      const tensors = Object.entries(named).map(([key, value]) => ({ name: key, ...value }));
      const parsed = parseSafetensors(writeSafetensors({ tensors, metadata: texts }));
      assert.ok(parsed.ok, JSON.stringify(parsed));
      assert.deepEqual(new Set(parsed.value.tensors), new Set(tensors));
      assert.deepEqual({ ...parsed.value.metadata }, { ...texts });
    }),
  );
});

test('any bytes give a verdict, never an exception', () => {
  const good = fileOf(`{${one},${b(8, 9)},"__metadata__":{"k":"v"}}`, 9);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), (changes) => {
      const file = good.slice();
      for (const [at, value] of changes) file[at % file.length] = value;
      const parsed = parseSafetensors(file);
      if (!parsed.ok) assert.match(parsed.reason, /^safetensors-/);
    }),
    { numRuns: 2000 },
  );
});

test('two tensors of one name, or of the wrong size, are not written', () => {
  const a = { name: 'a', dtype: '|u1', shape: [2], data: new Uint8Array(2) } as const;
  const write = (tensors: Parameters<typeof writeSafetensors>[0]['tensors']) =>
    writeSafetensors({ tensors, metadata: {} });
  assert.throws(() => write([a, a]), { code: 'BAD_INPUT' });
  assert.throws(() => write([{ ...a, name: '__metadata__' }]), { code: 'BAD_INPUT' });
  assert.throws(() => write([{ ...a, shape: [3] }]), { code: 'BAD_INPUT' });
});
