/** Arrays of the demo in `.npy` files. */
import { readFile } from 'node:fs/promises';
import { KadreError } from '../../src/base/errors.ts';
import { arrayOfBytes, bytesOfArray, dtypeOf, type NdArray } from '../../src/kernel/nd-array.ts';
import { npyHeader, parseNpy } from '../../src/kernel/npy.ts';
import { writeFilesAtomic } from '../../src/store/atomic-file.ts';

export function writeArray(file: string, array: NdArray): Promise<void> {
  const header = npyHeader({ dtype: dtypeOf(array.data)!, shape: array.shape });
  return writeFilesAtomic([{ file, parts: [header, bytesOfArray(array)] }]);
}

/** Errors: MALFORMED_FILE. */
export async function readArray(file: string): Promise<NdArray> {
  const parsed = parseNpy(new Uint8Array(await readFile(file)));
  if (!parsed.ok) {
    throw new KadreError({ code: 'MALFORMED_FILE' }, `${file}: ${parsed.detail ?? parsed.reason}`);
  }
  return arrayOfBytes(parsed.value, parsed.value.data);
}
