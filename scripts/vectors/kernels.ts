/**
 * Writes the golden values of kernels: test/vectors/kernels.json (manifests, digests, plans) and
 * src/compute/golden-digests.ts (outputs of the self-test cases, computed by the reference). Run it
 * only when a format or a kernel changes on purpose, and say why in the commit.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { toHex } from '../../src/base/bytes.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { digestOf, selftestCases } from '../../src/compute/selftest.ts';
import type { ArraySpec, Kernel, Parameters } from '../../src/kernel/contract.ts';
import { kernelId } from '../../src/kernel/contract.ts';
import { gemmF32 } from '../../src/kernel/gemm-f32.ts';
import { mandelbrot } from '../../src/kernel/mandelbrot.ts';
import { map } from '../../src/kernel/map.ts';
import { montecarloEuropean } from '../../src/kernel/montecarlo-european.ts';
import { noop } from '../../src/kernel/noop.ts';
import { reduce } from '../../src/kernel/reduce.ts';
import { KERNELS, kernelDigest, kernelManifest } from '../../src/kernel/registry.ts';
import { sha256Search } from '../../src/kernel/sha256-search.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';

interface PlanCase {
  readonly kernel: Kernel;
  readonly parameters: Parameters;
  readonly inputs: readonly ArraySpec[];
  readonly shardCount: number;
}

const f4 = (name: string, ...shape: number[]): ArraySpec => ({ name, dtype: '<f4', shape });

const xz = [f4('x', 10), f4('z', 10)];

const PLANS: readonly PlanCase[] = [
  { kernel: noop, parameters: { items: 10 }, inputs: [], shardCount: 4 },
  { kernel: gemmF32, parameters: {}, inputs: [f4('a', 5, 3), f4('b', 3, 4)], shardCount: 2 },
  { kernel: gemmF32, parameters: {}, inputs: [f4('a', 3, 2), f4('b', 2, 5)], shardCount: 7 },
  { kernel: gemmF32, parameters: {}, inputs: [f4('a', 2, 0), f4('b', 0, 2)], shardCount: 2 },
  { kernel: mandelbrot, parameters: { width: 3, height: 5 }, inputs: [], shardCount: 2 },
  { kernel: montecarloEuropean, parameters: { blocks: 7 }, inputs: [], shardCount: 3 },
  { kernel: sha256Search, parameters: { blocks: 4 }, inputs: [], shardCount: 3 },
  { kernel: map, parameters: { expression: 'x + z' }, inputs: xz, shardCount: 3 },
  { kernel: reduce, parameters: {}, inputs: [f4('x', 4096 * 4 + 1)], shardCount: 2 },
];

function planVector({ kernel, parameters, inputs, shardCount }: PlanCase): object {
  const resolved = kernel.resolve(parameters, inputs);
  if (!resolved.ok) throw new Error(`${kernelId(kernel)}: ${resolved.detail}`);
  const shards = Array.from({ length: shardCount }, (_, shard) => ({
    regions: resolved.value.regions(shardCount, shard),
    reads: resolved.value.reads(shardCount, shard),
  }));
  const { outputs, shardsMax } = resolved.value;
  const kernelName = kernelId(kernel);
  return { kernel: kernelName, parameters, inputs, outputs, shardsMax, shardCount, shards };
}

const kernels = KERNELS.map((kernel) => ({
  id: kernelId(kernel),
  manifest: kernelManifest(kernel),
  canonical: toHex(encodeCanonical(kernelManifest(kernel))),
  digest: toHex(kernelDigest(kernel)),
}));

const executor = new JsExecutor();
const golden: Record<string, string> = {};
for (const testCase of selftestCases()) golden[testCase.name] = await digestOf(executor, testCase);

await mkdir('test/vectors', { recursive: true });
const vectors = { v: 1, kernels, plans: PLANS.map(planVector), golden };
await writeFile('test/vectors/kernels.json', `${JSON.stringify(vectors, undefined, 1)}\n`);
// As the formatter would have it.
const rows = Object.entries(golden).map(([name, digest]) => {
  const line = `  '${name}': '${digest}',`;
  return `${line.length <= 100 ? line : `  '${name}':\n    '${digest}',`}\n`;
});
await writeFile(
  'src/compute/golden-digests.ts',
  `/** Written by scripts/vectors/kernels.ts: blob roots of the self-test cases' whole outputs. */
export const GOLDEN_DIGESTS: Readonly<Record<string, string>> = {
${rows.join('')}};
`,
);
