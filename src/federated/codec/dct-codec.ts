/**
 * DCT top-k (DeMo): the largest coefficients of every tile, coded like chunk top-k; decoding ends
 * with the integer inverse transform (docs/protocol/federated-codec.md, 3.7).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { Update } from '../fixed-point.ts';
import { type MessageCodec, type RoundContext, requireUpdate, saturate } from './codec.ts';
import { CODEC_IDS, type ContainerPlan, checkHeader, writeContainer } from './container.ts';
import { forwardTile, inverseTile, TILE_ELEMENTS, TILE_LOG2, TILE_SUM_MAX } from './dct.ts';
import type { CodecKernels } from './kernels.ts';
import { decodeSparse, encodeSparse, type SparseCoding, type SparseValues } from './sparse-list.ts';
import { sparsePlan } from './top-k-codec.ts';

export interface DctInit {
  /** Coefficients of each tile. */
  readonly keep: number;
  readonly coding: SparseCoding;
  readonly kernels: CodecKernels;
}

export function dctCodec(init: DctInit): MessageCodec {
  return {
    encode: (x, context) => encode(x, context, init),
    decode: (bytes, context) => decode(bytes, context, init),
  };
}

const tilesOf = ({ schema }: RoundContext): number => Math.ceil(schema.elements / TILE_ELEMENTS);

function planOf(context: RoundContext, { keep, coding }: DctInit): ContainerPlan {
  const tiles = tilesOf(context);
  return sparsePlan(context, {
    codec: CODEC_IDS.dct,
    coding,
    keptMax: tiles * keep,
    order: TILE_LOG2,
    space: tiles * TILE_ELEMENTS,
  });
}

function encode(update: Float32Array, context: RoundContext, init: DctInit): Uint8Array {
  requireUpdate(update, context.schema, init.kernels);
  const { fractionBits } = context.schema;
  const x = new Float32Array(tilesOf(context) * TILE_ELEMENTS);
  x.set(saturate(update, fractionBits));
  const coefficients = new Float32Array(x.length);
  for (let from = 0; from < x.length; from += TILE_ELEMENTS) {
    const span = [from, from + TILE_ELEMENTS] as const;
    forwardTile(x.subarray(...span), coefficients.subarray(...span));
  }
  // Half of what a tile may sum up to, shared out: codes may round up.
  const limit = TILE_SUM_MAX / 2 / init.keep / 2 ** fractionBits;
  for (let i = 0; i < coefficients.length; i++) {
    coefficients[i] = Math.max(-limit, Math.min(limit, coefficients[i]!));
  }
  const indices = init.kernels.selectChunks(coefficients, TILE_LOG2, init.keep);
  const sections = encodeSparse(coefficients, indices, init.coding, fractionBits);
  return writeContainer(planOf(context, init), indices.length, sections);
}

function decode(bytes: Uint8Array, context: RoundContext, init: DctInit): Checked<Update> {
  const header = checkHeader(bytes, planOf(context, init));
  if (!header.ok) return header;
  const tiles = tilesOf(context);
  const list = decodeSparse(bytes, {
    kept: header.value,
    space: tiles * TILE_ELEMENTS,
    coding: init.coding,
    chunk: { log2: TILE_LOG2, keep: init.keep },
  });
  return list.ok ? transform(list.value, context) : list;
}

function transform({ indices, values }: SparseValues, context: RoundContext): Checked<Update> {
  const { elements } = context.schema;
  const out = new Int32Array(elements);
  const tile = new Int32Array(TILE_ELEMENTS);
  let from = 0;
  while (from < indices.length) {
    const number = indices[from]! >>> TILE_LOG2;
    let to = from;
    let sum = 0;
    for (; to < indices.length && indices[to]! >>> TILE_LOG2 === number; to++) {
      sum += Math.abs(values[to]!);
    }
    if (sum > TILE_SUM_MAX) return refuse('element-overflow');
    const positions = indices.subarray(from, to).map((index) => index & (TILE_ELEMENTS - 1));
    inverseTile({ positions, values: values.subarray(from, to) }, tile);
    const at = number * TILE_ELEMENTS;
    out.set(tile.subarray(0, Math.min(TILE_ELEMENTS, elements - at)), at);
    from = to;
  }
  return accept({ form: 'dense', values: out });
}
