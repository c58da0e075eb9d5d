import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../../../src/base/bytes.ts';
import { decodeCertificate } from '../../../src/certificate/format.ts';
import { scanEncoding } from '../../../src/certificate/scan.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { LIMITS } from '../../../src/wire/limits.ts';

const limits = { depthMax: 4, itemsMax: 10 };

function outcome(encoded: Uint8Array): string | number {
  const scanned = scanEncoding(encoded, limits);
  return scanned.ok ? scanned.value : scanned.reason;
}

test('a scan counts items and keys, and stops at the end', () => {
  assert.equal(outcome(encodeCanonical(1)), 1);
  assert.equal(outcome(encodeCanonical({ a: [1, 2.5, null, true], b: 'text' })), 9);
  assert.equal(outcome(encodeCanonical([])), 1);
  assert.equal(outcome(encodeCanonical(new Uint8Array(70_000))), 1);
  assert.equal(outcome(encodeCanonical(-(2 ** 40))), 1);
});

test('each bound has its own refusal', () => {
  const list = (length: number) => Array.from({ length }, () => 0);
  assert.equal(outcome(encodeCanonical(list(9))), 10);
  assert.equal(outcome(encodeCanonical(list(10))), 'too-many-items');
  assert.equal(outcome(encodeCanonical([[[1]]])), 4);
  assert.equal(outcome(encodeCanonical([[[[1]]]])), 'too-deep');
  assert.equal(outcome(Uint8Array.of(0, 0)), 'trailing-bytes');
  assert.equal(outcome(new Uint8Array(0)), 'truncated');
});

test('lengths and counts beyond the file are refused before anything is allocated', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  for (const major of [2, 3, 4, 5]) {
    assert.equal(outcome(Uint8Array.of((major << 5) | 27, ...huge)), 'truncated');
    assert.equal(outcome(Uint8Array.of((major << 5) | 5, 0, 0)), 'truncated');
    assert.equal(outcome(Uint8Array.of((major << 5) | 25, 1)), 'truncated');
  }
});

test('heads that canonical DAG-CBOR never uses are malformed', () => {
  const tag = Uint8Array.of(0xd8, 0x2a, 0x41, 0);
  const indefinite = Uint8Array.of(0x9f, 0, 0xff);
  const undefinedValue = Uint8Array.of(0xf7);
  const halfFloat = Uint8Array.of(0xf9, 0, 0);
  const reserved = Uint8Array.of(0x1c);
  for (const encoded of [tag, indefinite, undefinedValue, halfFloat, reserved]) {
    assert.equal(outcome(encoded), 'malformed');
  }
});

test('size, version and kind are judged before the shape they belong to', () => {
  const reason = (encoded: Uint8Array) => {
    const decoded = decodeCertificate(encoded);
    return decoded.ok ? '' : decoded.reason;
  };
  assert.equal(reason(new Uint8Array(LIMITS.certificateBytesMax + 1)), 'too-large');
  assert.equal(reason(encodeCanonical({ v: 2, surprise: [] })), 'wrong-version');
  assert.equal(reason(encodeCanonical({ v: 1, kind: 'other' })), 'wrong-kind');
  assert.equal(reason(encodeCanonical({ v: 1, kind: 'job' })), 'wrong-shape');
  assert.equal(reason(encodeCanonical('job')), 'wrong-version');
  assert.equal(reason(encodeCanonical(null)), 'wrong-version');
  const zeros = new Uint8Array(LIMITS.certificateItemsMax + 5);
  zeros.set([0x9a, 0x00, 0x10, 0x00, 0x00]);
  assert.equal(reason(zeros), 'too-many-items');
  // What stands in a map under this name is data, never a prototype that could lend a version.
  const proto = [0xa1, 0x69, ...utf8('__proto__'), 0xa1, 0x61, 0x76, 1];
  assert.equal(reason(Uint8Array.from(proto)), 'wrong-version');
});
