/**
 * Runs seeds from `from` on in this process and prints each report as one line of
 * JSON; what ends a world from inside (an assertion, an unhandled rejection) is a violation too.
 *
 *   node run-range.ts '{"scenario":"mixed","nodes":11,"from":1,"count":100}'
 */
import { isCadre } from '../../src/sim/cadre/cadre-scenarios.ts';
import { runCadreSeed } from '../../src/sim/cadre/run-cadre-seed.ts';
import { runSeed, type SimReport } from '../../src/sim/run-seed.ts';

export interface SeedRange {
  readonly scenario: string;
  /** Of a cadre: its seats, 0 to draw them. */
  readonly nodes: number;
  readonly from: number;
  readonly count: number;
}

/** What is printed of a seed. */
export type SeedLine = Pick<SimReport, 'seed' | 'trace' | 'events' | 'violations'>;

const range = JSON.parse(process.argv[2] ?? '{}') as SeedRange;
let seed = range.from;

/** In a world of whole nodes, or in one of a cadre alone. */
function runIn(options: SeedRange & { readonly seed: number }) {
  return isCadre(options.scenario) ? runCadreSeed(options) : runSeed(options);
}

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
    const { trace, events, violations } = await runIn({ ...range, seed });
    print({ trace, events, violations });
  } catch (cause) {
    died(cause);
  }
}
