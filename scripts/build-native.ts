/**
 * Builds the native addon to build/kadre.node, with g++ and two header packages, and with device
 * code for GPUs where nvcc or clang is there. Nothing is downloaded; when sources, flags and
 * compilers are those of the last build, nothing is done. A machine without a compiler is told
 * which packages to install and is no failure: every kernel also runs on the JavaScript backend
 * (docs/adr/0010-native-build.md). An installed package has this script compiled, because Node
 * strips no types under node_modules.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  ARCHITECTURES,
  compileDeviceCode,
  type DeviceCode,
  type DeviceCompiler,
  findDeviceCompilers,
} from './native/device-code.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const IS_SOURCE = import.meta.url.endsWith('.ts');
const ROOT = fileURLToPath(new URL(IS_SOURCE ? '..' : '../..', import.meta.url));
/** What a user types to run this script. */
const BUILD = IS_SOURCE ? 'npm run build:native' : `node ${fileURLToPath(import.meta.url)}`;

export interface Unit {
  /** Below src/native. */
  readonly source: string;
  readonly flags: readonly string[];
}

export interface Toolchain {
  readonly compiler: string;
  readonly version: string;
  readonly includes: readonly string[];
  /** In the order in which they are tried. */
  readonly deviceCompilers: readonly DeviceCompiler[];
}

export type NativeBuild =
  | { readonly state: 'built' | 'current'; readonly file: string; readonly message: string }
  | { readonly state: 'unavailable'; readonly message: string };

