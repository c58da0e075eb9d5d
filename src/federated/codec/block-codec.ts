/**
 * Dense block quantisation: q8, q4, q3, q2, Lloyd-Max, QSGD and sign with block mean are one codec
 * with different levels and fits (docs/protocol/federated-codec.md, 3.1).
 */
import { accept, type Checked } from '../../base/verdict.ts';
import type { Update } from '../fixed-point.ts';
import type { BlockCoding } from './blocks.ts';
import {
  type ClientContext,
  ditherWords,
  type MessageCodec,
  type RoundContext,
  requireUpdate,
} from './codec.ts';
import {
  CODEC_IDS,
  type ContainerPlan,
  checkHeader,
  splitSections,
  writeContainer,
} from './container.ts';
import { blockSectionBytes, type CodecKernels } from './kernels.ts';
import { levelFlag } from './levels.ts';

interface BlockCodecInit {
  readonly coding: BlockCoding;
  readonly kernels: CodecKernels;
}

export function blockCodec(coding: BlockCoding, kernels: CodecKernels): MessageCodec {
  return {
    encode: (x, context) => encode(x, context, { coding, kernels }),
    decode: (bytes, context) => decode(bytes, context, { coding, kernels }),
    blocks: (bytes, context) => {
      const sections = openBlocks(bytes, context, coding);
      return sections.ok ? accept({ sections: sections.value, coding }) : sections;
    },
    accumulate: (bytes, context, { sum, weight }) => {
      const sections = openBlocks(bytes, context, coding);
      return sections.ok ? kernels.accumulateBlocks(sum, weight, sections.value, coding) : sections;
    },
  };
}

function planOf(
  { schema, round }: RoundContext,
  { levels, blockLog2 }: BlockCoding,
): ContainerPlan {
  return {
    codec: CODEC_IDS.blocks,
    flags: levelFlag(levels),
    elements: schema.elements,
    blockLog2,
    valueBits: levels.bits,
    order: 0,
    keptMax: 0,
    keptExact: true,
    riceOf: () => 0,
    round,
    schema: schema.hash,
  };
}

function encode(x: Float32Array, context: ClientContext, init: BlockCodecInit): Uint8Array {
  const { coding, kernels } = init;
  requireUpdate(x, context.schema, kernels);
  const sections = kernels.packBlocks(x, coding, {
    fractionBits: context.schema.fractionBits,
    ...(coding.fit === 'norm' ? { dither: ditherWords(context) } : {}),
  });
  return writeContainer(planOf(context, coding), 0, sections);
}

function decode(bytes: Uint8Array, context: RoundContext, init: BlockCodecInit): Checked<Update> {
  const sections = openBlocks(bytes, context, init.coding);
  if (!sections.ok) return sections;
  const { elements } = context.schema;
  const values = init.kernels.unpackBlocks(sections.value, elements, init.coding);
  return values.ok ? accept({ form: 'dense', values: values.value }) : values;
}

function openBlocks(bytes: Uint8Array, context: RoundContext, coding: BlockCoding) {
  const header = checkHeader(bytes, planOf(context, coding));
  if (!header.ok) return header;
  const lengths = { ...blockSectionBytes(context.schema.elements, coding), indices: 0 };
  return splitSections(bytes, lengths);
}
