/**
 * Every kernel on every executor: the reference's bits on requests chosen to be hard, also where
 * threads share a shard. What the reference itself must equal is in test/unit/compute.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ExecutionRequest, Executor } from '../../src/compute/executor.ts';
import { sampleRequest } from '../../src/compute/kernels/kernel-code.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { digestOf } from '../../src/compute/selftest.ts';
import { executors, type Subject } from './executors.ts';

const REQUESTS: Readonly<Record<string, readonly ExecutionRequest[]>> = {
  'mandelbrot@1': [
    { width: 1, height: 1, maxIterations: 1 },
    // Rows shorter than a vector, and just over several; a limit that is no multiple of anything.
    { width: 3, height: 4, maxIterations: 17 },
    { width: 33, height: 5, maxIterations: 203 },
    { width: 129, height: 3, span: 8, x: 4, y: 4, maxIterations: 9 },
    { x: -0.7453, y: 0.1127, span: 6.5e-4, width: 95, height: 31, maxIterations: 600 },
    // Pixels closer together than binary64 can tell apart.
    { x: -1.7548776662466927, y: 0, span: 1e-15, width: 40, height: 7, maxIterations: 300 },
  ].map((parameters) => sampleRequest({ kernel: 'mandelbrot@1', parameters })),
  'montecarlo.european@1': [
    { blocks: 1, paths: 1 },
    { blocks: 2, paths: 255, put: true },
    { blocks: 2, paths: 257, seed: 2 ** 53 - 1 },
    { blocks: 3, paths: 1023, strike: 130, volatility: 1.5 },
    { blocks: 1, paths: 4096 },
    { blocks: 2, paths: 8193, rate: -0.3, years: 10 },
    { blocks: 5, paths: 20_000, volatility: 4, years: 32, rate: -1, spot: 1e6 },
  ].map((parameters) => sampleRequest({ kernel: 'montecarlo.european@1', parameters })),
};

const reference = new JsExecutor();
const digest = (executor: Executor, request: ExecutionRequest) =>
  digestOf(executor, { name: '', request });

for (const subject of await executors()) {
  describe(subject.name, () => {
    let executor: Awaited<ReturnType<Subject['open']>>;
    before(async () => {
      executor = await subject.open();
    });
    after(() => executor.stop?.());

    for (const [kernel, requests] of Object.entries(REQUESTS)) {
      test(`${kernel} equals the reference`, async () => {
        for (const request of requests) {
          const { parameters } = request;
          const expected = await digest(reference, request);
          assert.equal(await digest(executor, request), expected, JSON.stringify(parameters));
        }
      });
    }
  });
}
