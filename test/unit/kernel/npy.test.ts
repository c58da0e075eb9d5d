import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, equalBytes, utf8 } from '../../../src/base/bytes.ts';
import { arrayBytes, DTYPES } from '../../../src/kernel/contract.ts';
import {
  NPY_PREFIX_BYTES,
  npyHeader,
  parseNpy,
  parseNpyHeader,
  writeNpy,
} from '../../../src/kernel/npy.ts';

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

function file(version: readonly [number, number], text: string, dataBytes: number): Uint8Array {
  const header = utf8(text);
  const length = version[0] === 1 ? new Uint8Array(2) : new Uint8Array(4);
  length[0] = header.length & 0xff;
  length[1] = header.length >> 8;
  return concatBytes([
    MAGIC,
    Uint8Array.from(version),
    length,
    header,
    new Uint8Array(dataBytes).fill(7),
  ]);
}

const dictionary = (descr: string, order: string, shape: string) =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

function reasonOf(bytes: Uint8Array): string {
  const parsed = parseNpy(bytes);
  return parsed.ok ? 'accepted' : parsed.reason;
}

test('what NumPy 1.0 files look like, byte for byte', () => {
  // numpy.save of numpy.arange(6, dtype='<f4').reshape(2, 3)
  const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".padEnd(117, ' ');
  const expected = concatBytes([MAGIC, Uint8Array.of(1, 0, 118, 0), utf8(`${text}\n`)]);
  assert.deepEqual(npyHeader({ dtype: '<f4', shape: [2, 3] }), expected);
});

test('every dtype and rank survives a round trip, aligned to 64', () => {
  for (const dtype of DTYPES) {
    for (const shape of [[], [0], [5], [2, 3], [2, 0, 3], [1, 1, 1, 4]]) {
      const data = new Uint8Array(arrayBytes({ dtype, shape })).fill(9);
      const bytes = writeNpy({ dtype, shape, data });
      assert.equal((bytes.length - data.length) % 64, 0);
      const parsed = parseNpy(bytes);
      assert.ok(parsed.ok);
      assert.equal(parsed.value.dtype, dtype);
      assert.deepEqual(parsed.value.shape, shape);
      assert.ok(equalBytes(parsed.value.data, data));
    }
  }
});

test('versions 1 to 3, any key order, either quote, no trailing comma', () => {
  const texts = [
    dictionary("'<i8'", 'False', '(3,)'),
    `{"shape": (3,), "descr": "<i8", "fortran_order": False}\n`,
    "{ 'fortran_order' :False,'shape':( 3 , ) ,'descr': '<i8'}      \n",
  ];
  for (const version of [1, 2, 3]) {
    for (const text of texts) assert.equal(reasonOf(file([version, 0], text, 24)), 'accepted');
  }
});

test('malformed files are refused', () => {
  const good = dictionary("'<f4'", 'False', '(2,)');
  const bad: [string, Uint8Array][] = [
    ['empty', new Uint8Array(0)],
    ['magic only', MAGIC],
    ['wrong magic', file([1, 0], good, 8).fill(0x50, 0, 1)],
    ['header cut', file([1, 0], good, 8).subarray(0, 30)],
    ['data cut', file([1, 0], good, 7)],
    ['trailing byte', file([1, 0], good, 9)],
    ['no newline', file([1, 0], good.trimEnd(), 8)],
    ['newline in the middle', file([1, 0], good.replace(' ', '\n'), 8)],
    ['missing key', file([1, 0], "{'descr': '<f4', 'shape': (2,)}\n", 8)],
    ['unknown key', file([1, 0], good.replace('}', "'x': False}"), 8)],
    ['key twice', file([1, 0], good.replace('}', "'shape': (2,)}"), 8)],
    ['not a tuple', file([1, 0], dictionary("'<f4'", 'False', '(2)'), 8)],
    ['a list', file([1, 0], dictionary("'<f4'", 'False', '[2]'), 8)],
    ['negative', file([1, 0], dictionary("'<f4'", 'False', '(-2,)'), 8)],
    ['leading zero', file([1, 0], dictionary("'<f4'", 'False', '(02,)'), 8)],
    ['python 2 long', file([1, 0], dictionary("'<f4'", 'False', '(2L,)'), 8)],
    ['order not a word', file([1, 0], dictionary("'<f4'", '0', '(2,)'), 8)],
    ['text after', file([1, 0], good.replace('\n', ' x\n'), 8)],
    ['no comma', file([1, 0], good.replace(', ', ' '), 8)],
    ['huge', file([1, 0], dictionary("'<f4'", 'False', '(9007199254740991, 9)'), 8)],
    ['huge by zero', file([1, 0], dictionary("'<f4'", 'False', '(0, 9007199254740991, 9)'), 0)],
    ['beyond 2^53', file([1, 0], dictionary("'<f4'", 'False', '(9007199254740993, 0)'), 0)],
    ['header of 4 GiB', concatBytes([MAGIC, Uint8Array.of(2, 0, 255, 255, 255, 255)])],
  ];
  for (const [name, bytes] of bad) assert.equal(reasonOf(bytes), 'npy-malformed', name);
});

test('good files of a kind that is not taken are called unsupported', () => {
  const bad: [string, Uint8Array][] = [
    ['version 4', file([4, 0], dictionary("'<f4'", 'False', '(2,)'), 8)],
    ['version 1.1', file([1, 1], dictionary("'<f4'", 'False', '(2,)'), 8)],
    ['big-endian', file([1, 0], dictionary("'>f4'", 'False', '(2,)'), 8)],
    ['half', file([1, 0], dictionary("'<f2'", 'False', '(2,)'), 4)],
    ['boolean', file([1, 0], dictionary("'|b1'", 'False', '(2,)'), 2)],
    ['complex', file([1, 0], dictionary("'<c8'", 'False', '(2,)'), 16)],
    ['object', file([1, 0], dictionary("'|O'", 'False', '(2,)'), 16)],
    ['structured', file([1, 0], dictionary("[('x', '<f4'), ('y', '<i4')]", 'False', '(2,)'), 16)],
    ['fortran', file([1, 0], dictionary("'<f4'", 'True', '(2, 1)'), 8)],
    ['rank 33', file([1, 0], dictionary("'|u1'", 'False', `(${'1, '.repeat(33)})`), 1)],
  ];
  for (const [name, bytes] of bad) assert.equal(reasonOf(bytes), 'npy-unsupported', name);
});

test('a header can be read from a prefix of a large file', () => {
  const header = npyHeader({ dtype: '<f8', shape: [1024, 1024, 1024] });
  assert.ok(header.length <= NPY_PREFIX_BYTES);
  const parsed = parseNpyHeader(header, header.length + 2 ** 33);
  assert.ok(parsed.ok);
  assert.equal(parsed.value.dataBytes, 2 ** 33);
  assert.equal(parsed.value.dataOffset, header.length);
});
