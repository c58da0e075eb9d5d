/** Hostile bytes into the .npy parser: it answers, never throws, promises only what is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, utf8 } from '../../src/base/bytes.ts';
import { arrayBytes } from '../../src/kernel/contract.ts';
import { parseNpy, writeNpy } from '../../src/kernel/npy.ts';

function check(bytes: Uint8Array): void {
  const parsed = parseNpy(bytes);
  if (!parsed.ok) {
    assert.match(parsed.reason, /^npy-(malformed|unsupported)$/);
    return;
  }
  assert.equal(parsed.value.data.length, arrayBytes(parsed.value));
}

test('any bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 500 });
});

test('any text in a header', () => {
  const words = fc.constantFrom(
    ...["'descr'", "'<f4'", ':', ',', '{', '}', '(', ')', '2', '0', ' ', '\n', 'False', "'shape'"],
  );
  const texts = fc.oneof(
    fc.array(words, { maxLength: 30 }).map((list) => list.join('')),
    fc.string({ maxLength: 100, unit: 'binary' }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const header = utf8(text);
      const prefix = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 3, 0);
      check(
        concatBytes([prefix, Uint8Array.of(header.length & 255, header.length >> 8, 0, 0), header]),
      );
    }),
    { numRuns: 1000 },
  );
});

test('a good file with one byte changed', () => {
  const good = writeNpy({ dtype: '<u4', shape: [3, 2], data: new Uint8Array(24) });
  fc.assert(
    fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const bytes = good.slice();
      bytes[at] = byte;
      check(bytes);
    }),
    { numRuns: 2000 },
  );
});

test('headers that could make a slow grammar crawl', () => {
  for (const filling of [' ', '(', "'", '1, ', '[', "{'shape': (", '0 ,']) {
    const text = `{'descr': '<f4', 'shape': (${filling.repeat(65_000 / filling.length)}`;
    const header = utf8(`${text.slice(0, 65_000)}\n`);
    const prefix = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0);
    check(concatBytes([prefix, Uint8Array.of(header.length & 255, header.length >> 8), header]));
  }
});
