import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { KadreError } from '../../../src/base/errors.ts';
import type { Executor } from '../../../src/compute/executor.ts';
import { GOLDEN_DIGESTS } from '../../../src/compute/golden-digests.ts';
import { NATIVE_KERNELS } from '../../../src/compute/kernels/table.ts';
import { JsExecutor } from '../../../src/compute/local-executor.ts';
import { runSelftest, selftestCases } from '../../../src/compute/selftest.ts';
import { selftestAll } from '../../../src/compute/selftest-all.ts';
import { measureSpeed } from '../../../src/compute/speed.ts';
import { kernelId } from '../../../src/kernel/contract.ts';
import { KERNELS } from '../../../src/kernel/registry.ts';
import { silentLogger, testClock } from '../../oracles/test-clock.ts';

const js = new JsExecutor();

/** The reference with one bit of every gemm output wrong. */
const liar: Executor = {
  backend: { name: 'cpu/wrong', kernels: js.backend.kernels },
  run: async (request, options) => {
    const results = await js.run(request, options);
    if (request.kernel === 'gemm.f32@1') results[0]!.outputs[0]!.content[0]! ^= 1;
    return results;
  },
};

test('golden digests are those of the vectors, one per case, every kernel covered', async () => {
  const file = new URL('../../vectors/kernels.json', import.meta.url);
  const { golden } = JSON.parse(await readFile(file, 'utf8'));
  assert.deepEqual(GOLDEN_DIGESTS, golden);
  const cases = selftestCases();
  assert.deepEqual(cases.map(({ name }) => name).sort(), Object.keys(golden).sort());
  const covered = new Set(cases.map(({ request }) => request.kernel));
  for (const kernel of KERNELS) assert.ok(covered.has(kernelId(kernel)));
});

test('one wrong bit fails exactly the cases of its kernel', async () => {
  const rows = await runSelftest(liar);
  for (const { kernel, ok, backend } of rows) {
    assert.equal(ok, kernel !== 'gemm.f32@1');
    assert.equal(backend, 'cpu/wrong');
  }
});

test('an executor that fails is reported, not thrown', async () => {
  const broken: Executor = {
    backend: js.backend,
    run: () => Promise.reject(new KadreError({ code: 'RUNNER_FAILED' }, 'gone')),
  };
  for (const row of await runSelftest(broken)) {
    assert.ok(!row.ok);
    assert.equal(row.actual, 'RUNNER_FAILED: gone');
  }
});

test('kernels that an executor lacks are not tested', async () => {
  const rows = await runSelftest({ ...liar, backend: { name: 'cpu/some', kernels: ['noop@1'] } });
  assert.deepEqual([...new Set(rows.map(({ kernel }) => kernel))], ['noop@1']);
});

/** An executor on whose clock a run takes `msOf(run)`; and which runs of a kernel it was given. */
function timed(name: string, msOf: (run: number) => number) {
  let nowMs = 0;
  const runs: string[] = [];
  const executor: Executor = {
    backend: { name, kernels: ['gemm.f32@1', 'noop@1', 'later@1'] },
    run: async ({ kernel }) => {
      nowMs += msOf(runs.filter((each) => each === kernel).length);
      runs.push(kernel);
      return [];
    },
  };
  const clock = { monotonicMs: () => nowMs };
  const gemmRuns = () => runs.filter((kernel) => kernel === 'gemm.f32@1').length;
  return { executor, clock, gemmRuns };
}

test('speed is measured on growing samples while the next one fits into the time', async () => {
  // The unmeasured run and the first sample take 1 ms, every next sample 8 times as long.
  const { executor, clock, gemmRuns } = timed('cpu/some', (run) => 8 ** Math.max(0, run - 1));
  const speeds = await measureSpeed(executor, { clock, budgetMs: 64 });
  assert.deepEqual(Object.keys(speeds).sort(), ['gemm.f32@1', 'noop@1']);
  for (const speed of Object.values(speeds)) assert.ok(Number.isSafeInteger(speed) && speed > 0);
  assert.ok(clock.monotonicMs() <= 64, `${clock.monotonicMs()} ms`);
  assert.equal(gemmRuns(), 3);
  assert.equal(speeds['gemm.f32@1'], Math.round((2 * 128 ** 3 * 1000) / 8));
});

test('a sample that takes no longer than a smaller one lets larger ones follow', async () => {
  const { executor, clock, gemmRuns } = timed('cpu/some', () => 3);
  const speeds = await measureSpeed(executor, { clock, budgetMs: 64 });
  assert.equal(gemmRuns(), 7);
  assert.equal(speeds['gemm.f32@1'], Math.round((2 * 2048 ** 3 * 1000) / 3));
});

test('a device is measured for longer than a processor', async () => {
  const { executor, clock, gemmRuns } = timed('cuda/sm_90', (run) => 8 ** Math.max(0, run - 1));
  await measureSpeed(executor, { clock, budgetMs: 64 });
  assert.equal(gemmRuns(), 4);
});

test('every backend of this machine passes every case', async () => {
  const { rows, addonFailures } = await selftestAll({ clock: testClock, logger: silentLogger });
  for (const row of rows) assert.ok(row.ok, `${row.case} on ${row.backend}: ${row.actual}`);
  const backends = new Set(rows.map(({ backend }) => backend));
  const native = selftestCases().filter(({ request }) => NATIVE_KERNELS.includes(request.kernel));
  assert.equal(rows.length, selftestCases().length + (backends.size - 1) * native.length);
  assert.ok(backends.has('cpu/js'));
  assert.equal(backends.size > 1, addonFailures.length === 0);
});
