/** Schemas, contexts and vectors for tests and golden bytes of gradient codecs. */
import { ChaChaWords } from '../../src/crypto/portable/chacha20.ts';
import type { ClientContext, RoundContext } from '../../src/federated/codec/codec.ts';
import { readShare } from '../../src/federated/codec/codec-settings.ts';
import { codecOf, parseCodec } from '../../src/federated/codec/codec-spec.ts';
import { roundMask } from '../../src/federated/codec/rand-k-codec.ts';
import { makeSchema, type Tensor, type UpdateSchema } from '../../src/federated/codec/schema.ts';
import { keptOf } from '../../src/federated/codec/top-k-codec.ts';
import { FRACTION_BITS_DEFAULT, toDense, type Update } from '../../src/federated/fixed-point.ts';
import { spellUpdate } from '../oracles/update-spelling.ts';

export function schemaOf(
  tensors: readonly Tensor[],
  fractionBits = FRACTION_BITS_DEFAULT,
): UpdateSchema {
  const schema = makeSchema(tensors, fractionBits);
  if (!schema.ok) throw new Error(schema.detail);
  return schema.value;
}

/** A matrix that PowerSGD factors, and a bias that it does not. */
export const SMALL_SCHEMA = schemaOf([
  { name: 'w', shape: [24, 40] },
  { name: 'b', shape: [37] },
]);

/** One vector of any length. */
export const flatSchema = (elements: number): UpdateSchema =>
  schemaOf([{ name: 'x', shape: [elements] }]);

export function contextOf(schema: UpdateSchema, round = 7): ClientContext {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 1);
  const ditherKey = Uint8Array.from({ length: 32 }, (_, i) => 200 - 5 * i);
  return { schema, round, seed, ditherKey };
}

/** Bell-shaped values of deviation about `size`, the same bits everywhere: sums of eight words. */
export function bellValues(count: number, seed = 1, size = 0.01): Float32Array {
  const words = new ChaChaWords(new Uint8Array(32).fill(seed));
  return Float32Array.from({ length: count }, () => {
    let sum = -8 * 2 ** 31;
    for (let i = 0; i < 8; i++) sum += words.next();
    // Eight uniform words have a deviation of 2^32 · sqrt(8 / 12).
    return (sum / 2 ** 32 / 0.816496580927726) * size;
  });
}

/** Every codec and every way of coding values, indices and blocks. */
export const CODEC_TEXTS = [
  'q8',
  'q8:block=64',
  'q4',
  'q3',
  'q2',
  'q4:levels=lloyd',
  'q3:levels=lloyd',
  'q2:levels=lloyd,block=32',
  'qsgd',
  'qsgd:bits=2',
  'qsgd:bits=8,block=64',
  'ternary',
  'ternary:block=64',
  'sign',
  'sign:block=64',
  'vote',
  'topk:keep=5%',
  'topk:keep=5%,values=1',
  'topk:keep=5%,values=2',
  'topk:keep=5%,values=3,block=16',
  'topk:keep=33,values=8,index=bitmap',
  'chunk:size=64,keep=3',
  'chunk:size=128,keep=2,values=2,index=bitmap',
  'randk',
  'randk:keep=50,values=q4',
  'randk:values=sign,scale=size',
  'powersgd:rank=1',
  'powersgd:rank=3',
  'dct',
  'dct:keep=20,values=4',
  'dct:keep=2,values=2,index=bitmap',
  'dgc:keep=1%',
] as const;

export function codecFor(text: string) {
  return codecOf(parseCodec(text));
}

/** The spelling that a second reading of the page gives the integers of an update, where it can. */
export function respelt(
  text: string,
  update: Update,
  context: RoundContext,
): Uint8Array | undefined {
  const { schema, round } = context;
  const spec = parseCodec(text);
  if (spec.name === 'powersgd' || spec.name === 'dct') return undefined;
  const init = { spec, schema, round };
  if (spec.name !== 'randk') return spellUpdate(toDense(update), init);
  const kept = keptOf(readShare(spec.settings.get('keep')!)!, schema.elements);
  return spellUpdate(toDense(update), { ...init, mask: [...roundMask(context, kept)] });
}
