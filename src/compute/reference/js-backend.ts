/**
 * `cpu/js`: every kernel in plain JavaScript. It is the reference that other backends must equal,
 * and what runs where no native one does. Long calls pause, so that timers and sockets stay alive.
 */
import { setImmediate } from 'node:timers/promises';
import { KadreError } from '../../base/errors.ts';
import { gemmOperands } from '../gemm-operands.ts';
import { type KernelBackend, type KernelCall, outputBuffers } from '../kernel-call.ts';
import { gemmF32Steps } from './gemm-f32.ts';

/** Fills the outputs in steps. */
type Steps = (call: KernelCall, outputs: readonly Uint8Array[]) => Iterator<void>;

const STEPS: Readonly<Record<string, Steps>> = {
  'noop@1': () => [].values(),
  'gemm.f32@1': (call, [c]) => {
    const { a, b, ...extents } = gemmOperands(call);
    return gemmF32Steps({ ...extents, a: floatsOf(a), b: floatsOf(b), c: floatsOf(c!) });
  },
};

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

export const jsBackend: KernelBackend = {
  name: 'cpu/js',
  kernels: Object.keys(STEPS).sort(),
  concurrent: false,
  pauseOperations: 4_000_000,
  run(call) {
    const stepsOf = STEPS[call.kernel];
    if (stepsOf === undefined) {
      throw new KadreError({ code: 'KERNEL_FAILED' }, `cpu/js has no ${call.kernel}`);
    }
    const outputs = outputBuffers(call);
    const steps = stepsOf(call, outputs);
    return steps.next().done ? outputs : finish(steps, outputs);
  },
};

async function finish(
  steps: Iterator<void>,
  outputs: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  do await setImmediate();
  while (!steps.next().done);
  return outputs;
}
