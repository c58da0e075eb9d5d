/** How every built-in kernel is executed: the one list behind backends, self-test and speeds. */
import { fedAggregateCode } from './fed-aggregate.ts';
import { gemmF32Code } from './gemm-f32.ts';
import type { KernelCode } from './kernel-code.ts';
import { mandelbrotCode } from './mandelbrot.ts';
import { mapCode } from './map.ts';
import { montecarloEuropeanCode } from './montecarlo-european.ts';
import { noopCode } from './noop.ts';
import { reduceCode } from './reduce.ts';
import { sha256SearchCode } from './sha256-search.ts';

const CODES: readonly KernelCode[] = [
  fedAggregateCode,
  gemmF32Code,
  mandelbrotCode,
  mapCode,
  montecarloEuropeanCode,
  noopCode,
  reduceCode,
  sha256SearchCode,
];

/** By kernel id, ids ascending. */
export const KERNEL_CODES: ReadonlyMap<string, KernelCode> = new Map(
  CODES.map((code) => [code.id, code]),
);

/** Kernel ids of those with native code. */
export const NATIVE_KERNELS: readonly string[] = CODES.flatMap(({ id, native, composed }) =>
  native === undefined && composed === undefined ? [] : [id],
);
