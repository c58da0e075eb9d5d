/**
 * One `kadre up` process: milliseconds from spawning it to its ready line, and resident memory once
 * it has been idle for a while. A fresh data directory each time, so the first start's speed
 * measurement is included.
 *
 *   npm run bench -- idle-node [--runs 5]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { percentile } from './lab-swarm.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '5' } } });
const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url));
/** Long enough for the node to have given back what starting took. */
const IDLE_MS = 10_000;

async function measure(): Promise<{ readyMs: number; rssMiB: number }> {
  const data = await mkdtemp(join(tmpdir(), 'kadre-bench-'));
  const startMs = performance.now();
  const flags = [
    '--network',
    'local',
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
    '--data',
    data,
    '--json',
  ];
  const node = spawn(process.execPath, [MAIN, 'up', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(createInterface({ input: node.stdout }), 'line');
    const readyMs = performance.now() - startMs;
    await sleep(IDLE_MS);
    const status = await readFile(`/proc/${node.pid}/status`, 'utf8');
    return { readyMs, rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024 };
  } finally {
    node.kill('SIGTERM');
    await once(node, 'exit');
    await rm(data, { recursive: true, force: true });
  }
}

const runs = [];
for (let run = 0; run < Number(values.runs); run++) runs.push(await measure());
const show = (name: string, samples: readonly number[], limit: number) => {
  const at = (part: number) => percentile(samples, part).toFixed(0);
  const ratio = (percentile(samples, 0.5) / limit).toFixed(2);
  process.stdout.write(`${name}  min ${at(0)}  median ${at(0.5)}  max ${at(1)}  (x ${ratio})\n`);
};
show(
  'ready, ms, limit 2000         ',
  runs.map((run) => run.readyMs),
  2_000,
);
show(
  'idle memory, MiB RSS, limit 150',
  runs.map((run) => run.rssMiB),
  150,
);
