/** `kadre kernels selftest`: golden digests of every kernel on every backend present. */
import type { SelftestRow } from '../../src/compute/selftest.ts';
import { selftestAll } from '../../src/compute/selftest-all.ts';
import { systemClock } from '../../src/crypto/node/system-ports.ts';
import type { Command } from '../cli/command.ts';
import { exitOf, formatTable } from '../cli/output.ts';

export const kernelsSelftest: Command = async ({ output, signal, log }) => {
  const components = { clock: systemClock, logger: log };
  const {
    rows: results,
    addonFailures,
    absent: unusable,
  } = await selftestAll(components, { signal });
  const absent = [
    ...addonFailures.map(({ file, reason, remedy }) => `${file}: ${reason}; ${remedy}`),
    ...unusable.map(({ name, problem }) => `${name}: ${problem}`),
  ];
  const backends = [...new Set(results.map(({ backend }) => backend))];
  const failed = results.filter((row) => !row.ok);
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
