/**
 * `kadre bench`: a user's look at this machine. Each number is the best that was seen within its
 * share of the time, on a machine that may be busy otherwise: for comparing, not for gating.
 */
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Logger, SignalOption } from '../../src/base/ports.ts';
import { blobRoot } from '../../src/blob/tree.ts';
import { RunnerExecutor, type RunnerInit } from '../../src/compute/runner/runner-executor.ts';
import { nativeBackends } from '../../src/compute/selftest-all.ts';
import { measureSpeed } from '../../src/compute/speed.ts';
import { systemClock } from '../../src/crypto/node/system-ports.ts';
import { type LoopbackSpeed, measureLoopback } from '../bench/loopback.ts';
import type { Command } from '../cli/command.ts';
import { formatBytes, formatTable } from '../cli/output.ts';
import { version } from '../version.ts';

const SECONDS_DEFAULT = 5;
const HASHED_BYTES = 16 * 1024 ** 2;

interface KernelSpeed {
  readonly kernel: string;
  readonly backend: string;
  /** Of the kernel's own operations. */
  readonly operationsPerSecond: number;
}

export const bench: Command = async ({ arguments: given, output, signal, log }) => {
  const budgetMs = (given.number('seconds') ?? SECONDS_DEFAULT) * 1000;
  const startMs = systemClock.monotonicMs();
  const kernels = await kernelSpeeds(budgetMs / 2, log, { signal });
  const hashing = { bytesPerSecond: hashSpeed(budgetMs / 8) };
  const loopback = await measureLoopback(budgetMs / 4, { signal });
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    kadre: version,
  };
  const ms = Math.round(systemClock.monotonicMs() - startMs);
  const report = { v: 1, machine, kernels, hashing, loopback, ms } as const;
  output.result(report, () => [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`,
    ...formatTable([
      ...kernels.map(kernelCells),
      ...hashCells(hashing),
      ...loopbackCells(loopback),
    ]),
  ]);
  return 0;
};

async function kernelSpeeds(
  budgetMs: number,
  logger: Logger,
  { signal }: SignalOption,
): Promise<KernelSpeed[]> {
  const { names } = await nativeBackends({ clock: systemClock, logger });
  const inits: RunnerInit[] = [
    ...names.map((name): RunnerInit => ({ backend: 'native', name })),
    { backend: 'js' },
  ];
  const speeds: KernelSpeed[] = [];
  for (const init of inits) {
    const runner = new RunnerExecutor({ clock: systemClock, logger }, init);
    try {
      await runner.start();
      const options = { clock: systemClock, budgetMs: budgetMs / inits.length, signal };
      const backend = runner.backend.name;
      for (const [kernel, speed] of Object.entries(await measureSpeed(runner, options))) {
        speeds.push({ kernel, backend, operationsPerSecond: speed });
      }
    } finally {
      await runner.stop();
    }
  }
  return speeds;
}

/** Blob trees over memory, on one thread, as inputs are hashed. */
function hashSpeed(budgetMs: number): number {
  const content = new Uint8Array(HASHED_BYTES);
  const endMs = systemClock.monotonicMs() + budgetMs;
  let best = 0;
  do {
    const startMs = systemClock.monotonicMs();
    blobRoot(content);
    const tookMs = Math.max(systemClock.monotonicMs() - startMs, 0.001);
    best = Math.max(best, Math.round((HASHED_BYTES / tookMs) * 1000));
  } while (systemClock.monotonicMs() < endMs);
  return best;
}

function kernelCells({ kernel, backend, operationsPerSecond }: KernelSpeed): string[] {
  return [kernel, backend, `${(operationsPerSecond / 1e9).toFixed(3)} Gop/s`];
}

function hashCells({ bytesPerSecond }: { readonly bytesPerSecond: number }): string[][] {
  return [['hashing', 'one thread', `${formatBytes(bytesPerSecond)}/s`]];
}

function loopbackCells({ requestsPerSecond, bytesPerSecond }: LoopbackSpeed): string[][] {
  return [
    ['loopback', 'requests', `${requestsPerSecond}/s`],
    ['loopback', 'bulk', `${formatBytes(bytesPerSecond)}/s`],
  ];
}
