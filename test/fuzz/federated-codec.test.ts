/** Hostile bytes into every update decoder: an update, or a reason that the page names. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { ELEMENT_MAX } from '../../src/federated/fixed-point.ts';
import { bellValues, CODEC_TEXTS, codecFor, contextOf, SMALL_SCHEMA } from '../support/updates.ts';

const page = readFileSync(
  new URL('../../docs/protocol/federated-codec.md', import.meta.url),
  'utf8',
);
const table = page.split('### 2.3')[1]!.split('## 3.')[0]!;
const REASONS = new Set([...table.matchAll(/`([a-z-]+)`/g)].map(([, reason]) => reason));

const context = contextOf(SMALL_SCHEMA);

/** Overwrites a run of bytes, anywhere. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
});

function edited(bytes: Uint8Array, edits: readonly { at: number; bytes: Uint8Array }[]) {
  const bent = bytes.slice();
  for (const { at, bytes: run } of edits) {
    const from = Math.floor(at * bent.length);
    bent.set(run.subarray(0, bent.length - from), from);
  }
  return bent;
}

/** Makes the length field right again, so that more than lengths is met. */
function relabelled(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 64) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setBigUint64(48, BigInt(bytes.length - 64), true);
  return bytes;
}

for (const text of CODEC_TEXTS) {
  test(`${text} never throws on bytes`, () => {
    const codec = codecFor(text);
    const whole = codec.encode(bellValues(SMALL_SCHEMA.elements), context);
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => edited(whole, edits)),
      fc.nat(whole.length).map((length) => relabelled(whole.slice(0, length))),
      fc
        .uint8Array({ maxLength: 2000 })
        .map((rest) => relabelled(Uint8Array.from([...whole.subarray(0, 64), ...rest]))),
      fc
        .uint8Array({ minLength: whole.length - 64, maxLength: whole.length - 64 })
        .map((rest) => Uint8Array.from([...whole.subarray(0, 64), ...rest])),
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        const update = codec.decode(bytes, context);
        if (!update.ok) assert.ok(REASONS.has(update.reason), update.reason);
        else assert.ok(update.value.values.every((value) => Math.abs(value) <= ELEMENT_MAX));
      }),
      { numRuns: 120 },
    );
  });
}
