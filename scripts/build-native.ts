/**
 * Builds the native addon to build/kadre.node, with g++ and two header packages and nothing else.
 * Nothing is downloaded; when sources, flags and compiler are those of the last build, nothing is
 * done. A machine without a compiler is told which packages to install and is no failure: every
 * kernel also runs on the JavaScript backend (docs/adr/0010-native-build.md).
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Unit {
  /** Below src/native. */
  readonly source: string;
  readonly flags: readonly string[];
}

interface Toolchain {
  readonly compiler: string;
  readonly version: string;
  readonly includes: readonly string[];
}

export type NativeBuild =
  | { readonly state: 'built' | 'current'; readonly file: string; readonly message: string }
  | { readonly state: 'unavailable'; readonly message: string };

/** Every operation is the IEEE one that was written (docs/protocol/numeric-contract.md). */
const EXACT_FLAGS = ['-O3', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math'];
const COMMON_FLAGS = ['-std=c++17', '-fPIC', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror'];
const NAPI_FLAGS = ['-DNAPI_VERSION=9', '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS'];
const LINK_FLAGS = ['-shared', '-static-libstdc++', '-static-libgcc', '-pthread', '-Wl,-s'];

const AVX2 = ['-mavx2', '-mfma'];
const AVX512 = ['-mavx512f', '-mfma', '-mprefer-vector-width=512'];

/**
 * One line per object file. A further CPU variant (NEON, say) is one more line with its own
 * instruction set and its own KADRE_HAVE_ define; device code becomes one embedded object.
 */
function unitsFor(arch: string): Unit[] {
  const variants: Unit[] =
    arch === 'x64'
      ? [
          { source: 'cpu/avx2.cc', flags: AVX2 },
          { source: 'cpu/avx512.cc', flags: AVX512 },
          { source: 'federated/avx2.cc', flags: AVX2 },
          { source: 'federated/avx512.cc', flags: AVX512 },
        ]
      : [];
  return [
    { source: 'cpu/generic.cc', flags: [] },
    ...variants,
    { source: 'federated/generic.cc', flags: [] },
    { source: 'federated/binding.cc', flags: NAPI_FLAGS },
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
  'Fedora: dnf install gcc-c++ make; Alpine: apk add g++ make), then: npm run build:native',
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
  try {
    await compile(root, work, toolchain);
    await rename(join(work, 'kadre.node'), file);
    await writeFile(stampFile, stamp);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return { state: 'built', file, message: `native build: CPU only, ${toolchain.version}` };
}

async function compile(root: string, work: string, toolchain: Toolchain): Promise<void> {
  const native = join(root, 'src/native');
  const units = unitsFor(process.arch);
  const objectOf = (unit: Unit) => join(work, `${unit.source.replaceAll('/', '-')}.o`);
  await Promise.all(
    units.map((unit) =>
      run(toolchain.compiler, [
        ...COMMON_FLAGS,
        ...EXACT_FLAGS,
        ...definesFor(process.arch),
        ...toolchain.includes.map((folder) => `-isystem${folder}`),
        ...unit.flags,
        '-c',
        join(native, unit.source),
        '-o',
        objectOf(unit),
      ]),
    ),
  );
  await run(toolchain.compiler, [
    ...LINK_FLAGS,
    `-Wl,--version-script=${join(native, 'napi/exports.map')}`,
    ...units.map(objectOf),
    '-o',
    join(work, 'kadre.node'),
  ]);
}

async function findToolchain(): Promise<Toolchain | undefined> {
  const includes = [
    dirname(require.resolve('node-addon-api/napi.h')),
    join(dirname(require.resolve('node-api-headers/package.json')), 'include'),
  ];
  for (const compiler of process.env.CXX ? [process.env.CXX] : ['g++', 'c++', 'clang++']) {
    try {
      const { stdout } = await run(compiler, ['--version']);
      return { compiler, version: stdout.split('\n')[0] ?? compiler, includes };
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
  hash.update(JSON.stringify([process.arch, toolchain.version, flags]));
  const native = join(root, 'src/native');
  const files = (await readdir(native, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
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
