/** `kernels selftest`: every kernel on every backend of this machine, each in its own process. */
import { KadreError } from '../base/errors.ts';
import type { SignalOption } from '../base/ports.ts';
import { type AddonFailure, loadAddon } from './addon.ts';
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
}

/** The self-test of `cpu/js` and of every native backend that works here. */
export async function selftestAll(
  components: RunnerComponents,
  options: SignalOption = {},
): Promise<SelftestReport> {
  const { names, addonFailures } = await nativeBackends();
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
  return { rows, addonFailures };
}

/** Names of the native backends that work here, and why there are none. */
export async function nativeBackends(): Promise<{
  names: string[];
  addonFailures: AddonFailure[];
}> {
  try {
    const works = (await loadAddon()).backends().filter(({ problem }) => problem === null);
    return { names: works.map(({ name }) => name), addonFailures: [] };
  } catch (cause) {
    if (!(cause instanceof KadreError)) throw cause;
    return { names: [], addonFailures: (cause.data.tried ?? []) as AddonFailure[] };
  }
}
