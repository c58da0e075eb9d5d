/**
 * The backends of the addon: by name, or the best CPU variant that works on this machine. Short
 * calls on a CPU run on the calling thread, because handing one over costs more than it does.
 */
import { availableParallelism } from 'node:os';
import { KadreError } from '../base/errors.ts';
import type { Addon, NativeCall } from './addon.ts';
import { gemmOperands } from './gemm-operands.ts';
import { type KernelBackend, type KernelCall, outputBuffers } from './kernel-call.ts';

/** Operations and bytes up to which a call stays on the calling thread: some ten microseconds. */
const SHORT_CALL_COST = 500_000;

/** Kernel number, extents and inputs: enum kadre_kernel in src/native/backend.h. */
type Binding = (call: KernelCall) => [kernel: number, extents: number[], inputs: Uint8Array[]];

const BINDINGS: Readonly<Record<string, Binding>> = {
  'noop@1': (call) => [0, [call.resolved.cost(call.shardCount, call.shard).bytes], []],
  'gemm.f32@1': (call) => {
    const { rows, columns, k, lda, ldb, a, b } = gemmOperands(call);
    return [1, [rows, columns, k, lda, ldb], [a, b]];
  },
};

/** What there is device code for (src/native/cuda/kernels.cu). */
const DEVICE_KERNELS = ['gemm.f32@1', 'noop@1'];

export const isDevice = (backend: string): boolean => backend.startsWith('cuda/');

export interface NativeBackendInit {
  /** Default: as many as there are processors. */
  readonly threads?: number;
  /** A backend by name; default: the first CPU variant that works. */
  readonly name?: string;
}

/**
 * Starts the addon's threads. Throws ADDON_LOAD_FAILED when the addon loads but has no such backend
 * that works here.
 */
export function nativeBackend(addon: Addon, init: NativeBackendInit = {}): KernelBackend {
  const candidates = addon.backends(init.name !== undefined && isDevice(init.name));
  const chosen = candidates.find(
    ({ name, problem }) =>
      problem === null && (init.name === undefined ? !isDevice(name) : name === init.name),
  );
  if (chosen === undefined) {
    const tried = candidates.map(({ name, problem }) => ({ file: name, reason: problem }));
    throw new KadreError(
      { code: 'ADDON_LOAD_FAILED', data: { tried } },
      `no backend of the addon works here: ${JSON.stringify(tried)}`,
    );
  }
  addon.startThreads(init.threads ?? availableParallelism());
  return bindBackend(addon, chosen.name);
}

/** A backend that works, in an addon whose threads have been started. */
export function bindBackend(addon: Addon, name: string): KernelBackend {
  return {
    name,
    kernels: isDevice(name) ? DEVICE_KERNELS : Object.keys(BINDINGS).sort(),
    concurrent: true,
    pauseOperations: 1_000_000_000,
    run: (call) => runNative(addon, name, call),
  };
}

function runNative(
  addon: Addon,
  backend: string,
  call: KernelCall,
): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
  const binding = BINDINGS[call.kernel];
  if (binding === undefined) {
    throw new KadreError({ code: 'KERNEL_FAILED' }, `${backend} has no ${call.kernel}`);
  }
  const outputs = outputBuffers(call);
  const native: NativeCall = [backend, ...binding(call), outputs];
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
