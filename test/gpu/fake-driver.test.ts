/**
 * Every path of the CUDA backends on this side of the driver, on the fake one: reasons, copies,
 * launches, memory, faults. What a real GPU does is the business of `npm run gpu-check`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { buildNative } from '../../scripts/build-native.ts';
import { KadreError } from '../../src/base/errors.ts';
import type { BackendCandidate } from '../../src/compute/addon.ts';
import { backendFor, type ExecutionRequest, type Executor } from '../../src/compute/executor.ts';
import { JsExecutor } from '../../src/compute/local-executor.ts';
import { RunnerExecutor, type RunnerInit } from '../../src/compute/runner/runner-executor.ts';
import { sampleFloats } from '../../src/compute/sample-input.ts';
import { selftestAll } from '../../src/compute/selftest-all.ts';
import { silentLogger, testClock } from '../oracles/test-clock.ts';
import { environmentOf, fakeCuda, noDriver, useFakeCuda } from '../support/fake-cuda.ts';

const build = await buildNative();

async function folder(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kadre-cuda-'));
  context.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function started(context: TestContext, init: RunnerInit): Promise<RunnerExecutor> {
  const executor = new RunnerExecutor({ clock: testClock, logger: silentLogger }, init);
  context.after(() => executor.stop());
  await executor.start();
  return executor;
}

function product(m: number, k: number, n: number): ExecutionRequest {
  const input = (name: string, rows: number, columns: number, seed: number) => ({
    name,
    shape: [rows, columns],
    segments: [{ offset: 0, bytes: sampleFloats('moderate', rows * columns, seed) }],
  });
  const inputs = [input('a', m, k, 7), input('b', k, n, 8)];
  return { kernel: 'gemm.f32@1', parameters: {}, inputs, shardCount: 1, shards: [0] };
}

async function contentOf(executor: Executor, request: ExecutionRequest): Promise<Buffer> {
  const [result] = await executor.run(request);
  return Buffer.from(result!.outputs[0]!.content);
}

const isCode = (code: string, pattern: RegExp) => (cause: unknown) =>
  cause instanceof KadreError && cause.code === code && pattern.test(cause.message);

if (build.state === 'unavailable') {
  test('without a compiler there is no addon to test', () => assert.ok(build.message.length > 0));
} else {
  const whole = await fakeCuda();

  const candidatesOf = async (library: string, options = ''): Promise<BackendCandidate[]> => {
    const script = 'console.log(JSON.stringify(require(process.argv[1]).backends(true)))';
    const env = { ...process.env, ...environmentOf(library, options) };
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, build.file], {
      env,
    });
    return JSON.parse(stdout) as BackendCandidate[];
  };
  const cudaOf = async (library: string, options = '') =>
    (await candidatesOf(library, options)).filter(({ name }) => name.startsWith('cuda'));

  test('every reason not to use a GPU is stated', async (context) => {
    const none = await noDriver(await folder(context));
    const old = await fakeCuda('old-driver');
    const cases: [library: string, options: string, name: string, problem: RegExp][] = [
      [none, '', 'cuda', /^no-driver$/],
      [old, '', 'cuda', /^driver-too-old: has no cuGetErrorName$/],
      [whole, 'init=100', 'cuda', /^no-device$/],
      [whole, 'devices=', 'cuda', /^no-device$/],
      [whole, 'init=803', 'cuda', /^init-failed: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH \(803\)$/],
      [whole, 'init=999', 'cuda', /^init-failed: unknown error \(999\)$/],
      [whole, 'devices=61', 'cuda/sm_61', /^device-too-old$/],
    ];
    for (const [library, options, name, problem] of cases) {
      const [cuda, ...more] = await cudaOf(library, options);
      assert.deepEqual(more, []);
      assert.equal(cuda?.name, name, options);
      assert.match(cuda.problem ?? '', problem);
    }
    const [, ...cpus] = await candidatesOf(none);
    assert.ok(cpus.some(({ name, problem }) => name === 'cpu/generic' && problem === null));
  });

  const hasDeviceCode = (await cudaOf(whole)).every(({ problem }) => problem !== 'no-device-code');
  if (!hasDeviceCode) {
    test('a build without nvcc and clang says so', async () => {
      const [cuda] = await cudaOf(whole);
      assert.deepEqual(cuda, { name: 'cuda/sm_90', problem: 'no-device-code' });
    });
  } else {
    deviceTests(whole, cudaOf);
  }
}

function deviceTests(
  whole: string,
  cudaOf: (library: string, options?: string) => Promise<BackendCandidate[]>,
): void {
  const js = new JsExecutor();
  const named = { backend: 'native', name: 'cuda/sm_90', threads: 3 } as const;

  test('code that a device cannot take is replaced by PTX, or is a reason', async () => {
    const works = { name: 'cuda/sm_90', problem: null };
    assert.deepEqual(await cudaOf(whole, 'fatbin=209'), [works]);
    const [cuda] = await cudaOf(whole, 'fatbin=209,ptx=209');
    assert.match(cuda?.problem ?? '', /^module-load-failed: CUDA_ERROR_NO_BINARY_FOR_GPU \(209\)$/);
  });

  test('one backend per architecture, newest first; the broken one keeps its reason', async () => {
    const names = (await cudaOf(whole, 'devices=75+120+75+61')).map(({ name }) => name);
    assert.deepEqual(names, ['cuda/sm_120', 'cuda/sm_75', 'cuda/sm_61']);
  });

  test('bands, ragged edges, both blockings: the bits of the reference', async (context) => {
    for (const options of ['seed=1', 'seed=2,pools=0', 'seed=3,devices=90+90']) {
      useFakeCuda(whole, options);
      const executor = await started(context, named);
      for (const request of [
        product(1, 1, 1),
        product(130, 37, 67),
        product(1100, 9, 520),
        product(5, 1000, 3),
      ]) {
        const expected = await contentOf(js, request);
        const shapes = JSON.stringify(request.inputs.map(({ shape }) => shape));
        assert.ok(expected.equals(await contentOf(executor, request)), `${options} ${shapes}`);
      }
    }
  });

  test('pictures: shards of odd extents, several bands, the bits of the reference', async (context) => {
    const log = join(await folder(context), 'log');
    useFakeCuda(whole, `seed=6,log=${log}`);
    const executor = await started(context, named);
    const view = (parameters: Record<string, number>, shardCount: number): ExecutionRequest => ({
      kernel: 'mandelbrot@1',
      parameters,
      inputs: [],
      shardCount,
      shards: Array.from({ length: shardCount }, (_, i) => i),
    });
    const deep = { x: -0.743643887037151, y: 0.13182590420533, span: 1e-13 };
    for (const request of [
      view({ width: 67, height: 23, maxIterations: 100 }, 5),
      view({ ...deep, width: 17, height: 9, maxIterations: 3000 }, 2),
      view({ width: 65_536, height: 19, maxIterations: 2 }, 1),
    ]) {
      const [results, expected] = [await executor.run(request), await js.run(request)];
      assert.deepEqual(
        results.map(({ outputs }) => outputs[0]!.root),
        expected.map(({ outputs }) => outputs[0]!.root),
      );
    }
    // Blocks, then width, height, first row, points, steps: bands of 2^20 points.
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    assert.deepEqual(lines.slice(-2), [
      '0 kadre_mandelbrot 8192 65536 19 0 1048576 2',
      '0 kadre_mandelbrot 1536 65536 19 16 196608 2',
    ]);
  });

  test('rows of more than one staging buffer are cut', async (context) => {
    // So many that the blocks are small: fewer threads to imitate.
    useFakeCuda(whole, 'seed=4,multiprocessors=100000');
    const executor = await started(context, named);
    const wide = product(1, 1, 1_048_579);
    assert.ok((await contentOf(js, wide)).equals(await contentOf(executor, wide)));
  });

  test('launches have the arguments of their band', async (context) => {
    const log = join(await folder(context), 'log');
    useFakeCuda(whole, `log=${log}`);
    const executor = await started(context, named);
    await executor.run(product(1100, 9, 520));
    await executor.run(product(70, 6, 65));
    // Device, function, blocks, then m, n, k, lda, ldb, ldc: rows are padded to 16 bytes.
    assert.deepEqual((await readFile(log, 'utf8')).trim().split('\n'), [
      '0 kadre_gemm_f32_128 35 896 520 9 12 520 520',
      '0 kadre_gemm_f32_128 10 204 520 9 12 520 520',
      '0 kadre_gemm_f32_64 4 70 65 6 8 68 68',
    ]);
  });

  test('several devices of one kind share the work', async (context) => {
    const log = join(await folder(context), 'log');
    useFakeCuda(whole, `devices=90+90,log=${log}`);
    const executor = await started(context, named);
    const request = { ...product(64, 8, 64), shardCount: 4, shards: [0, 1, 2, 3] };
    await executor.run(request);
    const devices = (await readFile(log, 'utf8')).match(/^\d/gm);
    assert.deepEqual([...new Set(devices)].sort(), ['0', '1']);
    assert.equal(executor.details.gpus.length, 2);
    assert.equal(executor.details.gpus[1]?.model, 'Fake GPU 1');
  });

  test('shards that run at the same time share the copy of b', async (context) => {
    const copies = join(await folder(context), 'copies');
    useFakeCuda(whole, `copies=${copies}`);
    const executor = await started(context, named);
    const request = { ...product(512, 64, 400), shardCount: 8, shards: [0, 1, 2, 3, 4, 5, 6, 7] };
    const results = await executor.run(request);
    const expected = await js.run(request);
    assert.deepEqual(
      results.map(({ outputs }) => outputs[0]!.root),
      expected.map(({ outputs }) => outputs[0]!.root),
    );
    const lines = (await readFile(copies, 'utf8')).trim().split('\n');
    const bytes = lines.reduce((sum, line) => sum + Number(line), 0);
    const [a, b] = [512 * 64 * 4, 64 * 400 * 4];
    assert.ok(bytes >= a + b && bytes < a + 8 * b, `${bytes} bytes`);
    context.diagnostic(`b was copied ${(bytes - a) / b} times for 8 shards`);
  });

  test('whoever shares a copy waits for it, whichever call goes first', async (context) => {
    useFakeCuda(whole, 'lazy=1');
    const executor = await started(context, named);
    for (let i = 0; i < 12; i++) {
      // A b of its own each time: 64 + i rows are another buffer.
      const request = { ...product(8, 64 + i, 64), shardCount: 4, shards: [0, 1, 2, 3] };
      const [results, expected] = [await executor.run(request), await js.run(request)];
      assert.deepEqual(
        results.map(({ outputs }) => outputs[0]!.root),
        expected.map(({ outputs }) => outputs[0]!.root),
      );
    }
  });

  test('a call that does not fit is refused by name, and runs on the CPU otherwise', async (context) => {
    useFakeCuda(whole, `memory=${300_000}`);
    const large = product(200, 200, 200);
    const executor = await started(context, named);
    await assert.rejects(executor.run(large), isCode('KERNEL_FAILED', /out-of-memory/));
    const small = product(60, 60, 60);
    assert.ok((await contentOf(js, small)).equals(await contentOf(executor, small)));
    const mixed = await started(context, { backend: 'auto' });
    assert.equal(backendFor(mixed.backend, 'gemm.f32@1'), 'cuda/sm_90');
    assert.ok((await contentOf(js, large)).equals(await contentOf(mixed, large)));
  });

  test('long calls take the GPU, short ones and noop the CPU', async (context) => {
    const log = join(await folder(context), 'log');
    useFakeCuda(whole, `log=${log}`);
    const executor = await started(context, { backend: 'auto' });
    assert.equal(backendFor(executor.backend, 'gemm.f32@1'), 'cuda/sm_90');
    assert.match(backendFor(executor.backend, 'noop@1'), /^cpu\//);
    const launches = async () => (await readFile(log, 'utf8')).trim().split('\n').length;
    const selftest = await launches();
    await executor.run(product(20, 20, 20));
    assert.equal(await launches(), selftest);
    await executor.run(product(150, 150, 150));
    assert.ok((await launches()) > selftest);
  });

  test('a GPU that computes something else is not used, and the self-test shows it', async (context) => {
    useFakeCuda(whole, 'wrong=1');
    const executor = await started(context, { backend: 'auto' });
    assert.match(backendFor(executor.backend, 'gemm.f32@1'), /^cpu\//);
    assert.deepEqual(executor.details.gpus, []);
    const [cuda] = executor.details.candidates;
    assert.match(cuda?.problem ?? '', /^selftest-failed: gemm/);
    const { rows } = await selftestAll({ clock: testClock, logger: silentLogger });
    const wrong = rows.filter((row) => !row.ok);
    assert.ok(wrong.length > 0);
    for (const row of wrong) assert.equal(row.backend, 'cuda/sm_90');
  });

  test('without permission no driver is opened; with it never in this process', async (context) => {
    useFakeCuda(whole);
    const mapsOf = (pid: number | string) => readFile(`/proc/${pid}/maps`, 'utf8');
    const cpu = await started(context, { backend: 'auto', gpu: false });
    assert.equal(cpu.backend.elsewhere?.['gemm.f32@1'], undefined);
    assert.doesNotMatch(await mapsOf(cpu.pid!), /libcuda/);
    const gpu = await started(context, { backend: 'auto' });
    assert.match(await mapsOf(gpu.pid!), /libcuda/);
    const { rows } = await selftestAll({ clock: testClock, logger: silentLogger });
    assert.ok(rows.some(({ backend, ok }) => backend === 'cuda/sm_90' && ok));
    assert.doesNotMatch(await mapsOf('self'), /libcuda/);
  });

  test('a sticky fault costs the process, and the next one is whole', async (context) => {
    const once = join(await folder(context), 'once');
    useFakeCuda(whole, `fault=2,once=${once}`);
    const executor = await started(context, named);
    const before = executor.pid;
    const request = product(40, 40, 40);
    await executor.run(request);
    await assert.rejects(
      executor.run(request),
      isCode('RUNNER_FAILED', /device-fault: CUDA_ERROR_ILLEGAL_ADDRESS \(700\)/),
    );
    assert.ok((await contentOf(js, request)).equals(await contentOf(executor, request)));
    assert.notEqual(executor.pid, before);
  });

  test('a hanging kernel is ended by its deadline', { timeout: 30_000 }, async (context) => {
    const once = join(await folder(context), 'once');
    useFakeCuda(whole, `hang=1,once=${once}`);
    const executor = await started(context, named);
    const before = executor.pid;
    const request = product(40, 40, 40);
    const run = executor.run(request, { signal: AbortSignal.timeout(200) });
    await assert.rejects(run, isCode('INTERRUPTED', /./));
    assert.ok((await contentOf(js, request)).equals(await contentOf(executor, request)));
    assert.notEqual(executor.pid, before);
  });

  test('the fake has teeth: without barriers the bits are wrong', async (context) => {
    useFakeCuda(await fakeCuda('no-barrier'), 'seed=5');
    const executor = await started(context, named);
    const request = product(70, 40, 70);
    assert.ok(!(await contentOf(js, request)).equals(await contentOf(executor, request)));
  });
}
