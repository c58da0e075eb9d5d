/**
 * The addon's loops as the kernels of gradient codecs. What it has no loop for (Lloyd-Max, QSGD,
 * the values of sparse lists) is the reference's, which is one pass over little
 * (docs/protocol/federated-codec.md).
 */
import { accept, refuse } from '../base/verdict.ts';
import type { BlockCoding } from '../federated/codec/blocks.ts';
import {
  blockSectionBytes,
  type CodecKernels,
  REFERENCE_KERNELS,
} from '../federated/codec/kernels.ts';
import type { Columns, Matrix } from '../federated/codec/power-sgd-factor.ts';
import type { Addon } from './addon.ts';

/** Kernels of one instruction set; default: the best that works here. */
export function nativeCodecs(
  { codecs }: Addon,
  variant: string = codecs.variants()[0]!,
): CodecKernels {
  const product = (transposed: 0 | 1, { data, rows, columns }: Matrix, factor: Columns) => {
    const rank = factor.length;
    const length = transposed === 1 ? columns : rows;
    const out = new Float32Array(rank * length);
    codecs.product(variant, transposed, rows, columns, rank, data, joined(factor), out);
    return factor.map((_, j) => out.subarray(j * length, (j + 1) * length));
  };
  return {
    firstNotFinite: (x) => codecs.firstNotFinite(variant, x),
    packBlocks(x, coding, init) {
      if (!isNativeCoding(coding) || coding.fit === 'norm') {
        return REFERENCE_KERNELS.packBlocks(x, coding, init);
      }
      const bytes = blockSectionBytes(x.length, coding);
      const scales = new Uint8Array(bytes.scales);
      const values = new Uint8Array(bytes.values);
      const { blockLog2, levels } = coding;
      const { fractionBits } = init;
      codecs.encodeBlocks(variant, blockLog2, levels.bits, fractionBits, x, scales, values);
      return { scales, values };
    },
    unpackBlocks(sections, count, coding) {
      if (!isNativeCoding(coding)) return REFERENCE_KERNELS.unpackBlocks(sections, count, coding);
      const out = new Int32Array(count);
      const { scales, values } = sections;
      const { blockLog2, levels } = coding;
      const reason = codecs.decodeBlocks(variant, blockLog2, levels.bits, scales, values, out);
      return reason === null ? accept(out) : refuse(reason);
    },
    accumulateBlocks(sum, weight, sections, coding) {
      if (!isNativeCoding(coding))
        return REFERENCE_KERNELS.accumulateBlocks(sum, weight, sections, coding);
      const { scales, values } = sections;
      const { blockLog2, levels } = coding;
      const call = [variant, blockLog2, levels.bits, weight, scales, values, sum] as const;
      const reason = codecs.accumulateBlocks(...call);
      return reason === null ? accept(sum) : refuse(reason);
    },
    selectLargest(x, k) {
      const out = new Uint32Array(Math.min(k, x.length));
      return out.subarray(0, codecs.selectLargest(variant, k, x, out));
    },
    selectChunks(x, chunkLog2, keep) {
      const chunks = Math.ceil(x.length / 2 ** chunkLog2);
      const out = new Uint32Array(Math.min(keep * chunks, x.length));
      return out.subarray(0, codecs.selectChunks(variant, chunkLog2, keep, x, out));
    },
    timesColumns: (matrix, right) => product(0, matrix, right),
    transposedTimesColumns: (matrix, left) => product(1, matrix, left),
  };
}

/** Even levels, and sign with block mean: how a scale was found makes no difference to readers. */
export function isNativeCoding({ levels, sparse }: BlockCoding): boolean {
  return !sparse && (levels.kind === 'even' || (levels.kind === 'odd' && levels.bits === 1));
}

function joined(columns: Columns): Float32Array {
  const length = columns[0]!.length;
  const all = new Float32Array(columns.length * length);
  for (const [j, column] of columns.entries()) all.set(column, j * length);
  return all;
}
