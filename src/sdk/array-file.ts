/**
 * A `.npy` file as an input that stays where it is: only its header is read now, its data when
 * peers ask for it, so that it need not fit into memory.
 */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { KadreError } from '../base/errors.ts';
import type { SourceArray } from '../kernel/nd-array.ts';
import { NPY_PREFIX_BYTES, parseNpyHeader } from '../kernel/npy.ts';
import { fileSource } from '../store/file-source.ts';

/**
 * The file must stay as it is until the job has ended; otherwise the job fails with INPUT_CHANGED.
 * Errors: MALFORMED_FILE.
 *
 * @example
 * const b = await openArrayFile('b.npy');
 * await swarm.submit('gemm.f32@1', { inputs: { a, b } });
 */
export async function openArrayFile(path: string): Promise<SourceArray> {
  const file = resolve(path);
  try {
    const { prefix, bytes } = await beginningOf(file);
    const header = parseNpyHeader(prefix, bytes);
    if (!header.ok) throw new Error(header.detail ?? header.reason);
    const { dtype, shape, dataOffset, dataBytes } = header.value;
    const source = await fileSource({ file, offset: dataOffset, bytes: dataBytes });
    return { dtype, shape, source };
  } catch (cause) {
    const message = `${path}: ${(cause as Error).message}`;
    throw new KadreError({ code: 'MALFORMED_FILE', data: { parsed: true } }, message, { cause });
  }
}

async function beginningOf(file: string): Promise<{ prefix: Uint8Array; bytes: number }> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const prefix = new Uint8Array(Math.min(size, NPY_PREFIX_BYTES));
    const { bytesRead } = await handle.read(prefix, 0, prefix.length, 0);
    return { prefix: prefix.subarray(0, bytesRead), bytes: size };
  } finally {
    await handle.close();
  }
}
