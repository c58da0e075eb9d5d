/** Golden bytes of docs/protocol/job-messages.md. Written by scripts/vectors/job-messages.ts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeMessage, encodeMessage } from '../../src/roles/job-messages.ts';
import { MESSAGES } from '../support/job-messages.ts';

interface Vectors {
  readonly good: readonly { readonly kind: string; readonly t: string; readonly bytes: string }[];
  readonly bad: readonly { readonly why: string; readonly kind: string; readonly bytes: string }[];
}

const file = new URL('./job-messages.json', import.meta.url);
const { good, bad }: Vectors = JSON.parse(readFileSync(file, 'utf8'));

/** Decodes as whoever gets messages of this kind does. */
function decode(kind: string, hex: string) {
  const { shape } = MESSAGES.find((group) => group.kind === kind)!;
  return decodeMessage<{ readonly t: string }>(fromHex(hex)!, shape);
}

test('every kind of message has golden bytes, which decode and encode to themselves', () => {
  const made = MESSAGES.flatMap(({ messages }) => messages.map(encodeMessage).map(toHex));
  assert.deepEqual(
    good.map(({ bytes }) => bytes),
    made,
  );
  for (const { kind, t, bytes } of good) {
    const decoded = decode(kind, bytes);
    assert.ok(decoded.ok && decoded.value.t === t, t);
    assert.equal(toHex(encodeMessage(decoded.value as never)), bytes);
  }
});

for (const { why, kind, bytes } of bad) {
  test(`refused: ${why}`, () => {
    assert.equal(decode(kind, bytes).ok, false);
  });
}
