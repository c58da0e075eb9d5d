/**
 * One small certified job on four warm node processes: connections, adverts and runners are up,
 * nothing else is cached; every job has inputs of its own. Prints percentiles of the whole, and
 * where the time goes.
 *
 *   npm run bench -- warm-job [--jobs 400] [--warm 100]
 */
import { parseArgs } from 'node:util';
import { percentile, withLab } from './lab-swarm.ts';

const { values } = parseArgs({
  options: { jobs: { type: 'string', default: '400' }, warm: { type: 'string', default: '100' } },
});
const EXTENT = 64;

const samples = new Map<string, number[]>();
await withLab(4, async (swarm) => {
  for (let i = -Number(values.warm); i < Number(values.jobs); i++) {
    const data = Float32Array.from({ length: EXTENT ** 2 }, (_, at) => (at % 7) + i);
    const array = { data, shape: [EXTENT, EXTENT] };
    const startMs = performance.now();
    const job = await swarm.submit('gemm.f32@1', { inputs: { a: array, b: array }, shards: 4 });
    const { summary, certificate } = await job.result();
    const wallMs = performance.now() - startMs;
    if (certificate === null) throw new Error('the job has no certificate');
    if (i < 0) continue;
    for (const [phase, ms] of Object.entries({ ...summary.ms, 'submit to result': wallMs })) {
      samples.set(phase, [...(samples.get(phase) ?? []), ms]);
    }
  }
});
for (const [phase, all] of samples) {
  const at = (part: number) => percentile(all, part).toFixed(1).padStart(6);
  const line = `p10 ${at(0.1)}  p50 ${at(0.5)}  p90 ${at(0.9)}  max ${at(1)} ms`;
  process.stdout.write(`${phase.padEnd(17)} ${line}\n`);
}
const p50 = percentile(samples.get('submit to result') ?? [], 0.5);
process.stdout.write(`p50 / 50 ms = ${(p50 / 50).toFixed(2)}\n`);
