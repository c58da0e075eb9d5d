/**
 * The native backends of this process: those of the addon that work on this machine. Short calls on
 * a CPU run on the calling thread, because handing one over costs more than it does.
 */
import { availableParallelism } from 'node:os';
import { KadreError } from '../base/errors.ts';
import type { Addon, NativeCall } from './addon.ts';
import { type KernelBackend, type KernelCall, outputBuffers } from './kernel-call.ts';
import { KERNEL_CODES, NATIVE_KERNELS } from './kernels/table.ts';

/** Operations and bytes up to which a call stays on the calling thread: some ten microseconds. */
const SHORT_CALL_COST = 500_000;

/** What there is device code for (src/native/cuda/kernels.cu). */
const DEVICE_KERNELS = ['gemm.f32@1', 'mandelbrot@1', 'noop@1'];

export const isDevice = (backend: string): boolean => backend.startsWith('cuda/');

export interface NativeBackendInit {
  /** Default: as many as there are processors. */
  readonly threads?: number;
  /** Only the backend of this name; default: all CPU variants that work. */
  readonly name?: string;
}

/**
 * Starts the addon's threads. Best first, at least one. Throws ADDON_LOAD_FAILED when the addon
 * loads but none of its backends works here, or not the one of this name.
 */
export function nativeBackends(addon: Addon, init: NativeBackendInit = {}): KernelBackend[] {
  const candidates = addon.backends(init.name !== undefined && isDevice(init.name));
  const working = candidates.filter(
    ({ name, problem }) =>
      problem === null && (init.name === undefined ? !isDevice(name) : name === init.name),
  );
  if (working.length === 0) {
    const tried = candidates.map(({ name, problem }) => ({ file: name, reason: problem }));
    throw new KadreError(
      { code: 'ADDON_LOAD_FAILED', data: { tried } },
      `no backend of the addon works here: ${JSON.stringify(tried)}`,
    );
  }
  const threads = addon.startThreads(init.threads ?? availableParallelism());
  return working.map(({ name }) => bindBackend(addon, name, threads));
}

/** A backend that works, in an addon whose threads have been started; composed kernels get some. */
export function bindBackend(addon: Addon, name: string, threads = 1): KernelBackend {
  return {
    name,
    kernels: isDevice(name) ? DEVICE_KERNELS : NATIVE_KERNELS,
    concurrent: true,
    pauseOperations: 1_000_000_000,
    run(call) {
      const composed = KERNEL_CODES.get(call.kernel)?.composed;
      if (composed === undefined) return runNative(addon, name, call);
      return composed(call, { addon, threads, variant: name.slice(name.indexOf('/') + 1) });
    },
  };
}

function runNative(
  addon: Addon,
  backend: string,
  call: KernelCall,
): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
  const code = KERNEL_CODES.get(call.kernel);
  if (code?.native === undefined || code.nativeKernel === undefined) {
    throw new KadreError({ code: 'KERNEL_FAILED' }, `${backend} has no ${call.kernel}`);
  }
  const outputs = outputBuffers(call);
  const { extents, inputs } = code.native(call);
  const native: NativeCall = [backend, code.nativeKernel, extents, inputs, outputs];
  // A device may hang: only a thread of the addon may wait for one.
  if (isDevice(backend)) return addon.run(...native).then(() => outputs, failDevice);
  const { operations, bytes } = call.resolved.cost(call.shardCount, call.shard);
  if (operations + bytes > SHORT_CALL_COST) return addon.run(...native).then(() => outputs);
  addon.runNow(...native);
  return outputs;
}

/**
 * Of a device call that failed: nothing is wrong with the device, or this process is done with it.
 */
function failDevice(cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const isFault = reason.startsWith('device-fault');
  throw new KadreError(
    { code: isFault ? 'RUNNER_FAILED' : 'KERNEL_FAILED', data: { reason } },
    `the GPU refused a call: ${reason}`,
    { cause },
  );
}
