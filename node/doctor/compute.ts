/** What computes: the addon, every backend with its reason, the runner and its golden digests. */
import type { Clock, Logger, SignalOption } from '../../src/base/ports.ts';
import { loadAddon } from '../../src/compute/addon.ts';
import { nativeBackends, selftestAll } from '../../src/compute/selftest-all.ts';
import { type CheckResult, ok, problem, warning } from './check.ts';

interface Tried {
  readonly file: string;
  readonly reason: string;
  readonly remedy: string;
}

const ADVICE = 'build the addon again; if it stays, report it with this output';

interface RunnerPorts {
  readonly clock: Clock;
  readonly logger: Logger;
}

export async function checkBackends(components: RunnerPorts): Promise<readonly CheckResult[]> {
  try {
    const addon = await loadAddon();
    const { names, absent } = await nativeBackends(components);
    return [
      ok('addon', `loaded; CPU has ${addon.cpuFeatures().join(' ')}`),
      ...names.map((name) => ok(`backend ${name}`, 'works')),
      // Not a fault of the machine: another backend is used.
      ...absent.map(({ name, problem: why }) => ok(`backend ${name}`, `not used: ${why}`)),
    ];
  } catch (cause) {
    const { message, data } = cause as Error & { data?: { tried?: readonly Tried[] } };
    const [tried] = data?.tried ?? [];
    const detail = tried === undefined ? message : `${tried.file}: ${tried.reason}`;
    return [
      warning('addon', `${detail}; kernels run in JavaScript, slowly`, tried?.remedy ?? ADVICE),
    ];
  }
}

export async function checkRunner(
  components: RunnerPorts,
  options: SignalOption,
): Promise<readonly CheckResult[]> {
  const { rows } = await selftestAll(components, options);
  const names = [...new Set(rows.map(({ backend }) => backend))];
  return names.map((backend) => {
    const own = rows.filter((row) => row.backend === backend);
    const failed = own.filter((row) => !row.ok);
    const name = `self-test ${backend}`;
    if (failed.length === 0) return ok(name, `${own.length} golden digests hold`);
    const cases = failed.map((row) => row.case).join(', ');
    return problem(name, `${failed.length} of ${own.length} differ: ${cases}`, ADVICE);
  });
}
