/**
 * The self-test has teeth: in a copy of the native sources one operation of each kernel is changed
 * to one that looks the same on paper, and every variant must be caught on exactly those kernels.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildNative } from '../../scripts/build-native.ts';
import { loadAddon } from '../../src/compute/addon.ts';
import { LocalExecutor, onlyBackend } from '../../src/compute/local-executor.ts';
import { nativeBackends } from '../../src/compute/native-backend.ts';
import { runSelftest } from '../../src/compute/selftest.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Plant {
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
}

/** Each makes one rounding two, or moves one. */
const PLANTS: Readonly<Record<string, readonly Plant[]>> = {
  'gemm.f32@1': [
    {
      file: 'cpu/avx512.cc',
      right: 'acc[i][1] = _mm512_fmadd_ps(left, b1, acc[i][1]);',
      wrong: 'acc[i][1] = _mm512_add_ps(_mm512_mul_ps(left, b1), acc[i][1]);',
    },
    {
      file: 'cpu/avx2.cc',
      right: 'acc[i][0] = _mm256_fmadd_ps(left, b0, acc[i][0]);',
      wrong: 'acc[i][0] = _mm256_add_ps(_mm256_mul_ps(left, b0), acc[i][0]);',
    },
    {
      file: 'cpu/generic.cc',
      right: 'fmaf(left, right[j], acc[j])',
      wrong: 'left * right[j] + acc[j]',
    },
  ],
  'mandelbrot@1': [
    { file: 'portable/mandelbrot.h', right: '(xy + xy) + cy', wrong: 'xy + (xy + cy)' },
  ],
  'map@1': [{ file: 'cpu/map.h', right: 'return x / y;', wrong: 'return x * (1.0f / y);' }],
  'montecarlo.european@1': [
    {
      file: 'portable/math.h',
      right: 'p = fmaf(p * r, r, r) + 1.0f;',
      wrong: 'p = p * r * r + r + 1.0f;',
    },
  ],
  'reduce@1': [
    {
      file: 'cpu/reduce.h',
      right: 'fold_tree(x + at, length, level, fold)',
      wrong: 'fold(fold_tree(x + at, length, level, fold), x[at])',
    },
  ],
  'sha256.search@1': [
    { file: 'portable/sha256.h', right: 'kadre_rotate(e, 25)', wrong: 'kadre_rotate(e, 24)' },
  ],
};

async function plant(native: string, { file, right, wrong }: Plant): Promise<void> {
  const source = join(native, file);
  const text = await readFile(source, 'utf8');
  assert.equal(text.split(right).length, 2, `${file} has \`${right}\` once`);
  await writeFile(source, text.replace(right, wrong));
}

test('one changed operation per kernel is caught on every variant', async (context) => {
  const root = await mkdtemp(join(tmpdir(), 'kadre-planted-'));
  context.after(() => rm(root, { recursive: true, force: true }));
  await cp(join(ROOT, 'src/native'), join(root, 'src/native'), { recursive: true });
  for (const plants of Object.values(PLANTS)) {
    for (const one of plants) await plant(join(root, 'src/native'), one);
  }
  const build = await buildNative(root);
  if (build.state === 'unavailable') {
    assert.match(build.message, /cpu\/js/);
    return;
  }
  const addon = await loadAddon({ files: [build.file] });
  for (const backend of nativeBackends(addon, { threads: 1 })) {
    const rows = await runSelftest(new LocalExecutor(onlyBackend(backend)));
    const failed = new Set(rows.filter(({ ok }) => !ok).map(({ kernel }) => kernel));
    assert.deepEqual([...failed].sort(), Object.keys(PLANTS).sort(), backend.name);
  }
});
