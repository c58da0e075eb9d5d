/**
 * Every kernel on one core, on each backend of the addon that works here: work per second, median
 * and best of several runs, and the ratio to the slowest backend shown.
 *
 *   npm run bench -- kernels [--kernel NAME] [--runs 7]
 */
import { parseArgs } from 'node:util';
import { loadAddon } from '../../src/compute/addon.ts';
import type { ExecutionRequest } from '../../src/compute/executor.ts';
import { callOf, outputBuffers, prepareRequest } from '../../src/compute/kernel-call.ts';
import { sampleArray, sampleRequest } from '../../src/compute/kernels/kernel-code.ts';
import { KERNEL_CODES } from '../../src/compute/kernels/table.ts';

interface Subject {
  readonly request: ExecutionRequest;
  /** What `amount` counts. */
  readonly unit: string;
  readonly amount: number;
}

/** 128 MiB: more than any cache. */
const ELEMENTS = 2 ** 25;

const SUBJECTS: readonly Subject[] = [
  {
    // Every point is inside, so that every step is taken.
    request: sampleRequest({
      kernel: 'mandelbrot@1',
      parameters: { x: -0.1, span: 0.1, width: 256, height: 256, maxIterations: 1000 },
    }),
    unit: 'G steps/s',
    amount: (256 * 256 * 1000) / 1e9,
  },
  {
    request: sampleRequest({
      kernel: 'montecarlo.european@1',
      parameters: { blocks: 8, paths: 2 ** 18 },
    }),
    unit: 'M paths/s',
    amount: (8 * 2 ** 18) / 1e6,
  },
  {
    request: sampleRequest({
      kernel: 'sha256.search@1',
      parameters: { prefix: '00'.repeat(40), blocks: 8, nonces: 2 ** 17 },
    }),
    unit: 'M hashes/s',
    amount: (8 * 2 ** 17) / 1e6,
  },
  ...['sum', 'max'].map((op) => ({
    request: sampleRequest({
      kernel: 'reduce@1',
      parameters: { op },
      inputs: [sampleArray('x', 'moderate', [ELEMENTS], 1)],
    }),
    unit: 'GB/s read',
    amount: (ELEMENTS * 4) / 1e9,
  })),
  {
    request: sampleRequest({
      kernel: 'map@1',
      parameters: { expression: 'sqrt(x*x + y*y) * 2 - 1' },
      inputs: ['x', 'y'].map((name, i) => sampleArray(name, 'moderate', [ELEMENTS], i + 1)),
    }),
    unit: 'GB/s read and written',
    amount: (ELEMENTS * 12) / 1e9,
  },
];

const { values } = parseArgs({
  options: { kernel: { type: 'string' }, runs: { type: 'string', default: '7' } },
});
const addon = await loadAddon();
const backends = addon.backends().filter(({ problem }) => problem === null);
for (const { request, unit, amount } of SUBJECTS) {
  if (values.kernel !== undefined && !request.kernel.startsWith(values.kernel)) continue;
  const call = callOf(prepareRequest(request), request, 0);
  const { native, nativeKernel } = KERNEL_CODES.get(request.kernel)!;
  if (native === undefined || nativeKernel === undefined) continue;
  const { extents, inputs } = native(call);
  const outputs = outputBuffers(call);
  for (const { name } of backends) {
    const rates = Array.from({ length: Number(values.runs) }, () => {
      const startMs = performance.now();
      addon.runNow(name, nativeKernel, extents, inputs, outputs);
      return (amount / (performance.now() - startMs)) * 1000;
    }).sort((a, b) => a - b);
    const median = rates[rates.length >> 1]!;
    const shown = `median ${median.toFixed(2)}  best ${rates.at(-1)!.toFixed(2)} ${unit}`;
    process.stdout.write(`${request.kernel.padEnd(24)} ${name.padEnd(12)} ${shown}\n`);
  }
}
