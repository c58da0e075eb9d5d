/** Runs one part of the plan and counts it; never throws for what the part does. */
import path from 'node:path';
import { runChild } from './child.ts';
import type { Check, Folder } from './parts.ts';
import type { Fact } from './reporter.ts';
import { parseFact, type Tally, tallyFacts } from './tally.ts';

export interface RunOptions {
  readonly root: string;
  readonly timeoutMs: number;
  readonly write: (line: string) => void;
}

const REPORTER = path.join(import.meta.dirname, 'reporter.ts');

export async function runCheck(check: Check, options: RunOptions): Promise<Tally> {
  const { root, timeoutMs, write } = options;
  const bin = path.join(root, 'node_modules', '.bin');
  const command = check.command === 'node' ? process.execPath : path.join(bin, check.command);
  const { end, output } = await runChild(command, check.args, { cwd: root, timeoutMs });
  if (end === 'status 0') return { passed: 1, skipped: 0, failures: [] };
  write(output.trimEnd());
  write(`  FAILED ${check.name}: ${check.command} ${check.args.join(' ')} ended with ${end}`);
  return { passed: 0, skipped: 0, failures: [{ file: 'static', name: check.name }] };
}

export async function runFolder(folder: Folder, options: RunOptions): Promise<Tally> {
  const { root, timeoutMs, write } = options;
  if (folder.files.length === 0) {
    write(`  FAILED test/${folder.name} contains no test file`);
    return tallyFacts([], [path.join(root, 'test', folder.name)], 'status 0');
  }
  const facts: Fact[] = [];
  const onLine = (line: string) => {
    const fact = parseFact(line);
    if (fact === undefined) write(line);
    else facts.push(fact);
  };
  const args = [
    '--test',
    `--test-reporter=${REPORTER}`,
    '--test-reporter-destination=stdout',
    `--test-concurrency=${folder.concurrency}`,
    `--test-timeout=${folder.testTimeoutMs}`,
    ...folder.files,
  ];
  const { end } = await runChild(process.execPath, args, { cwd: root, timeoutMs, onLine });
  return tallyFacts(facts, folder.files, end);
}
