/**
 * Which backend runs which kernel in this process: the first, best first, whose self-test of that
 * kernel gives the golden digests. A backend that fails is left out for that kernel, by name and
 * with the reason, and the next one runs it; the reference is the last resort
 * (docs/protocol/kernel.md, "Golden digests").
 */
import type { Backend } from './executor.ts';
import type { KernelBackend } from './kernel-call.ts';
import { type BackendSet, LocalExecutor, onlyBackend } from './local-executor.ts';
import { runSelftest, type SelftestRow } from './selftest.ts';

export interface BackendChoice extends BackendSet {
  /** Why a kernel does not run on a better backend. */
  readonly failures: readonly SelftestRow[];
}

/** `candidates`: best first, at least one. A kernel that fails everywhere is in none. */
export async function chooseBackends(candidates: readonly KernelBackend[]): Promise<BackendChoice> {
  const runners = new Map<string, KernelBackend>();
  const failures: SelftestRow[] = [];
  for (const candidate of candidates) {
    const kernels = candidate.kernels.filter((kernel) => !runners.has(kernel));
    const rows = await runSelftest(new LocalExecutor(onlyBackend({ ...candidate, kernels })));
    failures.push(...rows.filter(({ ok }) => !ok));
    for (const kernel of kernels) {
      const ofKernel = rows.filter((row) => row.kernel === kernel);
      if (ofKernel.every(({ ok }) => ok)) runners.set(kernel, candidate);
    }
  }
  return { backend: backendOf(candidates, runners), runners, failures };
}

/** Named after the backend that runs the most kernels, the better of two that run as many. */
function backendOf(
  candidates: readonly KernelBackend[],
  runners: ReadonlyMap<string, KernelBackend>,
): Backend {
  const shareOf = ({ name }: KernelBackend) =>
    [...runners.values()].filter((runner) => runner.name === name).length;
  const main = candidates.reduce((best, next) => (shareOf(next) > shareOf(best) ? next : best));
  const kernels = [...runners.keys()].sort();
  const elsewhere = Object.fromEntries(
    [...runners].flatMap(([id, { name }]) => (name === main.name ? [] : [[id, name]])),
  );
  return { name: main.name, kernels, elsewhere };
}
