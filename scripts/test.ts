/**
 * Everything that CI runs, in one program: static checks first, then the test folders, and as the
 * last line `N passed, N failed`. Exit 1 on any failure.
 *
 *   npm test                    everything
 *   npm test -- static unit     some parts
 *   npm test -- test/unit/base/ids.test.ts
 */
import path from 'node:path';
import { killAllChildren } from './test/child.ts';
import { type Part, planRun } from './test/parts.ts';
import { runCheck, runFolder } from './test/run-part.ts';
import { addTallies, countsLine, EMPTY_TALLY, type Tally } from './test/tally.ts';

/** CI gives a run 25 minutes; what has not begun well before that is reported, not waited for. */
const RUN_MS_MAX = 20 * 60_000;

const write = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function runAll(root: string, parts: readonly Part[]): Promise<Tally> {
  const begin = performance.now();
  let total = EMPTY_TALLY;
  for (const part of parts) {
    const label = part.kind === 'check' ? part.name : `test/${part.name}`;
    const start = performance.now();
    const timeoutMs = RUN_MS_MAX - (start - begin);
    if (timeoutMs <= 0) {
      total = addTallies(total, {
        ...EMPTY_TALLY,
        failures: [{ file: label, name: 'no time left' }],
      });
      continue;
    }
    write(part.kind === 'check' ? `${label} ...` : `${label}: ${part.files.length} files ...`);
    const options = { root, timeoutMs, write };
    const tally =
      part.kind === 'check' ? await runCheck(part, options) : await runFolder(part, options);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    write(`${label}: ${countsLine(tally)} (${seconds} s)`);
    total = addTallies(total, tally);
  }
  return total;
}

async function main(): Promise<void> {
  const root = path.dirname(import.meta.dirname);
  let parts: Part[];
  try {
    parts = planRun(root, process.argv.slice(2));
  } catch (error) {
    console.error(`test: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 2;
    return;
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAllChildren();
      process.kill(process.pid, signal);
    });
  }
  write(`plan: ${parts.map((part) => part.name).join(', ')} (Node ${process.versions.node})`);
  const total = await runAll(root, parts);
  for (const { file, name } of total.failures) {
    write(`failed: ${path.isAbsolute(file) ? path.relative(root, file) : file} ${name}`);
  }
  if (total.passed === 0 && total.failures.length === 0) {
    write('nothing was run');
  }
  write(countsLine(total));
  process.exitCode = total.failures.length === 0 && total.passed > 0 ? 0 : 1;
}

await main();
