/**
 * Counts. A run is only as good as what it counts: a file that ends early, has no test, or never
 * says that it finished is a failure, whatever its exit status was.
 */
import { FACT, type Fact } from './reporter.ts';

export interface Failure {
  readonly file: string;
  readonly name: string;
}

export interface Tally {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
}

export const EMPTY_TALLY: Tally = { passed: 0, skipped: 0, failures: [] };

export function addTallies(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    skipped: a.skipped + b.skipped,
    failures: [...a.failures, ...b.failures],
  };
}

/** The fact in one line of a reporter's output; undefined for a line that is for people. */
export function parseFact(line: string): Fact | undefined {
  const at = line.indexOf(FACT);
  return at === -1 ? undefined : (JSON.parse(line.slice(at + FACT.length)) as Fact);
}

/**
 * What a part's facts amount to. `files` are the absolute paths that had to run; `end` is how the
 * runner process ended: a status other than 0 needs a failure that explains it.
 */
export function tallyFacts(facts: readonly Fact[], files: readonly string[], end: string): Tally {
  const failures: Failure[] = [];
  let passed = 0;
  let skipped = 0;
  const finished = new Map<string, number>();
  for (const fact of facts) {
    if (fact.kind === 'passed') passed += 1;
    else if (fact.kind === 'skipped') skipped += 1;
    else if (fact.kind === 'failed') failures.push({ file: fact.file, name: fact.name });
    else finished.set(fact.file, fact.tests);
  }
  for (const file of files) {
    const tests = finished.get(file);
    const isNamed = failures.some((failure) => failure.file === file);
    if (tests === undefined && !isNamed) failures.push({ file, name: 'did not finish' });
    if (tests === 0) failures.push({ file, name: 'contains no tests' });
  }
  if (end !== 'status 0' && failures.length === 0) {
    failures.push({ file: '', name: `the test runner ended with ${end}` });
  }
  return { passed, skipped, failures };
}

/** The line that ends every run, alone on its line. */
export function countsLine(tally: Tally): string {
  const skipped = tally.skipped === 0 ? '' : `, ${tally.skipped} skipped`;
  return `${tally.passed} passed, ${tally.failures.length} failed${skipped}`;
}
