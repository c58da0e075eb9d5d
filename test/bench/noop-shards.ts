/**
 * 10,000 `noop@1` shards on four worker processes, replicas 1, against dask.distributed with four
 * worker processes in the same run. Each shard has its own entitlement, its own kernel call in the
 * runner and its own leaf; `certified` has a cadre of four and a verified certificate, `cadre off`
 * the same ledger at the requester alone. Needs Debian's python3-distributed for the peer.
 *
 *   npm run bench -- noop-shards [--shards 10000] [--runs 5]
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { percentile, withLab } from './lab-swarm.ts';

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '10000' },
    runs: { type: 'string', default: '5' },
  },
});
const shards = Number(values.shards);
const runs = Number(values.runs);
const PEER = fileURLToPath(new URL('./dask-noop.py', import.meta.url));

/** Tasks per second of the peer, one entry per run; empty when it is not installed. */
async function daskRates(): Promise<number[]> {
  try {
    const call = promisify(execFile);
    const { stdout } = await call(process.env.PYTHON ?? '/usr/bin/python3', [
      PEER,
      String(shards),
      String(runs),
    ]);
    return JSON.parse(stdout) as number[];
  } catch (cause) {
    process.stderr.write(`no peer: ${cause instanceof Error ? cause.message : cause}\n`);
    return [];
  }
}

async function ownRates(cadre: number): Promise<number[]> {
  return withLab(4, async (swarm) => {
    const rates: number[] = [];
    for (let run = -2; run < runs; run++) {
      const startMs = performance.now();
      const job = await swarm.submit(
        'noop@1',
        { shards },
        { replicas: 1, quorum: 1, cadre, reuse: false },
      );
      const { summary, certificate } = await job.result();
      const tookMs = performance.now() - startMs;
      if ((certificate === null) !== (cadre === 0)) throw new Error('wrong kind of job');
      if (process.env.BENCH_VERBOSE) process.stderr.write(`${JSON.stringify(summary.ms)}\n`);
      if (run >= 0) rates.push((shards / tookMs) * 1000);
    }
    return rates;
  });
}

const show = (name: string, rates: readonly number[]) => {
  const at = (part: number) => Math.round(percentile(rates, part));
  process.stdout.write(
    `${name.padEnd(22)} min ${at(0)}  median ${at(0.5)}  max ${at(1)} shards/s\n`,
  );
  return percentile(rates, 0.5);
};

const dask = await daskRates();
const peer = dask.length > 0 ? show('dask.distributed', dask) : Number.NaN;
const certified = show('kadre, certified', await ownRates(4));
const plain = show('kadre, cadre off', await ownRates(0));
process.stdout.write(`certified / dask = ${(certified / peer).toFixed(1)}\n`);
process.stdout.write(`cadre off / dask = ${(plain / peer).toFixed(1)}\n`);
