/**
 * Arrays named on the command line: `--in NAME=FILE.npy` read strictly, `--out NAME=FILE.npy`
 * planned before anything is sent (contract.md, "Files").
 */
import { open, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { KadreError } from '../../src/base/errors.ts';
import { suggestion } from '../../src/base/nearest-name.ts';
import { type ArraySpec, arrayBytes } from '../../src/kernel/contract.ts';
import {
  arrayOfBytes,
  bytesOfArray,
  dtypeOf,
  type InputArray,
  type NdArray,
} from '../../src/kernel/nd-array.ts';
import { npyHeader, parseNpy } from '../../src/kernel/npy.ts';
import { openArrayFile } from '../../src/sdk/array-file.ts';
import type { FileContent } from '../../src/store/atomic-file.ts';
import { callerFolder } from './parse-arguments.ts';

/** Larger files are read when peers ask for their bytes. */
const IN_MEMORY_BYTES_MAX = 16 * 2 ** 20;

export interface NamedFile {
  readonly name: string;
  /** As the user wrote it. */
  readonly given: string;
  /** Absolute. */
  readonly file: string;
}

/** `NAME=FILE` entries of one flag. Errors: USAGE (a name or a file twice). */
export function namedFiles(entries: readonly string[], flag: string): NamedFile[] {
  const named: NamedFile[] = [];
  for (const entry of entries) {
    const split = entry.indexOf('=');
    const [name, given] = [entry.slice(0, split), entry.slice(split + 1)];
    const file = resolve(callerFolder(), given);
    if (given === '') throw new KadreError({ code: 'USAGE' }, `--${flag} ${entry} names no file`);
    if (named.some((other) => other.name === name)) {
      throw new KadreError({ code: 'USAGE' }, `--${flag} ${name} was given twice`);
    }
    named.push({ name, given, file });
  }
  return named;
}

/** Errors: MALFORMED_FILE, with the reason of the strict parser or of the file system. */
export async function readArray(named: NamedFile): Promise<NdArray> {
  const bytes = await readBytes(named);
  const parsed = parseNpy(bytes);
  if (!parsed.ok) {
    const message = `${named.name}=${named.given}: ${parsed.detail ?? parsed.reason}`;
    throw new KadreError({ code: 'MALFORMED_FILE', data: { parsed: true } }, message);
  }
  const { dtype, shape, data } = parsed.value;
  return arrayOfBytes({ dtype, shape }, data);
}

/** As `readArray`; what is large stays in its file. Errors: MALFORMED_FILE. */
export async function openArray(named: NamedFile): Promise<InputArray> {
  const kind = await stat(named.file).catch(() => undefined);
  if (kind?.isFile() !== true || kind.size <= IN_MEMORY_BYTES_MAX) return readArray(named);
  return openArrayFile(named.file);
}

async function readBytes({ name, given, file }: NamedFile): Promise<Uint8Array> {
  try {
    const kind = await stat(file);
    if (!kind.isFile() && !kind.isFIFO()) throw new Error('not a file');
    const handle = await open(file, 'r');
    try {
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const message = `${name}=${given} cannot be read: ${(cause as Error).message}`;
    throw new KadreError({ code: 'MALFORMED_FILE', advice: 'check the path' }, message, { cause });
  }
}

/**
 * Whether the files can be written later: known names, no file twice, folders that exist, room for
 * the bytes. Errors: USAGE, DISK_FAILED.
 */
export async function checkTargets(
  outs: readonly NamedFile[],
  outputs: readonly ArraySpec[],
  certificate: string | undefined,
): Promise<void> {
  const names = outputs.map((output) => output.name);
  const unknown = outs.find(({ name }) => !names.includes(name));
  if (unknown !== undefined) {
    const advice = suggestion(unknown.name, names) || `its outputs: ${names.join(', ')}`;
    throw new KadreError({ code: 'USAGE', advice }, `no output \`${unknown.name}\``);
  }
  const files = [
    ...outs.map((out) => out.file),
    ...(certificate === undefined ? [] : [certificate]),
  ];
  const twice = files.find((file, i) => files.indexOf(file) !== i);
  if (twice !== undefined)
    throw new KadreError({ code: 'USAGE' }, `${twice} would be written twice`);
  for (const file of files) {
    const output = outputs.find(({ name }) => outs.some((o) => o.name === name && o.file === file));
    await checkTarget(file, output === undefined ? 0 : arrayBytes(output));
  }
}

async function checkTarget(file: string, bytes: number): Promise<void> {
  const folder = dirname(file);
  const kind = await stat(folder).catch(() => undefined);
  if (!kind?.isDirectory()) {
    const advice = 'make the folder first';
    throw new KadreError({ code: 'USAGE', advice }, `${folder} is no folder`);
  }
  const target = await stat(file).catch(() => undefined);
  if (target?.isDirectory()) throw new KadreError({ code: 'USAGE' }, `${file} is a folder`);
  const isPlain = target === undefined || target.isFile();
  const disk = isPlain ? await statfs(folder).catch(() => undefined) : undefined;
  if (disk !== undefined && disk.bavail * disk.bsize < bytes) {
    const room = disk.bavail * disk.bsize;
    const message = `${file} needs ${bytes} bytes, the disk has room for ${room}; nothing was sent`;
    throw new KadreError({ code: 'DISK_FAILED' }, message);
  }
}

/** A `.npy` file of an array, without copying its data. */
export function arrayFile(file: string, array: NdArray): FileContent {
  const dtype = dtypeOf(array.data);
  if (dtype === undefined) throw new Error('bug: an output of no known dtype');
  return { file, parts: [npyHeader({ dtype, shape: array.shape }), bytesOfArray(array)] };
}
