/**
 * How fast an executor runs each kernel, in the kernel's own operations per second: what adverts
 * carry and placement weighs by. Bounded by a time budget; the caller keeps the answer.
 */
import type { Clock, SignalOption } from '../base/ports.ts';
import { backendFor, type ExecutionRequest, type Executor } from './executor.ts';
import { prepareRequest } from './kernel-call.ts';
import type { SpeedLadder } from './kernels/kernel-code.ts';
import { KERNEL_CODES } from './kernels/table.ts';

export interface SpeedOptions extends SignalOption {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** For all kernels together when all run on processors; default 200 ms. */
  readonly budgetMs?: number;
}

/** A device shows what it can do only on work that would keep a processor for seconds. */
const DEVICE_PATIENCE = 5;
/** How much worse than the last step's the next step's growth in time may turn out. */
const GROWTH_SLACK = 1.25;

/** Operations per second of each kernel the executor has, whole numbers >= 1. */
export async function measureSpeed(
  executor: Executor,
  options: SpeedOptions,
): Promise<Record<string, number>> {
  const kernels = executor.backend.kernels.filter((kernel) => KERNEL_CODES.has(kernel));
  const shareMs = (options.budgetMs ?? 200) / Math.max(1, kernels.length);
  const speeds: Record<string, number> = {};
  for (const kernel of kernels) {
    const isDevice = backendFor(executor.backend, kernel).startsWith('cuda/');
    const patienceMs = isDevice ? shareMs * DEVICE_PATIENCE : shareMs;
    speeds[kernel] = await climb(executor, KERNEL_CODES.get(kernel)!.speed, patienceMs, options);
  }
  return speeds;
}

/** Larger samples while the next one still fits into the time; the best rate seen counts. */
async function climb(
  executor: Executor,
  ladder: SpeedLadder,
  shareMs: number,
  { clock, signal }: SpeedOptions,
): Promise<number> {
  const endMs = clock.monotonicMs() + shareMs;
  // The first run pays for compiling and for cold memory; it is not measured.
  await executor.run(ladder.request(0), { signal });
  let best = 1;
  let growth = ladder.growth;
  let lastMs = 0;
  for (let step = 0; step < ladder.steps; step++) {
    const request = ladder.request(step);
    const operations = operationsOf(request);
    const startMs = clock.monotonicMs();
    await executor.run(request, { signal });
    const nowMs = clock.monotonicMs();
    // A clock that did not move says nothing; a thousandth of a millisecond bounds the rate.
    const tookMs = Math.max(nowMs - startMs, 0.001);
    best = Math.max(best, Math.round((operations / tookMs) * 1000));
    // Time grows with the work, or more slowly while starting it still costs more than doing it.
    if (lastMs > 0) growth = Math.min(ladder.growth, GROWTH_SLACK * Math.max(1, tookMs / lastMs));
    if (nowMs + tookMs * growth > endMs) break;
    lastMs = tookMs;
  }
  return best;
}

function operationsOf(request: ExecutionRequest): number {
  const { resolved } = prepareRequest(request);
  return request.shards.reduce(
    (sum, shard) => sum + resolved.cost(request.shardCount, shard).operations,
    0,
  );
}
