/** The numbers and bytes of a `gemm.f32@1` call, for any backend. */
import type { KernelCall } from './kernel-call.ts';

export interface GemmBytes {
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
  /** Elements from one row to the next. */
  readonly lda: number;
  readonly ldb: number;
  readonly a: Uint8Array;
  readonly b: Uint8Array;
}

const NOTHING = new Uint8Array(0);

export function gemmOperands(call: KernelCall): GemmBytes {
  const [rows, columns] = call.resolved.regions(call.shardCount, call.shard)[0]!.shape as [
    number,
    number,
  ];
  const k = call.resolved.inputs[0]!.shape[1]!;
  const ldb = call.resolved.inputs[1]!.shape[1]!;
  // With k = 0 nothing is read.
  const [a = NOTHING, b = NOTHING] = call.reads;
  return { rows, columns, k, lda: k, ldb, a, b };
}
