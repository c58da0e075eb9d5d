/**
 * `gemm.f32@1` on one core against OpenBLAS with one thread, turn by turn in one run: AVX-512
 * against OpenBLAS's own choice, AVX2 against its AVX2 kernel (OPENBLAS_CORETYPE=Haswell).
 * Processor time, so that other work on the machine counts less; several products per turn, because
 * that clock may be coarse. Ratio above 1: ours is faster.
 *
 *   npm run bench -- gemm [--extent 1024] [--runs 15]
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { loadAddon } from '../../src/compute/addon.ts';
import { sampleFloats } from '../../src/compute/sample-input.ts';
import { percentile } from './lab-swarm.ts';

/** Which of OpenBLAS's kernels a backend is compared with; '' leaves the choice to OpenBLAS. */
const CORE_TYPES: Readonly<Record<string, string>> = { 'cpu/avx512': '', 'cpu/avx2': 'Haswell' };
const GEMM = 1;

const { values } = parseArgs({
  options: {
    extent: { type: 'string', default: '1024' },
    runs: { type: 'string', default: '15' },
  },
});
const [extent, runs] = [Number(values.extent), Number(values.runs)];
/** Of one turn: some hundred milliseconds. */
const products = Math.max(1, Math.round(8 * (1024 / extent) ** 3));

interface Peer {
  readonly name: string;
  /** Milliseconds of one product, the mean of a turn. */
  run(): Promise<number>;
  stop(): void;
}

async function startPeer(program: string, coreType: string): Promise<Peer | undefined> {
  const environment = { ...process.env, OPENBLAS_NUM_THREADS: '1' };
  const child = spawn(program, [String(extent), String(products)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: coreType === '' ? environment : { ...environment, OPENBLAS_CORETYPE: coreType },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) return undefined;
  return {
    name: String(first.value),
    run: async () => {
      child.stdin.write('\n');
      return Number((await lines.next()).value);
    },
    stop: () => child.stdin.end(),
  };
}

const addon = await loadAddon();
const [a, b] = [1, 2].map((seed) => sampleFloats('moderate', extent ** 2, seed));
const c = new Uint8Array(4 * extent ** 2);

/** Milliseconds of one product on this thread, the mean of a turn. */
function ours(backend: string): number {
  const before = process.threadCpuUsage();
  for (let i = 0; i < products; i++) {
    addon.runNow(backend, GEMM, [extent, extent, extent, extent, extent], [a!, b!], [c]);
  }
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000 / products;
}

async function compare(backend: string, peer: Peer): Promise<void> {
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let i = -1; i < runs; i++) {
    const [mine, theirs] = [ours(backend), await peer.run()];
    if (i < 0) continue;
    times.ours.push(mine);
    times.peer.push(theirs);
  }
  const ratios = times.ours.map((ms, i) => times.peer[i]! / ms);
  const rate = (ms: number) => ((2 * extent ** 3) / ms / 1e6).toFixed(0);
  const show = (list: number[]) =>
    `${rate(percentile(list, 1))} / ${rate(percentile(list, 0.5))} / ${rate(Math.min(...list))}`;
  const ratio = [0, 0.5, 1].map((part) => percentile(ratios, part).toFixed(2)).join(' / ');
  process.stdout.write(
    `${backend}, N = ${extent}, one core, min / median / max of ${runs}\n` +
      `  kadre     ${show(times.ours)} GFLOP/s\n` +
      `  OpenBLAS  ${show(times.peer)} GFLOP/s (${peer.name})\n` +
      `  ratio     ${ratio}; best against best ` +
      `${(Math.min(...times.peer) / Math.min(...times.ours)).toFixed(2)}\n`,
  );
}

const folder = await mkdtemp(join(tmpdir(), 'kadre-bench-'));
try {
  const program = join(folder, 'openblas');
  const source = join(import.meta.dirname, 'openblas.cc');
  execFileSync(process.env.CXX ?? 'g++', ['-O2', source, '-o', program, '-ldl'], {
    stdio: 'inherit',
  });
  const working = addon.backends().filter(({ problem }) => problem === null);
  for (const { name } of working) {
    const coreType = CORE_TYPES[name];
    if (coreType === undefined) continue;
    const peer = await startPeer(program, coreType);
    if (peer === undefined) {
      process.stdout.write('OpenBLAS is not installed; Debian: apt install libopenblas0-pthread\n');
      break;
    }
    await compare(name, peer);
    peer.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
