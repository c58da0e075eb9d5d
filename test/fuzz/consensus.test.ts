/** Hostile bytes into every decoder of consensus and of its log: refused, never thrown. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { equalBytes, fromHex } from '../../src/base/bytes.ts';
import { decodeRecord } from '../../src/consensus/log-records.ts';
import { decodeMessage, encodeMessage } from '../../src/consensus/messages.ts';
import { checksOf } from '../../src/consensus/signature-checks.ts';
import { scanWal, WAL_HEADER } from '../../src/store/wal-frames.ts';
import { electorate } from '../unit/consensus/fixtures.ts';

const golden = JSON.parse(
  readFileSync(new URL('../vectors/consensus.json', import.meta.url), 'utf8'),
);
const samples: Uint8Array[] = golden.messages.map((entry: { bytes: string }) =>
  fromHex(entry.bytes),
);
const seats = electorate(4);

/** Decodes and judges; what is accepted must encode to the same bytes. */
function swallow(bytes: Uint8Array): void {
  decodeRecord(bytes);
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return;
  const message = decoded.value;
  assert.ok(equalBytes(encodeMessage(message), bytes));
  const { kind } = message;
  if (kind === 'proposal' || kind === 'vote' || kind === 'timeout' || kind === 'commit') {
    checksOf(seats, message, 1);
  } else if (kind === 'sync') {
    checksOf(seats, message, 1);
  }
}

test('any bytes are refused or accepted, never thrown on', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), swallow), { numRuns: 300 });
  const header = (bytes: Uint8Array) => Buffer.concat([WAL_HEADER, bytes]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      scanWal(bytes);
      scanWal(header(bytes));
    }),
    { numRuns: 300 },
  );
});

test('damaged real messages are refused or accepted, never thrown on', () => {
  const damage = fc.record({
    sample: fc.nat({ max: samples.length - 1 }),
    cut: fc.double({ min: 0.5, max: 1, noNaN: true }),
    flips: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
    tail: fc.uint8Array({ maxLength: 3 }),
  });
  fc.assert(
    fc.property(damage, ({ sample, cut, flips, tail }) => {
      const whole = samples[sample]!;
      const kept = whole.slice(0, Math.ceil(whole.length * cut));
      for (const [at, mask] of flips) kept[at % kept.length]! ^= mask;
      swallow(Buffer.concat([kept, tail]));
    }),
    { numRuns: 1000 },
  );
});

test('what is too large is refused before it is parsed', () => {
  const decoded = decodeMessage(new Uint8Array(2 << 20));
  assert.ok(!decoded.ok && decoded.reason === 'too-large');
});
