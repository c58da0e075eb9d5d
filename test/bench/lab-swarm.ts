/** A lab of honest node processes and a client of it, for benchmarks. */
import { stderrLogger } from '../../node/cli/output.ts';
import { type Lab, startLab } from '../../node/lab/lab.ts';
import { wiring } from '../../node/wiring.ts';
import { connect } from '../../src/sdk/connect.ts';
import type { Swarm } from '../../src/sdk/types.ts';

/** Runs `work` on a fresh lab and stops everything afterwards. */
export async function withLab<T>(
  nodes: number,
  work: (swarm: Swarm, lab: Lab) => Promise<T>,
): Promise<T> {
  const lab = await startLab({
    entry: wiring.labNodeEntry,
    behaviours: Array.from({ length: nodes }, () => null),
    seed: 1,
    logLevel: 'error',
    log: stderrLogger(process.stderr, 'error'),
    signal: new AbortController().signal,
  });
  try {
    const swarm = await connect({ network: lab.networkFile });
    try {
      return await work(swarm, lab);
    } finally {
      await swarm.close();
    }
  } finally {
    await lab.stop();
  }
}

/** The value below which the given part of the samples lies. */
export function percentile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
