import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildNative } from '../../../scripts/build-native.ts';
import { KadreError } from '../../../src/base/errors.ts';
import { type Addon, type AddonFailure, loadAddon } from '../../../src/compute/addon.ts';
import { nativeBackends } from '../../../src/compute/native-backend.ts';
import { fma } from '../../../src/compute/reference/fma.ts';
import { xorshift32 } from '../../../src/compute/sample-input.ts';

const run = promisify(execFile);
const build = await buildNative();

async function folder(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kadre-addon-'));
  context.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function failuresOf(files: readonly string[]): Promise<readonly AddonFailure[]> {
  try {
    await loadAddon({ files });
  } catch (cause) {
    assert.ok(cause instanceof KadreError && cause.code === 'ADDON_LOAD_FAILED');
    return cause.data.tried as AddonFailure[];
  }
  return assert.fail('an addon was loaded');
}

test('every failure is kept, with its remedy', async (context) => {
  const path = await folder(context);
  const garbage = join(path, 'garbage.node');
  await writeFile(garbage, 'not a shared object');
  const missing = join(path, 'missing.node');
  const tried = await failuresOf([missing, garbage]);
  assert.deepEqual(
    tried.map(({ file }) => file),
    [missing, garbage],
  );
  assert.equal(tried[0]!.reason, 'no such file');
  assert.match(tried[1]!.reason, /Error/);
  for (const { remedy } of tried) assert.match(remedy, /build:native/);
});

if (build.state === 'unavailable') {
  test('without a compiler there is no addon to test', () => assert.ok(build.message.length > 0));
} else {
  const binary = build.file;

  test('a binary that crashes costs a message, not this process', async (context) => {
    const path = await folder(context);
    const source = join(path, 'crash.c');
    const crash = join(path, 'crash.node');
    await writeFile(source, '__attribute__((constructor)) void f(void){__builtin_trap();}\n');
    await run('g++', ['-x', 'c', '-shared', '-fPIC', source, '-o', crash]);
    const [failure] = await failuresOf([crash]);
    assert.match(failure!.reason, /ended a test process with SIG/);
  });

  test('a good binary is probed once per content', async (context) => {
    const path = await folder(context);
    const file = join(path, 'kadre.node');
    await copyFile(binary, file);
    await loadAddon({ files: [join(path, 'missing.node'), file] });
    const stamps = (await readdir(path)).filter((name) => name.startsWith('kadre.probe-'));
    assert.equal(stamps.length, 1);
    await loadAddon({ files: [file] });
    assert.equal((await readdir(path)).length, 2);
  });

  test('native fmaf and the reference agree on a million patterns', async () => {
    const addon = await loadAddon();
    const count = 1_000_000;
    let number = 3;
    const words = [0, 1, 2, 3].map(() => new Uint32Array(count));
    for (let i = 0; i < count; i++) {
      for (const list of words.slice(0, 3)) {
        number = xorshift32(number);
        list[i] = number;
      }
      // Every other addend near the product, so that sums cancel.
      if (i % 2 === 1) words[2]![i] = (words[2]![i]! & 0x807fffff) | (((i >> 1) % 255) << 23);
    }
    const [a, b, c, out] = words.map((list) => new Float32Array(list.buffer));
    addon.fma(a!, b!, c!, out!);
    let different = 0;
    for (let i = 0; i < count; i++) {
      if (!Object.is(fma(a![i]!, b![i]!, c![i]!), out![i])) different += 1;
    }
    assert.equal(different, 0);
  });

  test('calls that do not fit their buffers are refused', async () => {
    const addon = await loadAddon();
    const bytes = (length: number) => new Uint8Array(length);
    const gemm = (extents: number[], inputs: Uint8Array[], outputs: Uint8Array[]) => () =>
      addon.runNow('cpu/generic', 1, extents, inputs, outputs);
    const [a, b, c] = [bytes(24), bytes(48), bytes(32)];
    gemm([2, 4, 3, 3, 4], [a, b], [c])();
    const bad = [
      gemm([3, 4, 3, 3, 4], [a, b], [c]),
      gemm([2, 4, 3, 3, 4], [bytes(20), b], [c]),
      gemm([2, 4, 3, 3, 4], [a, bytes(44)], [c]),
      gemm([2, 4, 3, 3, 4], [a, b], [bytes(36)]),
      gemm([2, 4, 3, 2, 4], [a, b], [c]),
      gemm([2 ** 40, 2 ** 40, 3, 3, 2 ** 40], [a, b], [c]),
      gemm([2.5, 4, 3, 3, 4], [a, b], [c]),
      gemm([-2, 4, 3, 3, 4], [a, b], [c]),
      gemm([2, 4, 3, 3, 4], [bytes(25).subarray(1), b], [c]),
      gemm([2, 4, 3, 3, 4], [a, b], []),
      () => addon.runNow('cpu/generic', 9, [], [], []),
      () => addon.runNow('cpu/none', 0, [1], [], [bytes(1)]),
    ];
    for (const call of bad) assert.throws(call, TypeError);
  });

  test('kernels keep their bits in a process whose rounding mode was changed', async (context) => {
    // What a library linked with -ffast-math does to a whole process: subnormals flushed.
    const path = await folder(context);
    const source = join(path, 'flush.c');
    const flush = join(path, 'flush.node');
    await writeFile(
      source,
      '#include <immintrin.h>\n__attribute__((constructor)) void f(void){_mm_setcsr(0x9fc0);}\n',
    );
    await run('g++', ['-x', 'c', '-shared', '-fPIC', source, '-o', flush]);
    const script = `
      try { process.dlopen({ exports: {} }, process.argv[1]); } catch {}
      const tiny = new Float64Array([5e-324, 1]);
      const addon = require(process.argv[2]);
      addon.startThreads(1);
      const bits = new Uint32Array([1]);
      const one = new Float32Array([1]);
      const bytes = (array) => new Uint8Array(array.buffer);
      const words = [];
      (async () => {
        for (const { name } of addon.backends()) {
          for (const how of ['runNow', 'run']) {
            const out = new Uint32Array(1);
            const operands = [[bytes(bits), bytes(one)], [bytes(out)]];
            await addon[how](name, 1, [1, 1, 1, 1, 1], ...operands);
            words.push(out[0]);
          }
        }
        console.log(JSON.stringify({ flushed: tiny[0] * tiny[1] === 0, words }));
      })();`;
    const { stdout } = await run(process.execPath, ['-e', script, flush, binary]);
    const { flushed, words } = JSON.parse(stdout) as { flushed: boolean; words: number[] };
    assert.ok(flushed, 'the process is poisoned');
    assert.ok(words.length >= 2 && words.every((word) => word === 1), JSON.stringify(words));
  });

  test('an addon none of whose backends works is refused, with the reasons', () => {
    const backends = () => [{ name: 'cpu/avx2', problem: 'fp-contraction' }];
    assert.throws(
      () => nativeBackends({ backends } as Partial<Addon> as Addon),
      (cause) => cause instanceof KadreError && /fp-contraction/.test(cause.message),
    );
  });

  test('the binary exports two symbols', async () => {
    const { stdout } = await run('nm', ['-D', '--defined-only', binary]);
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1));
    assert.deepEqual(names.sort(), [
      'napi_register_module_v1',
      'node_api_module_get_api_version_v1',
    ]);
  });

  test('a second build does nothing', async () => {
    const before = await readFile(`${binary}.stamp`, 'utf8');
    const again = await buildNative();
    assert.equal(again.state, 'current');
    assert.equal(await readFile(`${binary}.stamp`, 'utf8'), before);
  });
}

test('a machine without a compiler is told what to install, and that is no failure', async () => {
  const script = fileURLToPath(new URL('../../../scripts/build-native.ts', import.meta.url));
  const env = { ...process.env, CXX: '/nonexistent/g++' };
  const { stderr, stdout } = await run(process.execPath, [script], { env });
  assert.equal(stdout, '');
  assert.match(stderr, /apt install g\+\+ make/);
  assert.match(stderr, /cpu\/js/);
});
