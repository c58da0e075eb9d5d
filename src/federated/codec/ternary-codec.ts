/**
 * TernGrad: clipped values become -1, 0 or +1 times a block's largest magnitude, by chance and
 * without bias; five trits to a byte (docs/protocol/federated-codec.md, 3.2).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { ELEMENT_MAX, type Update } from '../fixed-point.ts';
import { packTrits, tritBytes, unpackTrits } from './bits.ts';
import type { Span } from './block-fit.ts';
import { blockCount } from './blocks.ts';
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
  readScales,
  scaleBytes,
  splitSections,
  writeContainer,
} from './container.ts';
import { REFERENCE_KERNELS } from './kernels.ts';
import { largestMagnitude, sumOfSquares } from './lanes.ts';
import { isNormalScale, limitScale, scaleAbove, scaleValue } from './scale.ts';

/** Standard deviations at which values are clipped: it keeps one outlier from hiding the rest. */
const CLIP = 2.5;
const MINUS = 2;

export function ternaryCodec(blockLog2: number): MessageCodec {
  return {
    encode: (x, context) => encode(x, context, blockLog2),
    decode: (bytes, context) => decode(bytes, context, blockLog2),
  };
}

function planOf({ schema, round }: RoundContext, blockLog2: number): ContainerPlan {
  return {
    codec: CODEC_IDS.ternary,
    flags: 0,
    elements: schema.elements,
    blockLog2,
    valueBits: 0,
    order: 0,
    keptMax: 0,
    keptExact: true,
    riceOf: () => 0,
    round,
    schema: schema.hash,
  };
}

function encode(x: Float32Array, context: ClientContext, blockLog2: number): Uint8Array {
  requireUpdate(x, context.schema, REFERENCE_KERNELS);
  const words = ditherWords(context);
  const scales = new Uint16Array(blockCount(x.length, blockLog2));
  const trits = new Uint8Array(x.length);
  for (let block = 0; block < scales.length; block++) {
    const from = block * 2 ** blockLog2;
    const span = { x, from, to: Math.min(from + 2 ** blockLog2, x.length) };
    const scale = scaleOf(span, context.schema.fractionBits);
    const unit = 2 ** context.schema.fractionBits / Math.max(1, scaleValue(scale));
    if (drawTrits(span, unit, words, trits)) scales[block] = scale;
  }
  const values = new Uint8Array(tritBytes(trits.length));
  packTrits(trits, values);
  return writeContainer(planOf(context, blockLog2), 0, { scales: scaleBytes(scales), values });
}

/** Above the largest clipped magnitude, so that every probability is at most one. */
function scaleOf({ x, from, to }: Span, fractionBits: number): number {
  const clip = CLIP * Math.sqrt(sumOfSquares(x, from, to) / (to - from));
  const r = Math.min(largestMagnitude(x, from, to), clip) * 2 ** fractionBits;
  return limitScale(scaleAbove(Math.min(r, ELEMENT_MAX)), 1);
}

/** True when a trit of the block is not zero. Values beyond the clip have probability one. */
function drawTrits(
  { x, from, to }: Span,
  unit: number,
  words: ChaChaWords,
  trits: Uint8Array,
): boolean {
  let any = false;
  for (let i = from; i < to; i++) {
    const isOne = words.next() / 2 ** 32 < Math.abs(x[i]!) * unit;
    if (!isOne) continue;
    trits[i] = x[i]! < 0 ? MINUS : 1;
    any = true;
  }
  return any;
}

function decode(bytes: Uint8Array, context: RoundContext, blockLog2: number): Checked<Update> {
  const { elements } = context.schema;
  const header = checkHeader(bytes, planOf(context, blockLog2));
  if (!header.ok) return header;
  const blocks = blockCount(elements, blockLog2);
  const lengths = { scales: 2 * blocks, indices: 0, values: tritBytes(elements) };
  const sections = splitSections(bytes, lengths);
  if (!sections.ok) return sections;
  const trits = unpackTrits(sections.value.values, elements);
  if (typeof trits === 'string') return refuse(trits);
  const scales = readScales(sections.value.scales);
  if (!scales.every(isNormalScale)) return refuse('scale-not-normal');
  const values = new Int32Array(elements);
  for (let block = 0; block < blocks; block++) {
    const from = block * 2 ** blockLog2;
    const to = Math.min(from + 2 ** blockLog2, elements);
    const scale = scaleValue(scales[block]!);
    const any = trits.subarray(from, to).some((trit) => trit !== 0);
    if (any !== scale > 0) return refuse('scale-not-canonical');
    if (scale > ELEMENT_MAX) return refuse('element-overflow');
    for (let i = from; i < to; i++) {
      if (trits[i] !== 0) values[i] = trits[i] === MINUS ? -scale : scale;
    }
  }
  return accept({ form: 'dense', values });
}
