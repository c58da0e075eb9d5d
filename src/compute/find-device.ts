/**
 * The GPU that a runner uses beside a CPU variant: the first that works and gives the golden
 * digests. What is too short for the trip or does not fit into its memory runs on the CPU. All give
 * the same bits, so this is a matter of speed alone (docs/adr/0162-gpu-and-cpu-in-one-runner.md).
 */
import { KadreError } from '../base/errors.ts';
import type { Addon, BackendCandidate, GpuFacts } from './addon.ts';
import type { KernelBackend, KernelCall } from './kernel-call.ts';
import { LocalExecutor, onlyBackend } from './local-executor.ts';
import { bindBackend, isDevice } from './native-backend.ts';
import { runSelftest, type SelftestRow } from './selftest.ts';

/** Operations below which launching and copying take longer than a CPU takes for all of it. */
const SHORT_DEVICE_CALL_OPERATIONS = 4_000_000;
/** All that a GPU could add to these is a copy over the bus. */
const NEVER_ON_DEVICE = new Set(['noop@1']);
/** Why a device turns down one call and stays whole. */
const TURNED_DOWN = new Set(['out-of-memory', 'too-large']);

export interface FoundDevice {
  /** Named after the GPU; absent where none is used. */
  readonly backend?: KernelBackend;
  /** GPUs in use. */
  readonly gpus: readonly GpuFacts[];
  /** All native backends that were looked at, best first, with why one is not used. */
  readonly candidates: readonly BackendCandidate[];
  /** Self-test cases that kept a GPU out. */
  readonly failures: readonly SelftestRow[];
}

export const NO_DEVICE: FoundDevice = { gpus: [], candidates: [], failures: [] };

export interface FindDeviceInit {
  /** Whether GPUs may be used. */
  readonly gpu: boolean;
  /** A backend asked for by name: no other one is looked for. */
  readonly name?: string;
}

/** `cpu`: the best variant that works; the addon's threads have been started. */
export async function findDevice(
  addon: Addon,
  cpu: KernelBackend,
  init: FindDeviceInit,
): Promise<FoundDevice> {
  if (init.name !== undefined) return { ...NO_DEVICE, gpus: gpusOf(addon, init.name) };
  const candidates: BackendCandidate[] = [];
  const failures: SelftestRow[] = [];
  let found: KernelBackend | undefined;
  for (const candidate of addon.backends(init.gpu)) {
    const { name } = candidate;
    const isUsable = isDevice(name) && candidate.problem === null;
    const failed = isUsable ? await failuresOf(addon, name) : [];
    failures.push(...failed);
    const problem = failed.length === 0 ? candidate.problem : `selftest-failed: ${failed[0]!.case}`;
    candidates.push({ name, problem });
    if (isUsable && problem === null) found ??= bindBackend(addon, name);
  }
  if (found === undefined) return { gpus: [], candidates, failures };
  const backend = besideDevice(found, cpu);
  return { backend, gpus: gpusOf(addon, found.name), candidates, failures };
}

/** A GPU that computes something else is as good as none. */
async function failuresOf(addon: Addon, name: string): Promise<SelftestRow[]> {
  const device = new LocalExecutor(onlyBackend(bindBackend(addon, name)));
  return (await runSelftest(device)).filter((row) => !row.ok);
}

function gpusOf(addon: Addon, backend: string): GpuFacts[] {
  return addon.gpus().filter((gpu) => gpu.backend === backend);
}

function besideDevice(gpu: KernelBackend, cpu: KernelBackend): KernelBackend {
  return {
    ...gpu,
    kernels: gpu.kernels.filter((kernel) => !NEVER_ON_DEVICE.has(kernel)),
    run: (call) => {
      const { operations } = call.resolved.cost(call.shardCount, call.shard);
      if (operations < SHORT_DEVICE_CALL_OPERATIONS) return cpu.run(call);
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
