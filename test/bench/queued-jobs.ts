/**
 * 1,000 jobs queued at one client on four node processes: whether each ends once with a certificate
 * of its own, what the nodes' memory does meanwhile, and how long a small job of a second client
 * takes among them, against the same job on the idle swarm.
 *
 *   npm run bench -- queued-jobs [--jobs 1000] [--concurrency 8]
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { connect } from '../../src/sdk/connect.ts';
import type { Swarm, Work } from '../../src/sdk/types.ts';
import { percentile, withLab } from './lab-swarm.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000' },
    concurrency: { type: 'string', default: '8' },
  },
});
const jobs = Number(values.jobs);
const concurrency = Number(values.concurrency);
/** Small jobs on the idle swarm, after as many that warm it up. */
const UNLOADED = 40;
const EXTENT = 32;

/** Work that nobody has done before. */
function workOf(number: number): Work {
  const data = Float32Array.from({ length: EXTENT ** 2 }, (_, i) => (i % 7) + number);
  const array = { data, shape: [EXTENT, EXTENT] };
  return { inputs: { a: array, b: array }, shards: 4 };
}

async function timed(swarm: Swarm, number: number): Promise<number> {
  const startMs = performance.now();
  const job = await swarm.submit('gemm.f32@1', workOf(number));
  const { certificate } = await job.result();
  if (certificate === null) throw new Error('a small job has no certificate');
  return performance.now() - startMs;
}

async function residentMiB(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    sum += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }
  return sum;
}

const idle: number[] = [];
const loaded: number[] = [];
const memory: number[] = [];
const ids = new Set<string>();
let ended = 0;
let tookMs = 0;
await withLab(4, async (swarm, lab) => {
  await using other = await connect({ network: lab.networkFile });
  const pids = lab.nodes.map(({ pid }) => pid);
  for (let i = -UNLOADED; i < UNLOADED; i++) {
    const ms = await timed(other, 10_000 + i);
    if (i >= 0) idle.push(ms);
  }
  let isOver = false;
  const probe = async () => {
    for (let i = 0; !isOver; i++) loaded.push(await timed(other, 20_000 + i));
  };
  const probing = probe();
  // Heard below, unless the queue fails first.
  probing.catch(() => undefined);
  const works = Array.from({ length: jobs }, (_, i) => workOf(100_000 + i));
  const startMs = performance.now();
  for await (const { summary, certificate } of swarm.map('gemm.f32@1', works, { concurrency })) {
    if (certificate === null) throw new Error('a job has no certificate');
    ended += 1;
    ids.add(summary.jobId);
    if (ended % Math.ceil(jobs / 10) === 0) memory.push(await residentMiB(pids));
  }
  tookMs = performance.now() - startMs;
  isOver = true;
  await probing;
});

const lost = jobs - ids.size;
process.stdout.write(`jobs ${jobs}  ended ${ended}  lost ${lost}  twice ${ended - ids.size}`);
process.stdout.write(`  ${((jobs / tookMs) * 1000).toFixed(1)} jobs/s\n`);
const tenths = memory.map((mib) => mib.toFixed(0)).join(' ');
process.stdout.write(`memory of the nodes at each tenth, MiB: ${tenths}\n`);
const show = (name: string, all: readonly number[]) => {
  const at = (part: number) => percentile(all, part).toFixed(0);
  process.stdout.write(
    `${name} p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)}  max ${at(1)} ms, of ${all.length}\n`,
  );
};
show('a small job, idle swarm  ', idle);
show('a small job, under load  ', loaded);
const more = percentile(loaded, 0.99) - percentile(idle, 0.99);
process.stdout.write(`p99 under load is ${more.toFixed(0)} ms above (limit 100)\n`);
if (lost > 0) process.exitCode = 1;
