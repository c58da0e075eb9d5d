/**
 * Dense block quantisation: q8, q4, q3, q2, Lloyd-Max, QSGD and sign with block mean are one codec
 * with different levels and fits (docs/protocol/federated-codec.md, 3.1).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { Update } from '../fixed-point.ts';
import { packCodes, packedBytes, unpackCodes } from './bits.ts';
import { type BlockCoding, blockCount, decodeBlocks, encodeBlocks } from './blocks.ts';
import {
  type ClientContext,
  ditherWords,
  type RoundContext,
  requireUpdate,
  type UpdateCodec,
} from './codec.ts';
import {
  CODEC_IDS,
  type ContainerPlan,
  checkHeader,
  readScales,
  scaleBytes,
  splitSections,
  writeContainer,
} from './container.ts';
import { levelFlag } from './levels.ts';

export function blockCodec(coding: BlockCoding): UpdateCodec {
  return {
    encode: (x, context) => encode(x, context, coding),
    decode: (bytes, context) => decode(bytes, context, coding),
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

function encode(x: Float32Array, context: ClientContext, coding: BlockCoding): Uint8Array {
  requireUpdate(x, context.schema);
  const { scales, codes } = encodeBlocks(x, coding, {
    fractionBits: context.schema.fractionBits,
    ...(coding.fit === 'norm' ? { dither: ditherWords(context) } : {}),
  });
  const values = new Uint8Array(packedBytes(codes.length, coding.levels.bits));
  packCodes(codes, coding.levels.bits, values);
  return writeContainer(planOf(context, coding), 0, { scales: scaleBytes(scales), values });
}

function decode(bytes: Uint8Array, context: RoundContext, coding: BlockCoding): Checked<Update> {
  const { elements } = context.schema;
  const header = checkHeader(bytes, planOf(context, coding));
  if (!header.ok) return header;
  const sections = splitSections(bytes, {
    scales: 2 * blockCount(elements, coding.blockLog2),
    indices: 0,
    values: packedBytes(elements, coding.levels.bits),
  });
  if (!sections.ok) return sections;
  const codes = unpackCodes(sections.value.values, coding.levels.bits, elements);
  if (codes === undefined) return refuse('padding-not-zero');
  const values = decodeBlocks({ scales: readScales(sections.value.scales), codes }, coding);
  return values.ok ? accept({ form: 'dense', values: values.value }) : values;
}
