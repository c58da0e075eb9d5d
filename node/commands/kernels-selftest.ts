/** `kadre kernels selftest`: golden digests of every kernel on every backend present. */
import { KadreError } from '../../src/base/errors.ts';
import { loadAddon } from '../../src/compute/addon.ts';
import type { Executor } from '../../src/compute/executor.ts';
import { JsExecutor, LocalExecutor } from '../../src/compute/local-executor.ts';
import { nativeBackend } from '../../src/compute/native-backend.ts';
import { runSelftest, type SelftestRow } from '../../src/compute/selftest.ts';
import type { Command } from '../cli/command.ts';
import { exitOf, formatTable } from '../cli/output.ts';

export const kernelsSelftest: Command = async ({ output, signal }) => {
  const executors: Executor[] = [new JsExecutor()];
  const absent: string[] = [];
  try {
    executors.push(new LocalExecutor(nativeBackend(await loadAddon())));
  } catch (cause) {
    if (!(cause instanceof KadreError) || cause.code !== 'ADDON_LOAD_FAILED') throw cause;
    absent.push(cause.message);
  }
  const results: SelftestRow[] = [];
  for (const executor of executors) results.push(...(await runSelftest(executor, { signal })));
  const failed = results.filter((row) => !row.ok);
  const backends = executors.map((executor) => executor.backend.name);
  const report = { v: 1, ok: failed.length === 0, backends, absent, results } as const;
  output.result(report, () => [
    ...formatTable(results.map(rowCells)),
    ...absent.map((why) => `not tested: ${why}`),
    failed.length === 0
      ? `all ${results.length} cases give their golden digests on ${backends.join(' and ')}`
      : `${failed.length} of ${results.length} cases FAILED: do not offer these kernels`,
  ]);
  return failed.length === 0 ? 0 : exitOf('KERNEL_FAILED');
};

function rowCells({ kernel, case: name, backend, ok, actual }: SelftestRow): string[] {
  return [kernel, name, backend, ok ? 'ok' : `FAILED: ${actual}`];
}
