/**
 * A cadre of processes on this machine: libp2p over loopback, Ed25519 keys, a write-ahead log on
 * disk. Ordered are batches of receipts, each batch signed by a worker, whose signature every
 * member checks; a receipt is one sealed tuple of 32 bytes. Printed: receipts and blocks a second
 * that all members finalised, and the time from the sending of a proposal until its block is final
 * at its author.
 *
 *   npm run bench -- consensus-processes [--seats 4] [--seconds 10] [--batch 1000] [--batches 200]
 *
 * `--batches` are offered a second; small ones with `--batch 1` show blocks rather than receipts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from './consensus-member.ts';

const { values } = parseArgs({
  options: {
    seats: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '10' },
    batch: { type: 'string', default: '1000' },
    batches: { type: 'string', default: '200' },
  },
});
const SEATS = Number(values.seats);
const WARM_MS = 3_000;

interface Report {
  readonly receipts: number;
  readonly blocks: number;
  readonly latenciesMs: readonly number[];
}

const directory = await mkdtemp(join(tmpdir(), 'kadre-bench-'));
const members: ChildProcess[] = Array.from({ length: SEATS }, (_, seat) =>
  fork(join(import.meta.dirname, 'consensus-member.ts'), [
    ...[String(seat), String(SEATS), values.batch, values.batches, directory],
  ]),
);

/** The next message of every member. */
async function answers<T>(ask?: unknown): Promise<T[]> {
  const heard = members.map((member) => {
    return new Promise<T>((resolve, reject) => {
      member.once('message', (message) => resolve(message as T));
      member.once('exit', (code) => reject(new Error(`a member ended with ${code}`)));
    });
  });
  if (ask !== undefined) for (const member of members) member.send(ask as object);
  return Promise.all(heard);
}

try {
  const addresses = await answers<readonly string[]>();
  await answers({ addresses });
  await new Promise((resolve) => setTimeout(resolve, WARM_MS));
  const before = await answers<Report>({ report: true });
  const fromMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 1000 * Number(values.seconds)));
  const after = await answers<Report>({ report: true });
  const seconds = (performance.now() - fromMs) / 1000;
  // What all have: the slowest member counts.
  const rate = (of: (report: Report) => number) =>
    Math.min(...after.map((report, i) => of(report) - of(before[i]!))) / seconds;
  const receipts = rate((report) => report.receipts);
  const blocks = rate((report) => report.blocks);
  const latencies = after.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
  const p90 = latencies[Math.floor(latencies.length * 0.9)] ?? Number.NaN;
  console.log(
    `${SEATS} processes, batches of ${values.batch} receipts, ${values.batches} offered a second`,
  );
  console.log(
    `${Math.round(receipts)} receipts a second: ${(receipts / 60_000).toFixed(2)} of 60,000`,
  );
  console.log(`${blocks.toFixed(0)} blocks a second: ${(blocks / 150).toFixed(2)} of 150`);
  console.log(
    `proposal to final at its author: p50 ${median(latencies).toFixed(1)} ms, p90 ${p90.toFixed(1)} ms`,
  );
} finally {
  for (const member of members) member.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
}
