import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromHex } from '../../../src/base/bytes.ts';
import { decodeCanonical } from '../../../src/wire/cbor.ts';
import {
  boolean,
  bytes,
  bytesUpTo,
  dictionary,
  type Infer,
  integer,
  list,
  oneOf,
  optional,
  type Shape,
  struct,
  text,
  variant,
} from '../../../src/wire/shape.ts';

function fits(shape: Shape<unknown>, ...values: readonly unknown[]): void {
  for (const value of values) assert.equal(shape(value, 'v'), undefined, String(value));
}

function misfits(shape: Shape<unknown>, ...values: readonly unknown[]): void {
  for (const value of values) assert.notEqual(shape(value, 'v'), undefined, String(value));
}

describe('shapes', () => {
  test('integer: bounds are inclusive; fractions and unsafe numbers are refused', () => {
    fits(integer(1, 3), 1, 2, 3);
    misfits(integer(1, 3), 0, 4, 1.5, '1', 1n, null, undefined, Number.NaN);
    fits(integer(), 0, Number.MAX_SAFE_INTEGER);
    misfits(integer(), -1, Number.MAX_SAFE_INTEGER + 1);
  });

  test('text: length and pattern', () => {
    fits(text(3), '', 'abc');
    misfits(text(3), 'abcd', 1, null);
    fits(text(9, /^[a-z]+$/), 'abc');
    misfits(text(9, /^[a-z]+$/), 'aB', '');
  });

  test('one of several literals, and booleans', () => {
    fits(oneOf<'a' | 2 | true>('a', 2, true), 'a', 2, true);
    misfits(oneOf<'a' | 2 | true>('a', 2, true), 'b', '2', false, null);
    fits(boolean, true, false);
    misfits(boolean, 0, 1, 'true', null);
  });

  test('byte strings: exact, or bounded in whole units', () => {
    fits(bytes(2), Uint8Array.of(1, 2));
    misfits(bytes(2), Uint8Array.of(1), Uint8Array.of(1, 2, 3), [1, 2], 'ab');
    fits(bytesUpTo(64, 32), new Uint8Array(0), new Uint8Array(32), new Uint8Array(64));
    misfits(bytesUpTo(64, 32), new Uint8Array(33), new Uint8Array(96), 'x');
  });

  test('lists are bounded on both sides and name the item that is wrong', () => {
    const shape = list(integer(), 2, 1);
    fits(shape, [1], [1, 2]);
    misfits(shape, [], [1, 2, 3], ['x'], { 0: 1, length: 1 }, new Uint8Array(1));
    assert.deepEqual(shape([1, 'x'], 'v')?.path, 'v[1]');
  });

  test('dictionaries are bounded and hold only what they say', () => {
    fits(dictionary(integer(), 2), {}, { a: 1, b: 2 });
    misfits(dictionary(integer(), 2), { a: 1, b: 2, c: 3 }, { a: 'x' }, [], null, new Uint8Array());
  });

  test('structs want every field, refuse unknown ones, and let optional ones be absent', () => {
    const shape = struct({ a: integer(), b: optional(text(3)) });
    fits(shape, { a: 1 }, { a: 1, b: 'x' });
    misfits(shape, {}, { a: 1, b: undefined }, { a: 1, b: null }, { a: 1, c: 1 }, [], null);
    assert.deepEqual(shape({ b: 'x' }, ''), { path: '.a', why: 'missing' });
    assert.deepEqual(shape({ a: 1, z: 0 }, ''), { path: '.z', why: 'unknown field' });
    const value: Infer<typeof shape> = { a: 1 };
    assert.equal(value.b, undefined);
  });

  test('inherited names are no fields', () => {
    misfits(struct({ toString: integer() }), {});
    misfits(struct({}), { constructor: 1 });
    misfits(variant('kind', {}), { kind: 'toString' });
  });

  test('variants are told apart by their tag', () => {
    const shape = variant('kind', {
      point: struct({ kind: oneOf('point'), x: integer() }),
      name: struct({ kind: oneOf('name'), text: text(5) }),
    });
    fits(shape, { kind: 'point', x: 1 }, { kind: 'name', text: 'a' });
    misfits(shape, { kind: 'point', text: 'a' }, { kind: 'other' }, { x: 1 }, { kind: 1 }, null);
  });

  test('a link object is no map', () => {
    // Tag 42 with an identity CID: DAG-CBOR decodes it into an object of a class of its own.
    const link = fromHex(`d82a4500${'01550000'}`)!;
    for (const shape of [dictionary(() => undefined, 100), struct({}), variant('code', {})]) {
      const result = decodeCanonical(link, shape as Shape<unknown>, 100);
      assert.ok(!result.ok);
      assert.match(result.detail ?? '', /not a map/);
    }
  });
});
