/**
 * `cpu/js`: every kernel in plain JavaScript. It is the reference that other backends must equal,
 * and what runs where no native one does. Long calls pause, so that timers and sockets stay alive.
 */
import { setImmediate } from 'node:timers/promises';
import { KadreError } from '../../base/errors.ts';
import { type KernelBackend, outputBuffers } from '../kernel-call.ts';
import { KERNEL_CODES } from '../kernels/table.ts';

export const jsBackend: KernelBackend = {
  name: 'cpu/js',
  kernels: [...KERNEL_CODES.keys()],
  concurrent: false,
  pauseOperations: 4_000_000,
  run(call) {
    const code = KERNEL_CODES.get(call.kernel);
    if (code === undefined) {
      throw new KadreError({ code: 'KERNEL_FAILED' }, `cpu/js has no ${call.kernel}`);
    }
    const outputs = outputBuffers(call);
    const steps = code.reference(call, outputs);
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
