/** `kernels selftest`: every kernel on every backend of this machine, each in its own process. */
import type { SignalOption } from '../base/ports.ts';
import type { AddonFailure, BackendCandidate } from './addon.ts';
import {
  type RunnerComponents,
  RunnerExecutor,
  type RunnerInit,
} from './runner/runner-executor.ts';
import { runSelftest, type SelftestRow } from './selftest.ts';

export interface SelftestReport {
  readonly rows: readonly SelftestRow[];
  /** Why there is no native backend; empty when there is one. */
  readonly addonFailures: readonly AddonFailure[];
  /** Native backends that do not work on this machine, with the reason. */
  readonly absent: readonly BackendCandidate[];
}

/** The self-test of `cpu/js` and of every native backend that works here, GPUs included. */
export async function selftestAll(
  components: RunnerComponents,
  options: SignalOption = {},
): Promise<SelftestReport> {
  const { names, absent, addonFailures } = await nativeBackends(components);
  const inits: RunnerInit[] = [
    { backend: 'js' },
    ...names.map((name): RunnerInit => ({ backend: 'native', name })),
  ];
  const rows: SelftestRow[] = [];
  for (const init of inits) {
    const runner = new RunnerExecutor(components, init);
    try {
      await runner.start();
      rows.push(...(await runSelftest(runner, options)));
    } finally {
      await runner.stop();
    }
  }
  return { rows, addonFailures, absent };
}

/**
 * Names of the native backends that run here, and why others do not. Asked of a runner, so that
 * this process never opens a GPU.
 */
export async function nativeBackends(components: RunnerComponents): Promise<{
  readonly names: readonly string[];
  readonly absent: readonly BackendCandidate[];
  readonly addonFailures: readonly AddonFailure[];
}> {
  const runner = new RunnerExecutor(components, { backend: 'auto' });
  try {
    await runner.start();
    const { candidates, addonFailures } = runner.details;
    // One that failed its self-test is shown failing it.
    const runs = ({ problem }: BackendCandidate) =>
      problem === null || problem.startsWith('selftest-failed');
    const names = candidates.filter(runs).map(({ name }) => name);
    return { names, absent: candidates.filter((one) => !runs(one)), addonFailures };
  } finally {
    await runner.stop();
  }
}
