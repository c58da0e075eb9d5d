/** `kadre sim`: seeds of one scenario in the simulator, each with its trace hash. */
import { throwIfAborted } from '../../src/base/signals.ts';
import { runSeed, type SimReport } from '../../src/sim/run-seed.ts';
import { SIM_NODES } from '../../src/sim/sim-limits.ts';
import type { Command } from '../cli/command.ts';
import { exitOf } from '../cli/output.ts';

export const sim: Command = async ({ arguments: given, output, signal }) => {
  const scenario = given.text('scenario') ?? 'mixed';
  const nodes = given.number('nodes') ?? SIM_NODES;
  const from = given.number('seed') ?? 1;
  const count = given.number('seeds') ?? 1;
  let broken = 0;
  for (let seed = from; seed < from + count; seed++) {
    throwIfAborted(signal);
    const report = await runSeed({ nodes, seed, scenario });
    broken += report.violations.length;
    output.result({ v: 1, ...report } as const, () => linesOf(report));
  }
  return broken === 0 ? 0 : exitOf('INTERNAL');
};

function linesOf({ seed, trace, events, virtualMs, jobs, violations }: SimReport): string[] {
  const ends = jobs.map(({ state, code }) => code ?? state).join(', ');
  const seconds = (virtualMs / 1000).toFixed(1);
  return [
    `seed ${seed}: trace ${trace}`,
    `  ${events} events in ${seconds} s of virtual time; jobs: ${ends}`,
    ...violations.map((violation) => `  VIOLATION ${violation}`),
  ];
}
