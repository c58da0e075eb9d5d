/**
 * The fake CUDA driver of src/native/fake-cuda: built once per content, and put in the way of
 * processes that open libcuda.so.1.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NATIVE = join(ROOT, 'src/native');
const SOURCES = ['libcuda', 'machine', 'memory', 'options', 'streams'];
const FLAGS = [
  ...['-std=c++17', '-O2', '-ffp-contract=off', '-fPIC', '-shared', '-pthread'],
  ...['-fvisibility=hidden', '-static-libstdc++', '-static-libgcc', '-DKADRE_FAKE_DEVICE'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-unknown-pragmas', '-x', 'c++'],
];

/** `old-driver` lacks a function; `no-barrier` has device code whose barriers do nothing. */
export type FakeVariant = 'whole' | 'old-driver' | 'no-barrier';

const DEFINES: Readonly<Record<FakeVariant, readonly string[]>> = {
  whole: [],
  'old-driver': ['-DKADRE_FAKE_OLD_DRIVER'],
  'no-barrier': ['-DKADRE_FAKE_NO_BARRIER'],
};

/** The folder with the library in it. */
export async function fakeCuda(variant: FakeVariant = 'whole'): Promise<string> {
  const flags = [...FLAGS, ...DEFINES[variant]];
  const folder = join(ROOT, 'build', `fake-cuda-${await digestOf(flags)}`);
  if (existsSync(folder)) return folder;
  await mkdir(join(ROOT, 'build'), { recursive: true });
  const draft = await mkdtemp(join(ROOT, 'build', 'fake-cuda-draft-'));
  const sources = SOURCES.map((name) => join(NATIVE, 'fake-cuda', `${name}.cc`));
  const script = `-Wl,--version-script=${join(NATIVE, 'fake-cuda/exports.map')}`;
  const out = join(draft, 'libcuda.so.1');
  await promisify(execFile)('g++', [...flags, ...sources, script, '-o', out]);
  // Another process may have been quicker; one of the two is enough.
  await rename(draft, folder).catch(() => rm(draft, { recursive: true, force: true }));
  return folder;
}

/** A folder whose libcuda.so.1 is no library: a machine without a driver, whatever it has. */
export async function noDriver(folder: string): Promise<string> {
  await writeFile(join(folder, 'libcuda.so.1'), 'no library');
  return folder;
}

/** What a process must be started with to find the library of this folder. */
export function environmentOf(folder: string, options = ''): Record<string, string> {
  return { LD_LIBRARY_PATH: folder, KADRE_FAKE_CUDA: options };
}

/** The same for every process that this one starts from now on. */
export function useFakeCuda(folder: string, options = ''): void {
  Object.assign(process.env, environmentOf(folder, options));
}

async function digestOf(flags: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(flags));
  for (const part of ['cuda', 'fake-cuda']) {
    for (const name of (await readdir(join(NATIVE, part))).sort()) {
      hash.update(`\0${name}\0`).update(await readFile(join(NATIVE, part, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
