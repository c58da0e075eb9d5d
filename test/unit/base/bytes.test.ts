import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex, u32, u64, utf8, writeU64 } from '../../../src/base/bytes.ts';

test('hex is lowercase, of whole bytes, and nothing else', () => {
  assert.equal(toHex(Uint8Array.of(0, 10, 255)), '000aff');
  assert.deepEqual(fromHex('000aff'), Uint8Array.of(0, 10, 255));
  assert.deepEqual(fromHex(''), new Uint8Array(0));
  for (const text of ['0', 'FF', '0g', ' 00', '00 ', '0x00', '00\n']) {
    assert.equal(fromHex(text), undefined, JSON.stringify(text));
  }
});

test('integers are big-endian over their whole range', () => {
  assert.equal(toHex(u64(0)), '0000000000000000');
  assert.equal(toHex(u64(1)), '0000000000000001');
  assert.equal(toHex(u64(0xffff_ffff)), '00000000ffffffff');
  assert.equal(toHex(u64(0x1_0000_0000)), '0000000100000000');
  assert.equal(toHex(u64(Number.MAX_SAFE_INTEGER)), '001fffffffffffff');
  assert.equal(toHex(u32(0xffff_fffe)), 'fffffffe');
});

test('writing into a view of a larger buffer stays inside the view', () => {
  const buffer = new Uint8Array(24);
  writeU64(buffer.subarray(4, 20), 8, 0x0102_0304_0506);
  assert.equal(toHex(buffer), `${'00'.repeat(12)}0000010203040506${'00'.repeat(4)}`);
});

test('text is UTF-8', () => {
  assert.equal(toHex(utf8('aé€')), '61c3a9e282ac');
});
