/**
 * The part that top-k, chunk top-k and DCT share: a list of indices with block-coded values, to
 * sections of a container and back (docs/protocol/federated-codec.md, 2.2 and 3.4).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { fitFor } from './block-fit.ts';
import type { BlockCoding } from './blocks.ts';
import { type Sections, splitSections } from './container.ts';
import {
  bitmapBytes,
  decodeBitmap,
  decodeRice,
  encodeIndices,
  type IndexCoding,
} from './indices.ts';
import { blockSectionBytes, REFERENCE_KERNELS } from './kernels.ts';
import { type LevelBits, sparseLevels } from './levels.ts';

export interface SparseCoding {
  readonly valueBits: LevelBits;
  readonly blockLog2: number;
  readonly index: IndexCoding;
}

export interface SparseValues {
  readonly indices: Uint32Array;
  readonly values: Int32Array;
}

function blocksOf({ valueBits, blockLog2 }: SparseCoding): BlockCoding {
  const levels = sparseLevels(valueBits);
  return { levels, fit: fitFor(levels), blockLog2, sparse: true };
}

/** `x` is the whole vector; the indices name what is kept of it. */
export function encodeSparse(
  x: Float32Array,
  indices: Uint32Array,
  coding: SparseCoding,
  fractionBits: number,
): Sections {
  const kept = new Float32Array(indices.length);
  for (let i = 0; i < kept.length; i++) kept[i] = x[indices[i]!]!;
  const { scales, values } = REFERENCE_KERNELS.packBlocks(kept, blocksOf(coding), { fractionBits });
  return { scales, indices: encodeIndices(indices, x.length, coding.index), values };
}

export interface SparseListInit {
  readonly kept: number;
  /** Indices are below it. */
  readonly space: number;
  readonly coding: SparseCoding;
  /** At most `keep` indices in any chunk of 2^log2. */
  readonly chunk?: { readonly log2: number; readonly keep: number };
}

/** All reasons of docs/protocol/federated-codec.md, 2.3, from `wrong-length` on. */
export function decodeSparse(bytes: Uint8Array, init: SparseListInit): Checked<SparseValues> {
  const { kept, space, coding, chunk } = init;
  const isOpen = coding.index === 'rice' && kept > 0;
  const sections = splitSections(bytes, {
    ...blockSectionBytes(kept, blocksOf(coding)),
    indices: isOpen ? 'open' : kept > 0 ? bitmapBytes(space) : 0,
  });
  if (!sections.ok) return sections;
  const read = isOpen ? decodeRice : decodeBitmap;
  const indices = read(sections.value.indices, { kept, space });
  if (!indices.ok) return indices;
  if (chunk !== undefined && isOverfull(indices.value, chunk)) return refuse('chunk-overfull');
  const values = REFERENCE_KERNELS.unpackBlocks(sections.value, kept, blocksOf(coding));
  return values.ok ? accept({ indices: indices.value, values: values.value }) : values;
}

/** Ascending indices: the one `keep` places on must lie in a later chunk. */
function isOverfull(indices: Uint32Array, chunk: { log2: number; keep: number }): boolean {
  for (let i = chunk.keep; i < indices.length; i++) {
    if (indices[i]! >>> chunk.log2 === indices[i - chunk.keep]! >>> chunk.log2) return true;
  }
  return false;
}
