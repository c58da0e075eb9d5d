import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openCertificate } from '../../src/certificate/open.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import { makeCertificate } from '../support/certificate-factory.ts';

const made = makeCertificate({
  label: 'fuzz',
  nodes: 2,
  cadre: 1,
  replicas: 1,
  quorum: 1,
  shards: 2,
});

/** Refused, never thrown; and with a reason. */
function assertRefused(bytes: Uint8Array): void {
  const opened = openCertificate(bytes);
  assert.equal(opened.ok, false);
  assert.match(opened.ok ? '' : opened.reason, /^[a-z-]+$/);
}

test('random bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), assertRefused), {
    numRuns: 3000,
    seed: 3,
  });
});

test('random values in the encoding', () => {
  const value = fc.anything({
    key: fc.string({ maxLength: 6 }),
    maxDepth: 5,
    values: [
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string(),
      fc.uint8Array(),
    ],
  });
  const fields = Object.keys(made.certificate);
  const replaced = fc.tuple(fc.constantFrom(...fields), value);
  fc.assert(
    fc.property(replaced, ([name, other]) => {
      let bytes: Uint8Array;
      try {
        bytes = encodeCanonical({ ...made.certificate, [name]: other });
      } catch {
        return;
      }
      if (Buffer.compare(bytes, made.bytes) !== 0) assertRefused(bytes);
    }),
    { numRuns: 1500, seed: 4 },
  );
});

test('spliced, repeated and zeroed stretches of a good certificate', () => {
  const { bytes } = made;
  const stretch = fc.tuple(fc.nat(bytes.length - 1), fc.nat(64), fc.nat(bytes.length - 1));
  fc.assert(
    fc.property(
      stretch,
      fc.constantFrom('copy', 'insert', 'cut', 'zero'),
      ([at, length, from], how) => {
        const piece = bytes.slice(from, from + length);
        const head = bytes.subarray(0, at);
        const changed = {
          copy: Uint8Array.of(...head, ...piece, ...bytes.subarray(at + piece.length)),
          insert: Uint8Array.of(...head, ...piece, ...bytes.subarray(at)),
          cut: Uint8Array.of(...head, ...bytes.subarray(at + length)),
          zero: bytes.map((byte, i) => (i >= at && i < at + length ? 0 : byte)),
        }[how];
        if (Buffer.compare(changed, bytes) !== 0) assertRefused(changed);
      },
    ),
    { numRuns: 1500, seed: 5 },
  );
});

test('columns of every wrong length', () => {
  const { results } = made.certificate;
  for (const name of ['digests', 'regions', 'counts', 'workers'] as const) {
    for (let length = 0; length <= 3 * results[name].length; length++) {
      if (length === results[name].length) continue;
      const column = Uint8Array.from({ length }, (_, i) => results[name][i] ?? 255);
      assertRefused(
        encodeCanonical({ ...made.certificate, results: { ...results, [name]: column } }),
      );
    }
  }
});