/** Every operation is the IEEE one that was written (docs/protocol/numeric-contract.md). */
const EXACT_FLAGS = ['-O3', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math'];
const COMMON_FLAGS = ['-std=c++17', '-fPIC', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror'];
const NAPI_FLAGS = ['-DNAPI_VERSION=9', '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS'];
const LINK_FLAGS = ['-shared', '-static-libstdc++', '-static-libgcc', '-pthread', '-Wl,-s'];

/** What each CPU variant is compiled with; its sources are named after it. */
const VARIANTS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  x64: {
    generic: [],
    avx2: ['-mavx2', '-mfma'],
    avx512: ['-mavx512f', '-mfma', '-mprefer-vector-width=512'],
  },
};

/**
 * One object file per unit. A further CPU variant (NEON, say) is one more line above with its own
 * instruction set, and its own KADRE_HAVE_ define.
 */
function variantsOf(folder: string, arch: string): Unit[] {
  const variants = Object.entries(VARIANTS[arch] ?? { generic: [] });
  return variants.map(([name, flags]) => ({ source: `${folder}/${name}.cc`, flags }));
}

const CUDA_SOURCES = [
  ...['channel', 'slot', 'shared-inputs', 'gpu'],
  ...['mandelbrot-call', 'calls', 'backend', 'driver'],
];

/**
 * Kernels on every backend. `cuda/` is host code: it opens the driver at run time, and device code
 * is bytes in `embed.S`.
 */
export function kernelUnits(arch: string): Unit[] {
  return [
    ...variantsOf('cpu', arch),
    ...CUDA_SOURCES.map((name) => ({ source: `cuda/${name}.cc`, flags: [] })),
    { source: 'cuda/embed.S', flags: [] },
  ];
}

/** The addon: kernels, the loops of codecs and rounds, and what makes functions of both. */
function unitsFor(arch: string): Unit[] {
  return [
    ...kernelUnits(arch),
    ...variantsOf('federated', arch),
    { source: 'federated/leaves.cc', flags: [] },
    { source: 'federated/binding.cc', flags: NAPI_FLAGS },
    { source: 'federated/round-binding.cc', flags: [...NAPI_FLAGS, '-pthread'] },
    { source: 'napi/task.cc', flags: NAPI_FLAGS },
    { source: 'napi/pool.cc', flags: ['-pthread'] },
    { source: 'napi/addon.cc', flags: NAPI_FLAGS },
  ];
}

const definesFor = (arch: string): string[] =>
  arch === 'x64' ? ['-DKADRE_HAVE_AVX2', '-DKADRE_HAVE_AVX512'] : [];

const NO_COMPILER = [
  'native build: no C++ compiler found; kernels will run on the slow JavaScript backend (cpu/js).',
  'To use native kernels install g++ and make (Debian, Ubuntu: apt install g++ make;',
  `Fedora: dnf install gcc-c++ make; Alpine: apk add g++ make), then: ${BUILD}`,
].join('\n');

/** Builds if needed. Throws only when a compiler is there and refuses our sources. */
export async function buildNative(root = ROOT): Promise<NativeBuild> {
  if (process.platform !== 'linux') {
    const message = `native build: not for ${process.platform} yet; kernels run on cpu/js`;
    return { state: 'unavailable', message };
  }
  const toolchain = await findToolchain();
  if (toolchain === undefined) return { state: 'unavailable', message: NO_COMPILER };
  const out = join(root, 'build');
  const file = join(out, 'kadre.node');
  const stampFile = join(out, 'kadre.node.stamp');
  const stamp = await stampOf(root, toolchain);
  const [known, exists] = await Promise.all([readText(stampFile), readText(file)]);
  if (known === stamp && exists !== undefined) {
    return { state: 'current', file, message: 'native build: up to date' };
  }
  await mkdir(out, { recursive: true });
  // A folder of its own: two builds at once may both finish, and the last rename wins whole.
  const work = await mkdtemp(join(out, 'native-'));
  let deviceCode = 'CPU only';
  try {
    deviceCode = await compile(root, work, toolchain);
    await rename(join(work, 'kadre.node'), file);
    await writeFile(stampFile, stamp);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return { state: 'built', file, message: `native build: ${deviceCode}, ${toolchain.version}` };
}

/** Says in a few words which device code is in it. */
async function compile(root: string, work: string, toolchain: Toolchain): Promise<string> {
  const native = join(root, 'src/native');
  const { objects, deviceCode } = await compileUnits(unitsFor(process.arch), {
    native,
    work,
    toolchain,
  });
  await run(toolchain.compiler, [
    ...LINK_FLAGS,
    `-Wl,--version-script=${join(native, 'napi/exports.map')}`,
    ...objects,
    '-o',
    join(work, 'kadre.node'),
  ]);
  return deviceCode;
}

export interface CompileInit {
  /** The folder src/native. */
  readonly native: string;
  /** Where objects and device code go. */
  readonly work: string;
  readonly toolchain: Toolchain;
}

/** Object files, in the order of the units, and a few words on the device code in them. */
export async function compileUnits(
  units: readonly Unit[],
  { native, work, toolchain }: CompileInit,
): Promise<{ readonly objects: readonly string[]; readonly deviceCode: string }> {
  const device = await deviceCodeOf(native, work, toolchain);
  const objectOf = (unit: Unit) => join(work, `${unit.source.replaceAll('/', '-')}.o`);
  await Promise.all(
    units.map((unit) =>
      run(toolchain.compiler, [
        ...COMMON_FLAGS,
        ...EXACT_FLAGS,
        ...definesFor(process.arch),
        ...(device.code?.defines ?? []),
        // Where embed.S finds the device code.
        `-Wa,-I${work}`,
        ...toolchain.includes.map((folder) => `-isystem${folder}`),
        ...unit.flags,
        '-c',
        join(native, unit.source),
        '-o',
        objectOf(unit),
      ]),
    ),
  );
  return { objects: units.map(objectOf), deviceCode: device.message };
}

/**
 * The first compiler that makes it; one that fails costs its device code and a line, not the CPU's.
 */
async function deviceCodeOf(
  native: string,
  work: string,
  { deviceCompilers }: Toolchain,
): Promise<{ readonly code?: DeviceCode; readonly message: string }> {
  const failures: string[] = [];
  for (const compiler of deviceCompilers) {
    try {
      const code = await compileDeviceCode(compiler, native, work);
      const target = compiler.kind === 'nvcc' ? `sm_${ARCHITECTURES.join(', ')}` : 'PTX';
      return { code, message: `CPU and CUDA (${target} by ${compiler.version})` };
    } catch (cause) {
      const { stderr = '', message } = cause as Error & { stderr?: string };
      const line = stderr.split('\n').find((text) => /error|fatal/i.test(text)) ?? message;
      failures.push(`${compiler.version} failed: ${line}`);
    }
  }
  return { message: ['CPU only', ...failures].join('; ') };
}

/** Undefined on a machine without a C++ compiler. */
export async function findToolchain(): Promise<Toolchain | undefined> {
  const includes = [
    dirname(require.resolve('node-addon-api/napi.h')),
    join(dirname(require.resolve('node-api-headers/package.json')), 'include'),
  ];
  for (const compiler of process.env.CXX ? [process.env.CXX] : ['g++', 'c++', 'clang++']) {
    try {
      const { stdout } = await run(compiler, ['--version']);
      const version = stdout.split('\n')[0] ?? compiler;
      return { compiler, version, includes, deviceCompilers: await findDeviceCompilers() };
    } catch {
      // Not installed under that name: the next one, or the message that says what to install.
    }
  }
  return undefined;
}

/** Changes when anything changes that the binary depends on. */
async function stampOf(root: string, toolchain: Toolchain): Promise<string> {
  const hash = createHash('sha256');
  const units = unitsFor(process.arch);
  const flags = [EXACT_FLAGS, COMMON_FLAGS, LINK_FLAGS, definesFor(process.arch), units];
  const compilers = [toolchain.version, ...toolchain.deviceCompilers.map((one) => one.version)];
  hash.update(JSON.stringify([process.arch, compilers, flags]));
  const native = join(root, 'src/native');
  const files = (await readdir(native, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    // The tests' own driver and the self-test program are no part of the addon.
    .filter((file) => !/\/(?:fake-cuda|gpu-selftest)\//.test(file))
    .sort();
  files.push(
    fileURLToPath(new URL(`native/device-code.${IS_SOURCE ? 'ts' : 'js'}`, import.meta.url)),
  );
  for (const file of [...files, ...(await headerPackages(toolchain))]) {
    hash
      .update(file.slice(root.length))
      .update('\0')
      .update(await readFile(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/** Their package.json files stand for the headers' content. */
async function headerPackages(toolchain: Toolchain): Promise<string[]> {
  const [addonApi, headers] = toolchain.includes as [string, string];
  return [join(addonApi, 'package.json'), join(headers, '../package.json')];
}

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'latin1').catch(() => undefined);
}

if (import.meta.main) {
  try {
    const build = await buildNative();
    if (build.state !== 'current') process.stderr.write(`${build.message}\n`);
  } catch (cause) {
    const output = (cause as { stderr?: string }).stderr ?? String(cause);
    process.stderr.write(`native build failed; kernels will run on cpu/js\n${output}\n`);
    process.exitCode = 1;
  }
}
