import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import type { Checked } from '../../../src/base/verdict.ts';
import { decodeCanonical, encodeCanonical } from '../../../src/wire/cbor.ts';
import type { Shape } from '../../../src/wire/shape.ts';

const anything: Shape<unknown> = () => undefined;

function decodeHex(hex: string, bytesMax = 1 << 20): Checked<unknown> {
  return decodeCanonical(fromHex(hex)!, anything, bytesMax);
}

function refusedAs(hex: string): string {
  const result = decodeHex(hex);
  return result.ok ? `accepted ${JSON.stringify(result.value)}` : result.reason;
}

describe('canonical CBOR', () => {
  test('accepts the one spelling of each value', () => {
    for (const hex of [
      '00',
      '17',
      '1818',
      '190100',
      '1a00010000',
      '1b001fffffffffffff',
      '20',
      '3903e7',
      '40',
      '4101',
      '60',
      '6161',
      '80',
      '820102',
      'a0',
      'a1616101',
      'a2616101616202',
      'a261620162616102',
      'f4',
      'f5',
      'fb3ff8000000000000',
    ]) {
      const result = decodeHex(hex);
      assert.ok(result.ok, hex);
      assert.equal(toHex(encodeCanonical(result.value)), hex);
    }
  });

  test('refuses every other spelling and every value outside the model', () => {
    const refused: Readonly<Record<string, string>> = {
      'integer in one byte too many': '1800',
      'integer in two bytes too many': '190001',
      'integer in eight bytes too many': '1b0000000000000001',
      'length in one byte too many': '5801ff',
      'list length in one byte too many': '980101',
      'map length in one byte too many': 'b801616101',
      'indefinite bytes': '5f4101ff',
      'indefinite text': '7f6161ff',
      'indefinite list': '9f01ff',
      'indefinite map': 'bf616101ff',
      'keys out of order': 'a2616201616102',
      'longer key first': 'a262616101616202',
      'duplicate key': 'a2616101616102',
      'duplicate key, same value': 'a2616101616101',
      'key that is no text': 'a10102',
      'trailing byte': '0100',
      'nothing at all': '',
      'truncated list': '8201',
      'truncated bytes': '4201',
      'truncated integer': '19ff',
      'half float': 'f93c00',
      'single float': 'fa3fc00000',
      'one as a float': 'fb3ff0000000000000',
      'zero as a float': 'fb0000000000000000',
      'minus zero': 'fb8000000000000000',
      'not a number': 'fb7ff8000000000000',
      infinity: 'fb7ff0000000000000',
      'minus infinity': 'fbfff0000000000000',
      undefined: 'f7',
      'unassigned simple value': 'f0',
      'simple value in two bytes': 'f820',
      'break without start': 'ff',
      'date tag': 'c074323031332d30332d32315432303a30343a30305a',
      'big number tag': 'c249010000000000000000',
      'unknown tag': 'd9d9f700',
      'text that is not UTF-8': '61ff',
      'half a surrogate pair in UTF-8': '63eda080',
      'reserved length': '1c',
    };
    for (const [what, hex] of Object.entries(refused)) {
      const reason = refusedAs(hex);
      assert.ok(reason === 'malformed' || reason === 'not-canonical', `${what}: ${reason}`);
    }
  });

  test('says not-canonical for values that have another spelling', () => {
    assert.equal(refusedAs('fb3ff0000000000000'), 'not-canonical', '1.0 is the integer 1');
    assert.equal(refusedAs('fb8000000000000000'), 'not-canonical', '-0 is the integer 0');
    assert.equal(refusedAs('61ff'), 'not-canonical');
  });

  test('size is judged before anything else, nesting never overflows', () => {
    const large = decodeHex('820102', 2);
    assert.ok(!large.ok && large.reason === 'too-large');
    for (const opening of ['81', 'a16161']) {
      const deep = decodeHex(opening.repeat(200_000));
      assert.ok(!deep.ok && deep.reason === 'malformed', opening);
    }
  });

  test('a key named __proto__ changes no prototype', () => {
    const result = decodeHex('a1695f5f70726f746f5f5fa1616101');
    assert.equal(({} as { a?: unknown }).a, undefined);
    if (result.ok) assert.ok(Object.hasOwn(result.value as object, '__proto__'));
  });

  test('what cannot be encoded is a bug of ours and throws', () => {
    for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY, () => 1]) {
      assert.throws(() => encodeCanonical(value));
    }
  });
});
