import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildNative } from '../../../scripts/build-native.ts';
import { loadAddon } from '../../../src/compute/addon.ts';
import { chooseBackends } from '../../../src/compute/choose-backends.ts';
import { backendFor } from '../../../src/compute/executor.ts';
import type { KernelBackend } from '../../../src/compute/kernel-call.ts';
import { sampleRequest } from '../../../src/compute/kernels/kernel-code.ts';
import { NATIVE_KERNELS } from '../../../src/compute/kernels/table.ts';
import { LocalExecutor } from '../../../src/compute/local-executor.ts';
import { jsBackend } from '../../../src/compute/reference/js-backend.ts';
import { RunnerExecutor } from '../../../src/compute/runner/runner-executor.ts';
import { silentLogger, testClock } from '../../oracles/test-clock.ts';
import { writeWrongAddon } from '../../support/wrong-addon.ts';

/** The reference under another name, wrong on some kernels, without some others. */
function fake(name: string, wrong: readonly string[], absent: readonly string[] = []) {
  const backend: KernelBackend = {
    ...jsBackend,
    name,
    kernels: jsBackend.kernels.filter((kernel) => !absent.includes(kernel)),
    run: async (call) => {
      const outputs = await jsBackend.run(call);
      if (wrong.includes(call.kernel)) outputs[0]![0]! ^= 1;
      return outputs;
    },
  };
  return backend;
}

test('each kernel runs on the first backend that gives its golden digests', async () => {
  const first = fake('cpu/first', ['gemm.f32@1', 'map@1'], ['reduce@1']);
  const second = fake('cpu/second', ['map@1']);
  const { backend, runners, failures } = await chooseBackends([first, second, jsBackend]);
  assert.equal(backend.name, 'cpu/first');
  assert.deepEqual(backend.kernels, jsBackend.kernels);
  assert.deepEqual(backend.elsewhere, {
    'gemm.f32@1': 'cpu/second',
    'reduce@1': 'cpu/second',
    'map@1': 'cpu/js',
  });
  assert.equal(backendFor(backend, 'noop@1'), 'cpu/first');
  assert.equal(backendFor(backend, 'map@1'), 'cpu/js');
  const failed = new Set(failures.map((row) => `${row.backend} ${row.kernel}`));
  assert.deepEqual(
    failed,
    new Set(['cpu/first gemm.f32@1', 'cpu/first map@1', 'cpu/second map@1']),
  );
  const executor = new LocalExecutor({ backend, runners });
  assert.equal((await executor.run(sampleRequest({ kernel: 'mandelbrot@1' }))).length, 1);
});

test('a backend that fails everything lends its name to nothing', async () => {
  const { backend, failures } = await chooseBackends([
    fake('cpu/broken', jsBackend.kernels),
    jsBackend,
  ]);
  assert.deepEqual(backend, { name: 'cpu/js', kernels: jsBackend.kernels, elsewhere: {} });
  assert.deepEqual([...new Set(failures.map((row) => row.kernel))], jsBackend.kernels);
});

test('a kernel that fails everywhere is not offered at all', async () => {
  const { backend, runners } = await chooseBackends([fake('cpu/js', ['map@1'])]);
  assert.ok(!backend.kernels.includes('map@1') && !runners.has('map@1'));
  assert.equal(backend.kernels.length, jsBackend.kernels.length - 1);
});

const build = await buildNative();
if (build.state !== 'unavailable') {
  test('a runner whose addon gets a kernel wrong runs it elsewhere, and warns', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'kadre-wrong-'));
    context.after(() => rm(folder, { recursive: true, force: true }));
    const natives = (await loadAddon()).backends().filter(({ problem }) => problem === null);
    const best = natives[0]!.name;
    const file = join(folder, 'wrong.cjs');
    await writeWrongAddon(file, { addon: build.file, kernels: [2] });
    const warnings: string[] = [];
    const logger = {
      ...silentLogger,
      log: (level: string, event: string, data?: Record<string, unknown>) => {
        if (level === 'warn') warnings.push(`${event} ${data?.kernel} ${data?.backend}`);
      },
    };
    const runner = new RunnerExecutor({ clock: testClock, logger }, { addonFiles: [file] });
    await runner.start();
    context.after(() => runner.stop());
    assert.equal(runner.backend.name, best);
    const elsewhere = jsBackend.kernels.filter(
      (id) => id === 'mandelbrot@1' || !NATIVE_KERNELS.includes(id),
    );
    assert.deepEqual(
      runner.backend.elsewhere,
      Object.fromEntries(elsewhere.map((id) => [id, 'cpu/js'])),
    );
    assert.deepEqual(
      new Set(warnings),
      new Set(natives.map(({ name }) => `kernel-left-out mandelbrot@1 ${name}`)),
    );
    const request = sampleRequest({ kernel: 'mandelbrot@1', parameters: { width: 9, height: 9 } });
    assert.equal((await runner.run(request)).length, 1);
  });
}
