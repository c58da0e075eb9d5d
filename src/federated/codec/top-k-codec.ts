/**
 * Top-k over the whole vector and top-k of every chunk; DGC is the first with a share that shrinks
 * over its warm-up rounds (docs/protocol/federated-codec.md, 3.4).
 */
import { accept, type Checked } from '../../base/verdict.ts';
import type { Update } from '../fixed-point.ts';
import { type MessageCodec, type RoundContext, requireUpdate } from './codec.ts';
import {
  CODEC_IDS,
  type ContainerPlan,
  checkHeader,
  FLAG_BITMAP,
  writeContainer,
} from './container.ts';
import { riceParameter } from './indices.ts';
import type { CodecKernels } from './kernels.ts';
import { levelFlag, sparseLevels } from './levels.ts';
import { decodeSparse, encodeSparse, type SparseCoding } from './sparse-list.ts';

/** How many elements a message may keep. */
export type Keep =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'share'; readonly partsPerMillion: number };

export interface TopKInit {
  readonly keep: Keep;
  readonly coding: SparseCoding;
  /** Rounds in which DGC keeps more: 4^-1, 4^-2, ... of the elements. */
  readonly warmupRounds: number;
}

export interface ChunkTopKInit {
  readonly chunkLog2: number;
  /** Elements of each chunk. */
  readonly keep: number;
  readonly coding: SparseCoding;
}

/** Entries of a message at most: 1..elements. */
export function keptOf(keep: Keep, elements: number): number {
  const count =
    keep.kind === 'count' ? keep.count : Math.floor((keep.partsPerMillion * elements) / 1e6 + 0.5);
  return Math.max(1, Math.min(count, elements));
}

export function topKCodec(init: TopKInit, kernels: CodecKernels): MessageCodec {
  const keptMax = ({ schema, round }: RoundContext) => {
    const kept = keptOf(init.keep, schema.elements);
    if (round >= init.warmupRounds) return kept;
    return Math.max(kept, Math.floor(schema.elements / 4 ** (round + 1)));
  };
  return sparseCodec({
    codec: CODEC_IDS.topk,
    coding: init.coding,
    keptMax,
    select: (x, context) => kernels.selectLargest(x, keptMax(context)),
    kernels,
  });
}

export function chunkTopKCodec(init: ChunkTopKInit, kernels: CodecKernels): MessageCodec {
  const size = 2 ** init.chunkLog2;
  return sparseCodec({
    codec: CODEC_IDS.chunk,
    coding: init.coding,
    keptMax: ({ schema }) =>
      Math.min(init.keep * Math.ceil(schema.elements / size), schema.elements),
    select: (x) => kernels.selectChunks(x, init.chunkLog2, init.keep),
    kernels,
    chunk: { log2: init.chunkLog2, keep: init.keep },
  });
}

interface SparseCodecInit {
  readonly codec: number;
  readonly coding: SparseCoding;
  readonly keptMax: (context: RoundContext) => number;
  readonly select: (x: Float32Array, context: RoundContext) => Uint32Array;
  readonly chunk?: { readonly log2: number; readonly keep: number };
  readonly kernels: CodecKernels;
}

/** Flags, parameter and order of a sparse list in the header. */
export function sparsePlan(
  context: RoundContext,
  init: { codec: number; coding: SparseCoding; keptMax: number; order: number; space: number },
): ContainerPlan {
  const { coding, space } = init;
  return {
    codec: init.codec,
    flags:
      levelFlag(sparseLevels(coding.valueBits)) | (coding.index === 'bitmap' ? FLAG_BITMAP : 0),
    elements: context.schema.elements,
    blockLog2: coding.blockLog2,
    valueBits: coding.valueBits,
    order: init.order,
    keptMax: init.keptMax,
    keptExact: false,
    riceOf: (kept) => (coding.index === 'rice' ? riceParameter(space, kept) : 0),
    round: context.round,
    schema: context.schema.hash,
  };
}

function sparseCodec(init: SparseCodecInit): MessageCodec {
  const planOf = (context: RoundContext) =>
    sparsePlan(context, {
      codec: init.codec,
      coding: init.coding,
      keptMax: init.keptMax(context),
      order: init.chunk?.log2 ?? 0,
      space: context.schema.elements,
    });
  return {
    encode: (x, context) => {
      requireUpdate(x, context.schema, init.kernels);
      const indices = init.select(x, context);
      const sections = encodeSparse(x, indices, init.coding, context.schema.fractionBits);
      return writeContainer(planOf(context), indices.length, sections);
    },
    decode: (bytes, context): Checked<Update> => {
      const header = checkHeader(bytes, planOf(context));
      if (!header.ok) return header;
      const { elements } = context.schema;
      const list = decodeSparse(bytes, {
        kept: header.value,
        space: elements,
        coding: init.coding,
        ...(init.chunk === undefined ? {} : { chunk: init.chunk }),
      });
      return list.ok ? accept({ form: 'sparse', elements, ...list.value }) : list;
    },
  };
}
