/** How every built-in kernel is executed: the one list behind backends, self-test and speeds. */
import { gemmF32Code } from './gemm-f32.ts';
import type { KernelCode } from './kernel-code.ts';
import { mandelbrotCode } from './mandelbrot.ts';
import { montecarloEuropeanCode } from './montecarlo-european.ts';
import { noopCode } from './noop.ts';

const CODES: readonly KernelCode[] = [
  gemmF32Code,
  mandelbrotCode,
  montecarloEuropeanCode,
  noopCode,
];

/** By kernel id, ids ascending. */
export const KERNEL_CODES: ReadonlyMap<string, KernelCode> = new Map(
  CODES.map((code) => [code.id, code]),
);
