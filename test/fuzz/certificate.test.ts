/** What the fuzzer of all decoders would rarely hit: every wrong length of every column. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
