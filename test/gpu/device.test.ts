/**
 * Real GPUs through the runner: the same cases as everywhere, and the bits of a CPU. Without a GPU
 * one line says why there is none; with REQUIRE_GPU=1 that is a failure.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { buildNative } from '../../scripts/build-native.ts';
import type { ExecutionRequest, Executor } from '../../src/compute/executor.ts';
import { RunnerExecutor, type RunnerInit } from '../../src/compute/runner/runner-executor.ts';
import { type SampleKind, sampleFloats } from '../../src/compute/sample-input.ts';
import { runSelftest } from '../../src/compute/selftest.ts';
import { silentLogger, testClock } from '../oracles/test-clock.ts';

const components = { clock: testClock, logger: silentLogger };

async function opened(init: RunnerInit): Promise<RunnerExecutor> {
  const executor = new RunnerExecutor(components, init);
  await executor.start();
  return executor;
}

/** Names of the GPU backends that work here, or why there is none. */
async function devices(): Promise<{ names: string[]; why: string }> {
  const build = await buildNative();
  if (build.state === 'unavailable') return { names: [], why: 'no addon' };
  const runner = await opened({ backend: 'auto' });
  await runner.stop();
  const cuda = runner.details.candidates.filter(({ name }) => name.startsWith('cuda'));
  const names = cuda.filter(({ problem }) => problem === null).map(({ name }) => name);
  return { names, why: cuda.map(({ name, problem }) => `${name}: ${problem}`).join(', ') };
}

function product(kind: SampleKind, [m, k, n]: readonly number[], shardCount: number) {
  const input = (name: string, rows: number, columns: number, seed: number) => ({
    name,
    shape: [rows, columns],
    segments: [{ offset: 0, bytes: sampleFloats(kind, rows * columns, seed) }],
  });
  const request: ExecutionRequest = {
    kernel: 'gemm.f32@1',
    parameters: {},
    inputs: [input('a', m!, k!, 9), input('b', k!, n!, 10)],
    shardCount,
    shards: Array.from({ length: shardCount }, (_, shard) => shard),
  };
  return request;
}

async function rootsOf(executor: Executor, request: ExecutionRequest): Promise<string[]> {
  const results = await executor.run(request);
  return results.flatMap(({ outputs }) =>
    outputs.map(({ root }) => Buffer.from(root).toString('hex')),
  );
}

const { names, why } = await devices();
if (names.length === 0) {
  const isRequired = process.env.REQUIRE_GPU === '1';
  test('kernels on a GPU', { skip: isRequired ? false : why }, () => {
    assert.fail(`REQUIRE_GPU=1, and there is none that works: ${why}`);
  });
}

for (const name of names) {
  describe(name, () => {
    let gpu: RunnerExecutor;
    let cpu: RunnerExecutor;
    before(async () => {
      gpu = await opened({ backend: 'native', name });
      cpu = await opened({ backend: 'native', gpu: false });
    });
    after(async () => {
      await gpu.stop();
      await cpu.stop();
    });

    test('passes the self-test', async () => {
      for (const row of await runSelftest(gpu)) assert.ok(row.ok, `${row.case}: ${row.actual}`);
    });

    test('has the bits of the CPU, whatever the shards', async () => {
      for (const kind of ['moderate', 'any-bits', 'tiny'] as const) {
        for (const [extents, shardCount] of [
          [[513, 257, 511], 7],
          [[1024, 1024, 1024], 16],
          [[2000, 100, 3000], 3],
          [[3, 100_000, 5], 2],
        ] as const) {
          const request = product(kind, extents, shardCount);
          const expected = await rootsOf(cpu, request);
          assert.deepEqual(await rootsOf(gpu, request), expected, `${kind} ${extents}`);
        }
      }
    });
  });
}
