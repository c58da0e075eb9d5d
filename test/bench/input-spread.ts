/**
 * One input of a job to six worker processes, each of which reads all of it: how much of it leaves
 * the requester. Counts what this process, the requester alone, writes to its sockets: protocol
 * frames, cipher and acknowledgements included.
 *
 *   npm run bench -- input-spread [--mib 64] [--workers 6] [--runs 5]
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { percentile, withLab } from './lab-swarm.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '64' },
    workers: { type: 'string', default: '6' },
    runs: { type: 'string', default: '5' },
  },
});
const workers = Number(values.workers);
const COLUMNS = 1024;
const rows = Number(values.mib) * (2 ** 20 / (4 * COLUMNS));
/** A row of the product per shard: every shard reads all of `b`. */
const shards = 4 * workers;

const sockets: Socket[] = [];
const remember = (message: unknown) => sockets.push((message as { socket: Socket }).socket);
subscribe('net.client.socket', remember);
subscribe('net.server.socket', remember);
const sentBytes = () => sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);

const copies: number[] = [];
const seconds: number[] = [];
// One more sits in the cadre and works on nothing.
await withLab(workers + 1, async (swarm) => {
  for (let run = 0; run < Number(values.runs); run++) {
    const a = Float32Array.from({ length: shards * rows }, (_, i) => ((i * 7) % 5) - 2);
    // Other bytes every run: nobody has them yet.
    const b = Float32Array.from({ length: rows * COLUMNS }, (_, i) => ((i + run) % 251) - 125);
    const before = sentBytes();
    const startMs = performance.now();
    const job = await swarm.submit(
      'gemm.f32@1',
      {
        inputs: { a: { data: a, shape: [shards, rows] }, b: { data: b, shape: [rows, COLUMNS] } },
        shards,
      },
      { replicas: 2, quorum: 2, cadre: 1 },
    );
    const { certificate, summary } = await job.result();
    if (certificate === null) throw new Error('the job has no certificate');
    const busy = Object.keys(summary.workers).length;
    // Placement may leave one out, who then costs nothing.
    if (busy !== workers) process.stderr.write(`only ${busy} of ${workers} workers took part\n`);
    if (process.env.BENCH_VERBOSE) process.stderr.write(`${JSON.stringify(summary.ms)}\n`);
    copies.push((sentBytes() - before) / b.byteLength);
    seconds.push((performance.now() - startMs) / 1000);
  }
});
const show = (name: string, samples: readonly number[], unit: string) => {
  const at = (part: number) => percentile(samples, part).toFixed(2);
  process.stdout.write(`${name} min ${at(0)}  median ${at(0.5)}  max ${at(1)} ${unit}\n`);
};
show('sent by the requester', copies, `copies of ${values.mib} MiB, to ${workers} workers`);
show('job                  ', seconds, 's');
process.stdout.write(`worst / 2 copies = ${(percentile(copies, 1) / 2).toFixed(2)}\n`);
