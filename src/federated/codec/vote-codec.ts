/**
 * Sign majority: one bit per element and no scales. What a vote is worth is the outer optimiser's
 * rate (docs/protocol/federated-codec.md, 3.3).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { Update } from '../fixed-point.ts';
import { packCodes, packedBytes, unpackCodes } from './bits.ts';
import { type MessageCodec, type RoundContext, requireUpdate } from './codec.ts';
import {
  CODEC_IDS,
  type ContainerPlan,
  checkHeader,
  splitSections,
  writeContainer,
} from './container.ts';
import { REFERENCE_KERNELS } from './kernels.ts';

export function voteCodec(): MessageCodec {
  return { encode, decode };
}

function planOf({ schema, round }: RoundContext): ContainerPlan {
  return {
    codec: CODEC_IDS.vote,
    flags: 0,
    elements: schema.elements,
    blockLog2: 0,
    valueBits: 1,
    order: 0,
    keptMax: 0,
    keptExact: true,
    riceOf: () => 0,
    round,
    schema: schema.hash,
  };
}

function encode(x: Float32Array, context: RoundContext): Uint8Array {
  requireUpdate(x, context.schema, REFERENCE_KERNELS);
  const codes = new Uint8Array(x.length);
  for (let i = 0; i < x.length; i++) codes[i] = x[i]! < 0 ? 1 : 0;
  const values = new Uint8Array(packedBytes(codes.length, 1));
  packCodes(codes, 1, values);
  return writeContainer(planOf(context), 0, { values });
}

function decode(bytes: Uint8Array, context: RoundContext): Checked<Update> {
  const { elements } = context.schema;
  const header = checkHeader(bytes, planOf(context));
  if (!header.ok) return header;
  const lengths = { scales: 0, indices: 0, values: packedBytes(elements, 1) };
  const sections = splitSections(bytes, lengths);
  if (!sections.ok) return sections;
  const codes = unpackCodes(sections.value.values, 1, elements);
  if (codes === undefined) return refuse('padding-not-zero');
  const votes = new Int32Array(elements);
  for (let i = 0; i < elements; i++) votes[i] = 1 - 2 * codes[i]!;
  return accept({ form: 'dense', values: votes });
}
