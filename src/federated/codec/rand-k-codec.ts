/**
 * Seeded rand-k: everybody keeps the same coordinates, one of each stratum, so no index travels and
 * messages add up on one mask (docs/protocol/federated-codec.md, 3.5).
 */
import { u64 } from '../../base/bytes.ts';
import { accept, type Checked } from '../../base/verdict.ts';
import { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { TAGS } from '../../wire/tags.ts';
import type { Update } from '../fixed-point.ts';
import type { BlockCoding } from './blocks.ts';
import { type MessageCodec, type RoundContext, requireUpdate, saturate } from './codec.ts';
import {
  CODEC_IDS,
  type ContainerPlan,
  checkHeader,
  splitSections,
  writeContainer,
} from './container.ts';
import { blockSectionBytes, type CodecKernels } from './kernels.ts';
import { levelFlag } from './levels.ts';
import { type Keep, keptOf } from './top-k-codec.ts';

export interface RandKInit {
  readonly keep: Keep;
  readonly blocks: BlockCoding;
  /** Multiplies every value by the size of its stratum: an unbiased message, of larger variance. */
  readonly unbiased: boolean;
  readonly kernels: CodecKernels;
}

export function randKCodec(init: RandKInit): MessageCodec {
  return {
    encode: (x, context) => encode(x, context, init),
    decode: (bytes, context) => decode(bytes, context, init),
  };
}

/** The mask of a round: ascending indices, one drawn from each of `kept` strata. */
export function roundMask(context: RoundContext, kept: number): Uint32Array {
  const { elements } = context.schema;
  const words = new ChaChaWords(taggedHash(TAGS.updateMask, context.seed, u64(context.round)));
  const mask = new Uint32Array(kept);
  for (let i = 0; i < kept; i++) {
    const from = stratumStart(i, kept, elements);
    mask[i] = from + words.below(stratumStart(i + 1, kept, elements) - from);
  }
  return mask;
}

/** floor(i · elements / kept), exactly. */
function stratumStart(i: number, kept: number, elements: number): number {
  const whole = Math.floor(elements / kept);
  const rest = i * (elements % kept);
  // A product of two numbers below 2^30 may pass 2^53, in masks of more than 2^23 entries.
  const extra = Number.isSafeInteger(rest)
    ? Math.floor(rest / kept)
    : Number((BigInt(i) * BigInt(elements % kept)) / BigInt(kept));
  return i * whole + extra;
}

function planOf({ schema, round }: RoundContext, { keep, blocks }: RandKInit): ContainerPlan {
  return {
    codec: CODEC_IDS.randk,
    flags: levelFlag(blocks.levels),
    elements: schema.elements,
    blockLog2: blocks.blockLog2,
    valueBits: blocks.levels.bits,
    order: 0,
    keptMax: keptOf(keep, schema.elements),
    keptExact: true,
    riceOf: () => 0,
    round,
    schema: schema.hash,
  };
}

function encode(x: Float32Array, context: RoundContext, init: RandKInit): Uint8Array {
  requireUpdate(x, context.schema, init.kernels);
  const plan = planOf(context, init);
  const { elements, fractionBits } = context.schema;
  const mask = roundMask(context, plan.keptMax);
  const kept = new Float32Array(mask.length);
  const saturated = saturate(x, fractionBits);
  for (let i = 0; i < mask.length; i++) {
    const size = init.unbiased
      ? stratumStart(i + 1, mask.length, elements) - stratumStart(i, mask.length, elements)
      : 1;
    kept[i] = saturated[mask[i]!]! * size;
  }
  return writeContainer(
    plan,
    mask.length,
    init.kernels.packBlocks(kept, init.blocks, { fractionBits }),
  );
}

function decode(bytes: Uint8Array, context: RoundContext, init: RandKInit): Checked<Update> {
  const plan = planOf(context, init);
  const header = checkHeader(bytes, plan);
  if (!header.ok) return header;
  const kept = header.value;
  const lengths = { ...blockSectionBytes(kept, init.blocks), indices: 0 };
  const sections = splitSections(bytes, lengths);
  if (!sections.ok) return sections;
  const values = init.kernels.unpackBlocks(sections.value, kept, init.blocks);
  if (!values.ok) return values;
  const { elements } = context.schema;
  return accept({
    form: 'sparse',
    elements,
    ...withoutZeros(roundMask(context, kept), values.value),
  });
}

/** A sparse update holds no zeros; under a mask they are as good as absent. */
function withoutZeros(mask: Uint32Array, values: Int32Array) {
  const isKept = (_: number, i: number) => values[i] !== 0;
  return { indices: mask.filter(isKept), values: values.filter((value) => value !== 0) };
}
