/** Hostile bytes into the advert check: never a throw, never an acceptance, always a reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes } from '../../src/base/bytes.ts';
import { checkAdvert } from '../../src/swarm/check-advert.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import { ISSUED_MS, NETWORK, signedOf, signerNumber } from '../support/adverts.ts';

const rules = { network: NETWORK, wallMs: ISSUED_MS };
const good = encodeCanonical(signedOf(signerNumber(1)));

function isRefused(bytes: Uint8Array): boolean {
  const checked = checkAdvert(bytes, rules);
  return !checked.ok && /^[a-z-]+$/.test(checked.reason);
}

test('random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => isRefused(bytes)),
    { numRuns: 10_000 },
  );
});

test('a good advert with bytes changed, cut out, put in or repeated', () => {
  const at = fc.nat(good.length - 1);
  const change = fc.oneof(
    fc.tuple(at, fc.integer({ min: 1, max: 255 })).map(([offset, bits]) => {
      const bent = good.slice();
      bent[offset]! ^= bits;
      return bent;
    }),
    fc
      .tuple(at, fc.nat(8), fc.uint8Array({ maxLength: 8 }))
      .filter(([, removed, added]) => removed !== added.length)
      .map(([offset, removed, added]) =>
        concatBytes([good.subarray(0, offset), added, good.subarray(offset + removed)]),
      )
      .filter((bytes) => bytes.length !== good.length),
    at.map((offset) => concatBytes([good, good.subarray(offset)])),
  );
  fc.assert(
    fc.property(change, (bytes) => isRefused(bytes)),
    { numRuns: 10_000 },
  );
});

test('well-formed values of the wrong shape', () => {
  const value = fc.object({ withNullPrototype: false, maxDepth: 3 });
  fc.assert(
    fc.property(fc.json(), value, (json, object) => {
      for (const candidate of [JSON.parse(json), { advert: JSON.parse(json), signature: object }]) {
        let bytes: Uint8Array;
        try {
          bytes = encodeCanonical(candidate);
        } catch {
          continue;
        }
        assert.ok(isRefused(bytes));
      }
    }),
    { numRuns: 1000 },
  );
});

test('nesting, lengths and numbers made to exhaust a decoder', () => {
  const deep = new Uint8Array(LIMITS.advertBytesMax).fill(0x81);
  const deepMaps = new Uint8Array(LIMITS.advertBytesMax).fill(0xa1);
  const hugeList = Uint8Array.of(0x9b, 0, 0, 0, 1, 0, 0, 0, 0);
  const hugeBytes = Uint8Array.of(0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
  const hugeInteger = Uint8Array.of(0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
  const endless = Uint8Array.of(0x9f, 0x01);
  const tag = Uint8Array.of(0xd8, 0x2a, 0x41, 0x00);
  const notANumber = Uint8Array.of(0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0);
  for (const bytes of [
    deep,
    deepMaps,
    hugeList,
    hugeBytes,
    hugeInteger,
    endless,
    tag,
    notANumber,
  ]) {
    assert.ok(isRefused(bytes));
  }
});
