/** `.npy` files for tests, made without the code under test's writer where that matters. */
import { readFile, writeFile } from 'node:fs/promises';
import { arrayOfBytes, bytesOfArray, type NdArray } from '../../src/kernel/nd-array.ts';
import { parseNpy, writeNpy } from '../../src/kernel/npy.ts';

export interface Matrix extends NdArray {
  readonly data: Float32Array;
  readonly shape: readonly [rows: number, columns: number];
}

/** Small whole numbers: every product and sum of them is exact in single precision. */
export function wholeMatrix(rows: number, columns: number, seed: number): Matrix {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => ((i * seed) % 17) - 8);
  return { data, shape: [rows, columns] };
}

/** c = a b by the schoolbook. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const [rows, inner] = a.shape;
  const columns = b.shape[1];
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a.data[i * inner + k]! * b.data[k * columns + j]!;
      data[i * columns + j] = sum;
    }
  }
  return { data, shape: [rows, columns] };
}

export async function saveMatrix(file: string, matrix: Matrix): Promise<void> {
  const { shape } = matrix;
  await writeFile(file, writeNpy({ dtype: '<f4', shape, data: bytesOfArray(matrix) }));
}

export async function loadArray(file: string): Promise<NdArray> {
  const parsed = parseNpy(new Uint8Array(await readFile(file)));
  if (!parsed.ok) throw new Error(`${file}: ${parsed.detail ?? parsed.reason}`);
  return arrayOfBytes(parsed.value, parsed.value.data);
}
