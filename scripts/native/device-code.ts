/**
 * Compiles the device code: by nvcc into machine code for each architecture and into PTX, else by
 * clang into PTX alone, else not at all, which is no failure (docs/adr/0161). Paths of the machine
 * that compiles do not reach the result: the same sources and compiler give the same bytes.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface DeviceCompiler {
  readonly kind: 'nvcc' | 'clang';
  readonly command: string;
  readonly version: string;
}

/** Machine code for these; every later architecture compiles the PTX of the newest. */
export const ARCHITECTURES = [75, 80, 86, 89, 90, 100, 120] as const;
/** The oldest one, and so the PTX that every driver's compiler can start from. */
const OLDEST = ARCHITECTURES[0];
/**
 * PTX version that drivers since CUDA 10.1 take. nvcc labels its text with its own version, which
 * only drivers of the same age accept; the instructions in it are old.
 */
const PTX_VERSION = '6.4';

/** Every operation is the one that was written (docs/protocol/numeric-contract.md). */
const NVCC_FLAGS = ['-std=c++17', '-O3', '-fmad=false', '-ftz=false', '-prec-div=true'];
const CLANG_FLAGS = ['-std=c++17', '-O3', '-ffp-contract=off', '-fdeclspec', '-nocudainc'];

/** `NVCC` and `CLANG` in the environment name other programs than those on the path. */
export async function findDeviceCompilers(): Promise<DeviceCompiler[]> {
  const found = [
    await probe('nvcc', process.env.NVCC ?? 'nvcc', /release [\d.]+/),
    await probe('clang', process.env.CLANG ?? 'clang++', /clang version [\d.]+/),
  ];
  return found.filter((compiler) => compiler !== undefined);
}

async function probe(
  kind: DeviceCompiler['kind'],
  command: string,
  pattern: RegExp,
): Promise<DeviceCompiler | undefined> {
  try {
    const { stdout } = await run(command, ['--version']);
    return { kind, command, version: `${kind} ${pattern.exec(stdout)?.[0].split(' ').at(-1)}` };
  } catch {
    return undefined;
  }
}

export interface DeviceCode {
  readonly compiler: DeviceCompiler;
  /** Preprocessor names for the addon: which files there are. */
  readonly defines: readonly string[];
  /** What ptxas says of registers and spills, per architecture; empty without nvcc. */
  readonly report: string;
}

/** Writes kernels.ptx, and with nvcc kernels.fatbin, into `out`. Throws when the compiler fails. */
export async function compileDeviceCode(
  compiler: DeviceCompiler,
  native: string,
  out: string,
): Promise<DeviceCode> {
  await writePtx(compiler, native, out);
  if (compiler.kind === 'clang') return { compiler, defines: ['-DKADRE_PTX'], report: '' };
  const report = await writeFatbin(compiler, native, out);
  return { compiler, defines: ['-DKADRE_FATBIN', '-DKADRE_PTX'], report };
}

async function writePtx(compiler: DeviceCompiler, native: string, out: string): Promise<void> {
  const file = join(out, 'kernels.ptx');
  const text = await ptxOf(compiler, native, { out, architecture: OLDEST });
  await writeFile(file, relabelled(text));
}

/** PTX text as the compiler writes it, for one architecture. */
export async function ptxOf(
  { kind, command }: DeviceCompiler,
  native: string,
  { out, architecture }: { readonly out: string; readonly architecture: number },
): Promise<string> {
  const source = join(native, 'cuda/kernels.cu');
  const file = join(out, `${kind}-${architecture}.ptx`);
  const flags =
    kind === 'nvcc'
      ? [...NVCC_FLAGS, '-ptx', `-arch=compute_${architecture}`]
      : [
          ...['-x', 'cuda', '--cuda-device-only', `--cuda-gpu-arch=sm_${architecture}`],
          ...[...CLANG_FLAGS, '-nocudalib', '-Wno-unknown-cuda-version', '-S'],
        ];
  await run(command, [...flags, source, '-o', file]);
  return readFile(file, 'utf8');
}

/** The same text under an older version number, unless it already has one. */
export function relabelled(ptx: string): string {
  return ptx.replace(/^\.version (\d+\.\d+)$/m, (line, version: string) =>
    Number(version) > Number(PTX_VERSION) ? `.version ${PTX_VERSION}` : line,
  );
}

async function writeFatbin(compiler: DeviceCompiler, native: string, out: string): Promise<string> {
  const known = await run(compiler.command, ['--list-gpu-code']);
  const codes = ARCHITECTURES.filter((each) => known.stdout.includes(`sm_${each}`));
  const newest = codes.at(-1) ?? OLDEST;
  const targets = [
    ...codes.map((each) => `arch=compute_${each},code=sm_${each}`),
    ...new Set([OLDEST, newest].map((each) => `arch=compute_${each},code=compute_${each}`)),
  ];
  const { stdout, stderr } = await run(compiler.command, [
    ...NVCC_FLAGS,
    ...['-fatbin', '-Xptxas', '-v'],
    ...targets.flatMap((target) => ['-gencode', target]),
    join(native, 'cuda/kernels.cu'),
    '-o',
    join(out, 'kernels.fatbin'),
  ]);
  return stdout + stderr;
}
