/** The machine under a node: Node, clock, floating-point mode, memory. */
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { formatBytes } from '../cli/output.ts';
import { type CheckResult, ok, problem, warning } from './check.ts';

/** package.json, "engines". */
const NODE_OLDEST = [22, 18];
/** No release of this program is older: a clock before it is wrong. */
const CLOCK_EARLIEST_MS = Date.UTC(2025, 0, 1);
const CLOCK_SAMPLE_MS = 50;
/** Wall and monotonic clock may differ by this much over the sample. */
const CLOCK_SKEW_MS = 25;
const MEMORY_ADVISED_BYTES = 1024 ** 3;

export function checkNodeVersion(version = process.versions.node): CheckResult {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = NODE_OLDEST as [number, number];
  const isNewEnough = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  if (isNewEnough) return ok('Node.js', version);
  const advice = `install Node ${NODE_OLDEST.join('.')} or newer`;
  return problem('Node.js', `${version} is too old`, advice);
}

/** Certificates and adverts carry wall times; deadlines run on the monotonic clock. */
export async function checkClock(): Promise<CheckResult> {
  const [wallMs, monotonicMs] = [Date.now(), performance.now()];
  if (wallMs < CLOCK_EARLIEST_MS) {
    const advice = 'set the clock, e.g. `timedatectl set-ntp true`';
    return problem('clock', `the clock says ${new Date(wallMs).toISOString()}`, advice);
  }
  await new Promise((resolve) => setTimeout(resolve, CLOCK_SAMPLE_MS));
  const skewMs = Date.now() - wallMs - (performance.now() - monotonicMs);
  if (Math.abs(skewMs) > CLOCK_SKEW_MS) {
    const detail = `the clock jumped by ${Math.round(skewMs)} ms while it was watched`;
    return warning('clock', detail, 'look at what sets it: `timedatectl timesync-status`');
  }
  return ok('clock', new Date(wallMs).toISOString());
}

/**
 * Bits, not tolerances: subnormal numbers must not be flushed to zero, and rounding must be to
 * nearest, ties to even. Some libraries switch either for a whole process.
 */
export function checkFloatMode(): CheckResult {
  // Through memory, so that no compiler answers in the CPU's place.
  const cells = new Float64Array([2 ** -1022, 2, 1, 2 ** -53, 3 * 2 ** -53]);
  const single = new Float32Array([2 ** -126, 2]);
  const keepsSubnormals = cells[0]! / cells[1]! !== 0 && Math.fround(single[0]! / single[1]!) !== 0;
  const isNearest = cells[2]! + cells[3]! === 1 && cells[2]! + cells[4]! === 1 + 2 * Number.EPSILON;
  const name = 'floating point';
  if (keepsSubnormals && isNearest) return ok(name, 'IEEE 754: subnormals kept, ties to even');
  const what = keepsSubnormals ? 'rounding is not to nearest' : 'subnormal numbers become zero';
  return problem(name, what, 'do not preload libraries that change the floating-point mode');
}

export function checkMemory(): CheckResult {
  const limit = process.constrainedMemory();
  const total = totalmem();
  // Without a limit some systems report a number beyond all memory.
  const usable = limit > 0 && limit < total ? limit : total;
  const heap = getHeapStatistics().heap_size_limit;
  const limited = usable < total ? ` (limited, the machine has ${formatBytes(total)})` : '';
  const detail = `${formatBytes(usable)}${limited}, heap up to ${formatBytes(heap)}`;
  if (usable >= MEMORY_ADVISED_BYTES) return ok('memory', detail);
  return warning('memory', detail, 'give it 1 GiB: inputs and results of a job are held in memory');
}
