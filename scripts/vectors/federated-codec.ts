/**
 * Writes test/vectors/federated-codec.json, the golden bytes of docs/protocol/federated-codec.md.
 * Run: node scripts/vectors/federated-codec.ts
 */
import { writeFileSync } from 'node:fs';
import { toHex } from '../../src/base/bytes.ts';
import { parseCodec } from '../../src/federated/codec/codec-spec.ts';
import { roundMask } from '../../src/federated/codec/rand-k-codec.ts';
import { nearestScale, scaleAbove, scaleValue } from '../../src/federated/codec/scale.ts';
import { toDense } from '../../src/federated/fixed-point.ts';
import {
  bellValues,
  CODEC_TEXTS,
  codecFor,
  contextOf,
  schemaOf,
} from '../../test/support/updates.ts';

/** Small, with a tensor that PowerSGD factors and one that it does not. */
const TENSORS = [
  { name: 'layer.weight', shape: [12, 20] },
  { name: 'layer.bias', shape: [13] },
];
const schema = schemaOf(TENSORS);
const context = contextOf(schema, 9);

/** Bell-shaped, then what is special: zeros, ties, the smallest and far too large values. */
function values(): Float32Array {
  const x = bellValues(schema.elements, 11, 0.02);
  x.set([0, -0, 0.25, -0.25, 0.25, 2 ** -24, -(2 ** -25), 2 ** -149, 1000, -3e38], 100);
  return x;
}

const x = values();
const SCALES = [0, 0.5, 1.5, 2047.4, 2047.5, 2048, 2049, 2050, 4095, 65_535.9, 2 ** 41, 1e300];

const golden = {
  scales: SCALES.map((r) => ({ r, nearest: nearestScale(r), above: scaleAbove(r) })).map((row) => ({
    ...row,
    value: scaleValue(row.nearest),
  })),
  schema: { tensors: TENSORS, fractionBits: schema.fractionBits, hash: toHex(schema.hash) },
  round: context.round,
  seed: toHex(context.seed),
  ditherKey: toHex(context.ditherKey!),
  /** binary32, little-endian. */
  x: toHex(new Uint8Array(x.buffer)),
  mask: [...roundMask(context, 13)],
  codecs: CODEC_TEXTS.map((text) => {
    const bytes = codecFor(text).encode(x, context);
    const update = codecFor(text).decode(bytes, context);
    if (!update.ok) throw new Error(`${text}: ${update.reason}`);
    const { form } = update.value;
    return {
      codec: parseCodec(text).text,
      bytes: toHex(bytes),
      form,
      dense: [...toDense(update.value)],
    };
  }),
};

const file = new URL('../../test/vectors/federated-codec.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(golden)}\n`);
