/**
 * Runs seeds from `from` on in this process and prints each report as one line of
 * JSON; what ends a world from inside (an assertion, an unhandled rejection) is a violation too.
 *
 *   node run-range.ts '{"scenario":"mixed","nodes":11,"from":1,"count":100}'
 */
import { runSeed, type SimReport } from '../../src/sim/run-seed.ts';

export interface SeedRange {
  readonly scenario: string;
  readonly nodes: number;
  readonly from: number;
  readonly count: number;
}

/** What is printed of a seed. */
export type SeedLine = Pick<SimReport, 'seed' | 'trace' | 'events' | 'violations'>;

const range = JSON.parse(process.argv[2] ?? '{}') as SeedRange;
let seed = range.from;

function print(line: Partial<SeedLine>): void {
  process.stdout.write(`${JSON.stringify({ seed, ...line })}\n`);
}

function died(cause: unknown): void {
  print({ violations: [`the world died: ${cause instanceof Error ? cause.stack : cause}`] });
}

process.on('unhandledRejection', (cause) => {
  died(cause);
  process.exitCode = 1;
  process.disconnect?.();
});
for (let i = 0; i < range.count && process.exitCode === undefined; i++) {
  seed = range.from + i;
  try {
    const { trace, events, violations } = await runSeed({ ...range, seed });
    print({ trace, events, violations });
  } catch (cause) {
    died(cause);
  }
}
