/** The golden bytes of docs/protocol/federated-codec.md. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { codecOf, parseCodec } from '../../src/federated/codec/codec-spec.ts';
import { roundMask } from '../../src/federated/codec/rand-k-codec.ts';
import { nearestScale, scaleAbove, scaleValue } from '../../src/federated/codec/scale.ts';
import { toDense } from '../../src/federated/fixed-point.ts';
import { schemaOf } from '../support/updates.ts';

const golden = JSON.parse(readFileSync(new URL('federated-codec.json', import.meta.url), 'utf8'));
const schema = schemaOf(golden.schema.tensors, golden.schema.fractionBits);
const context = {
  schema,
  round: golden.round,
  seed: fromHex(golden.seed)!,
  ditherKey: fromHex(golden.ditherKey)!,
};
const x = new Float32Array(Uint8Array.from(fromHex(golden.x)!).buffer);

test('scales', () => {
  for (const { r, nearest, above, value } of golden.scales) {
    assert.deepEqual(
      [nearestScale(r), scaleAbove(r), scaleValue(nearest)],
      [nearest, above, value],
    );
  }
});

test('the schema and the mask', () => {
  assert.equal(toHex(schema.hash), golden.schema.hash);
  assert.deepEqual([...roundMask(context, golden.mask.length)], golden.mask);
});

for (const { codec, bytes, form, dense } of golden.codecs) {
  test(codec, () => {
    const spec = parseCodec(codec);
    assert.equal(spec.text, codec);
    assert.equal(toHex(codecOf(spec).encode(x, context)), bytes);
    const update = codecOf(spec).decode(fromHex(bytes)!, context);
    assert.ok(update.ok);
    assert.equal(update.value.form, form);
    assert.deepEqual([...toDense(update.value)], dense);
  });
}
