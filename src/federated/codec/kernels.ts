/**
 * The loops that a faster implementation may stand in for: every codec takes them as a parameter,
 * and whoever provides others owes the same bits (docs/protocol/federated-codec.md;
 * test/conformance/codec-kernels.test.ts).
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { accumulate } from '../fixed-point.ts';
import { packCodes, packedBytes, unpackCodes } from './bits.ts';
import {
  type BlockCoding,
  blockCount,
  decodeBlocks,
  type EncodeBlocksInit,
  encodeBlocks,
} from './blocks.ts';
import { readScales, scaleBytes } from './container.ts';
import { type MatrixProducts, REFERENCE_PRODUCTS } from './power-sgd-factor.ts';
import { selectChunks, selectLargest } from './select.ts';

/** Blocks as they stand in a container. */
export interface BlockSections {
  readonly scales: Uint8Array;
  readonly values: Uint8Array;
}

export interface CodecKernels extends MatrixProducts {
  /** The first index of a NaN or an infinity; the length when there is none. */
  firstNotFinite(x: Float32Array): number;
  /** Finite values to canonical blocks. */
  packBlocks(x: Float32Array, coding: BlockCoding, init: EncodeBlocksInit): BlockSections;
  /** `count` integers from sections of exactly their lengths, or why there are none. */
  unpackBlocks(sections: BlockSections, count: number, coding: BlockCoding): Checked<Int32Array>;
  /** sum += weight · integers, exactly; `sum` is unchanged when there are none. */
  accumulateBlocks(
    sum: Float64Array,
    weight: number,
    sections: BlockSections,
    coding: BlockCoding,
  ): Checked<Float64Array>;
  selectLargest(x: Float32Array, k: number): Uint32Array;
  selectChunks(x: Float32Array, chunkLog2: number, keep: number): Uint32Array;
}

/** Bytes of the two sections of `count` values. */
export function blockSectionBytes(count: number, { blockLog2, levels }: BlockCoding) {
  return { scales: 2 * blockCount(count, blockLog2), values: packedBytes(count, levels.bits) };
}

export const REFERENCE_KERNELS: CodecKernels = {
  ...REFERENCE_PRODUCTS,
  firstNotFinite(x) {
    for (let i = 0; i < x.length; i++) if (!Number.isFinite(x[i])) return i;
    return x.length;
  },
  packBlocks(x, coding, init) {
    const { scales, codes } = encodeBlocks(x, coding, init);
    const values = new Uint8Array(packedBytes(codes.length, coding.levels.bits));
    packCodes(codes, coding.levels.bits, values);
    return { scales: scaleBytes(scales), values };
  },
  unpackBlocks({ scales, values }, count, coding) {
    const codes = unpackCodes(values, coding.levels.bits, count);
    if (codes === undefined) return refuse('padding-not-zero');
    return decodeBlocks({ scales: readScales(scales), codes }, coding);
  },
  accumulateBlocks(sum, weight, sections, coding) {
    const values = REFERENCE_KERNELS.unpackBlocks(sections, sum.length, coding);
    if (!values.ok) return values;
    accumulate(sum, { form: 'dense', values: values.value }, weight);
    return accept(sum);
  },
  selectLargest: (x, k) => selectLargest(x, { from: 0, to: x.length }, k),
  selectChunks,
};
