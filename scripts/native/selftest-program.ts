/**
 * Builds the self-test program for GPUs (src/native/gpu-selftest), which needs no Node to run.
 * Which device code it gets is the caller's choice, so that each compiler's can be tested.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compileUnits, findToolchain, kernelUnits } from '../build-native.ts';
import type { DeviceCompiler } from './device-code.ts';

const NATIVE = fileURLToPath(new URL('../../src/native', import.meta.url));
const SOURCES = ['main', 'bits', 'speed', 'faults'];

/** A few words on its device code. Throws without a C++ compiler. */
export async function buildSelftestProgram(
  file: string,
  deviceCompilers: readonly DeviceCompiler[],
): Promise<string> {
  const found = await findToolchain();
  if (found === undefined) throw new Error('no C++ compiler');
  const toolchain = { ...found, deviceCompilers };
  const units = SOURCES.map((name) => ({ source: `gpu-selftest/${name}.cc`, flags: [] }));
  await mkdir(dirname(file), { recursive: true });
  const work = await mkdtemp(`${file}-`);
  try {
    const { objects, deviceCode } = await compileUnits([...kernelUnits(process.arch), ...units], {
      native: NATIVE,
      work,
      toolchain,
    });
    const program = join(work, 'program');
    await promisify(execFile)(toolchain.compiler, [...objects, '-pthread', '-ldl', '-o', program]);
    await rename(program, file);
    return deviceCode;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
