/** What a rehearsal counts as sent, and that its clients keep what a message did not carry. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RehearsedCodec } from '../../../src/federated/attack/rehearsed-codec.ts';
import { HEADER_BYTES } from '../../../src/federated/codec/container.ts';
import { bellValues, flatSchema } from '../../support/updates.ts';

const schema = flatSchema(1000);
const PADDING_BITS = 8 * 2 * 63;

test('payload is what is between header and padding, exactly where blocks are dense', () => {
  const q4 = new RehearsedCodec('q4', schema);
  q4.send(0, bellValues(1000, 1), 0);
  assert.equal(q4.traffic.payloadBits, 4 * 1000 + 16 * 4);
  assert.equal(q4.traffic.denseBits, 32_000);
  for (const text of ['topk:keep=5%', 'chunk:size=256,keep=8', 'randk', 'dct', 'ternary']) {
    const codec = new RehearsedCodec(text, schema);
    codec.send(0, bellValues(1000, 1), 0);
    const { bytes, payloadBits } = codec.traffic;
    const body = 8 * (bytes - HEADER_BYTES);
    assert.ok(payloadBits <= body && payloadBits > body - PADDING_BITS - 16, text);
  }
});

test('a top-k list counts each gap as its Rice code', () => {
  const codec = new RehearsedCodec('topk:keep=2,values=8', schema);
  const x = new Float32Array(1000);
  x[3] = 1;
  x[900] = -2;
  codec.send(0, x, 0);
  // k = 8 is the least with 2^k x 4 >= 1000: (3 >> 8) + 9 and (896 >> 8) + 9 bits.
  assert.equal(codec.traffic.payloadBits, 9 + 12 + 2 * 8 + 16);
});

test('what one message leaves out comes with the next ones', () => {
  const codec = new RehearsedCodec('topk:keep=10%,values=8', schema);
  const update = bellValues(1000, 2, 0.01);
  const nothing = new Float32Array(1000);
  const sum = new Float64Array(1000);
  for (let round = 0; round < 60; round++) {
    const sent = codec.send(7, round === 0 ? update : nothing, round);
    for (let k = 0; k < sum.length; k++) sum[k]! += sent[k]! * 2 ** -24;
  }
  const worst = Math.max(...update.map((value, k) => Math.abs(value - sum[k]!)));
  assert.ok(worst < 1e-5, `${worst}`);
});
