/** Which device code the addon gets, depending on the compilers of a machine. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildNative, findToolchain } from '../../scripts/build-native.ts';
import { findDeviceCompilers } from '../../scripts/native/device-code.ts';
import type { BackendCandidate } from '../../src/compute/addon.ts';
import { environmentOf, fakeCuda } from '../support/fake-cuda.ts';

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url));
const installed = await findDeviceCompilers();

/** A repository of its own that shares the sources, so that its build folder is its own too. */
async function freshRoot(context: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'kadre-build-'));
  context.after(() => rm(root, { recursive: true, force: true }));
  await symlink(SOURCES, join(root, 'src'));
  return root;
}

function useCompilers(context: TestContext, nvcc: string, clang: string): void {
  const { NVCC, CLANG } = process.env;
  Object.assign(process.env, { NVCC: nvcc, CLANG: clang });
  context.after(() => {
    for (const [name, value] of Object.entries({ NVCC, CLANG })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

async function cudaOf(file: string): Promise<BackendCandidate[]> {
  const script = 'console.log(JSON.stringify(require(process.argv[1]).backends(true)))';
  const env = { ...process.env, ...environmentOf(await fakeCuda()) };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, file], { env });
  const all = JSON.parse(stdout) as BackendCandidate[];
  assert.ok(all.some(({ name, problem }) => name.startsWith('cpu/') && problem === null));
  return all.filter(({ name }) => name.startsWith('cuda'));
}

if ((await findToolchain()) === undefined) {
  test('without a compiler nothing is built', async () => {
    assert.equal((await buildNative()).state, 'unavailable');
  });
} else {
  test('a broken nvcc and no clang: CPU only, with the reason', async (context) => {
    const root = await freshRoot(context);
    const nvcc = join(root, 'nvcc');
    await writeFile(
      nvcc,
      '#!/bin/sh\n[ "$1" = --version ] && echo "release 99.0" && exit 0\n' +
        'echo "fatal error: unsupported host compiler" >&2\nexit 1\n',
    );
    await chmod(nvcc, 0o755);
    useCompilers(context, nvcc, '/nonexistent/clang++');
    const build = await buildNative(root);
    assert.ok(build.state === 'built');
    assert.match(build.message, /CPU only; nvcc 99\.0 failed: fatal error: unsupported host/);
    assert.deepEqual(await cudaOf(build.file), [{ name: 'cuda/sm_90', problem: 'no-device-code' }]);
  });

  if (installed.some(({ kind }) => kind === 'clang')) {
    test('clang alone: PTX for the driver to compile', async (context) => {
      const root = await freshRoot(context);
      useCompilers(context, '/nonexistent/nvcc', process.env.CLANG ?? 'clang++');
      const build = await buildNative(root);
      assert.ok(build.state === 'built');
      assert.match(build.message, /CUDA \(PTX by clang/);
      assert.deepEqual(await cudaOf(build.file), [{ name: 'cuda/sm_90', problem: null }]);
    });
  }
}
