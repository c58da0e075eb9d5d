/**
 * One small certified job on four warm node processes: connections, adverts and runners are up,
 * nothing else is cached. Prints percentiles of the whole, and where the time goes.
 *
 *   npm run bench -- warm-job [--jobs N]
 */
import { parseArgs } from 'node:util';
import { stderrLogger } from '../../node/cli/output.ts';
import { startLab } from '../../node/lab/lab.ts';
import { wiring } from '../../node/wiring.ts';
import { connect } from '../../src/sdk/connect.ts';

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '100' } } });
const jobs = Number(values.jobs);
const log = stderrLogger(process.stderr, 'error');
const lab = await startLab({
  entry: wiring.labNodeEntry,
  behaviours: [null, null, null, null],
  seed: 1,
  logLevel: 'error',
  log,
  signal: new AbortController().signal,
});
try {
  const swarm = await connect({ network: lab.networkFile });
  const extent = 64;
  const a = {
    data: Float32Array.from({ length: extent ** 2 }, (_, i) => i % 7),
    shape: [extent, extent],
  };
  const samples: Record<string, number[]> = {
    total: [],
    plan: [],
    compute: [],
    commit: [],
    collect: [],
    wall: [],
  };
  for (let i = -10; i < jobs; i++) {
    const startMs = performance.now();
    const job = await swarm.submit('gemm.f32@1', { inputs: { a, b: a }, shards: 4 });
    const { summary } = await job.result();
    if (i < 0) continue;
    samples.wall!.push(performance.now() - startMs);
    for (const [name, ms] of Object.entries(summary.ms)) samples[name]!.push(ms);
  }
  await swarm.close();
  for (const [name, all] of Object.entries(samples)) {
    const sorted = all.toSorted((x, y) => x - y);
    const at = (p: number) =>
      sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]!.toFixed(1);
    process.stdout.write(
      `${name.padEnd(8)} p10 ${at(0.1)}  p50 ${at(0.5)}  p90 ${at(0.9)}  max ${at(1)} ms\n`,
    );
  }
} finally {
  await lab.stop();
}
