/**
 * Which backend runs what in a runner. A GPU is used when it works and passes the self-test; what
 * it has no code for, what is too short for the trip and what does not fit into its memory runs on
 * the CPU beside it. All give the same bits, so this is a matter of speed alone
 * (docs/adr/0162-gpu-and-cpu-in-one-runner.md).
 */
import { KadreError } from '../base/errors.ts';
import type { Addon, BackendCandidate, GpuFacts } from './addon.ts';
import type { KernelBackend, KernelCall } from './kernel-call.ts';
import { LocalExecutor } from './local-executor.ts';
import { bindBackend, isDevice, type NativeBackendInit, nativeBackend } from './native-backend.ts';
import { runSelftest } from './selftest.ts';

/** Operations below which launching and copying take longer than a CPU takes for all of it. */
const SHORT_DEVICE_CALL_OPERATIONS = 4_000_000;
/** All that a GPU could add to these is a copy over the bus. */
const NEVER_ON_DEVICE = new Set(['noop@1']);
/** Why a device turns down one call and stays whole. */
const TURNED_DOWN = new Set(['out-of-memory', 'too-large']);

export interface ChosenBackend {
  readonly backend: KernelBackend;
  /** The name of the backend that a kernel's long calls run on. */
  readonly backendOf: Readonly<Record<string, string>>;
  /** The CPU variant in use; absent where a GPU was asked for by name. */
  readonly cpu?: string;
  /** GPUs in use. */
  readonly gpus: readonly GpuFacts[];
  /** All that were looked at, best first. */
  readonly candidates: readonly BackendCandidate[];
}

export interface ChooseInit extends NativeBackendInit {
  /** Whether GPUs may be used. */
  readonly gpu: boolean;
}

/** Throws ADDON_LOAD_FAILED when nothing in the addon works, or not what was asked for by name. */
export async function chooseBackend(addon: Addon, init: ChooseInit): Promise<ChosenBackend> {
  if (init.name !== undefined) {
    const backend = nativeBackend(addon, init);
    const { name } = backend;
    const part = isDevice(name) ? { gpus: gpusOf(addon, name) } : { gpus: [], cpu: name };
    return { backend, backendOf: namesOf(backend), candidates: [], ...part };
  }
  const cpu = nativeBackend(addon, init);
  const candidates = await withSelftest(addon, addon.backends(init.gpu));
  const works = candidates.find(({ name, problem }) => isDevice(name) && problem === null);
  if (works === undefined) {
    return { backend: cpu, backendOf: namesOf(cpu), cpu: cpu.name, gpus: [], candidates };
  }
  const gpu = bindBackend(addon, works.name);
  const backend = besideDevice(gpu, cpu);
  const backendOf = Object.fromEntries(
    backend.kernels.map((kernel) => [kernel, isFor(gpu, kernel) ? gpu.name : cpu.name]),
  );
  return { backend, backendOf, cpu: cpu.name, gpus: gpusOf(addon, gpu.name), candidates };
}

/** A GPU that computes something else is as good as none. */
async function withSelftest(
  addon: Addon,
  candidates: readonly BackendCandidate[],
): Promise<BackendCandidate[]> {
  const checked: BackendCandidate[] = [];
  for (const candidate of candidates) {
    const { name } = candidate;
    if (!isDevice(name) || candidate.problem !== null) {
      checked.push(candidate);
      continue;
    }
    const rows = await runSelftest(new LocalExecutor(bindBackend(addon, name)));
    const failed = rows.find((row) => !row.ok);
    const problem = failed === undefined ? null : `selftest-failed: ${failed.case}`;
    checked.push({ name, problem });
  }
  return checked;
}

function gpusOf(addon: Addon, backend: string): GpuFacts[] {
  return addon.gpus().filter((gpu) => gpu.backend === backend);
}

function namesOf({ name, kernels }: KernelBackend): Record<string, string> {
  return Object.fromEntries(kernels.map((kernel) => [kernel, name]));
}

function isFor(gpu: KernelBackend, kernel: string): boolean {
  return gpu.kernels.includes(kernel) && !NEVER_ON_DEVICE.has(kernel);
}

/** Named after the GPU; has every kernel of the CPU variant. */
export function besideDevice(gpu: KernelBackend, cpu: KernelBackend): KernelBackend {
  return {
    ...cpu,
    name: gpu.name,
    run: (call) => {
      const { operations } = call.resolved.cost(call.shardCount, call.shard);
      const isShort = operations < SHORT_DEVICE_CALL_OPERATIONS;
      if (isShort || !isFor(gpu, call.kernel)) return cpu.run(call);
      return runOrTurnDown(gpu, cpu, call);
    },
  };
}

async function runOrTurnDown(
  gpu: KernelBackend,
  cpu: KernelBackend,
  call: KernelCall,
): Promise<readonly Uint8Array[]> {
  try {
    return await gpu.run(call);
  } catch (cause) {
    const isTurnedDown =
      cause instanceof KadreError && TURNED_DOWN.has(String(cause.data.reason ?? ''));
    if (!isTurnedDown) throw cause;
    return cpu.run(call);
  }
}
