/** Arrays as users hold them: a typed array and a shape; the dtype follows from the array type. */
import type { ContentSource } from '../base/ports.ts';
import type { ArraySpec, Dtype } from './contract.ts';

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Uint8Array;

export interface NdArray {
  /** C order. */
  readonly data: TypedArray;
  readonly shape: readonly number[];
}

/** An array whose bytes are read when they are needed, and need not fit into memory. */
export interface SourceArray {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** C order, little-endian. */
  readonly source: ContentSource;
}

/** An array as an input of a job. */
export type InputArray = NdArray | SourceArray;

const CONSTRUCTORS = {
  '<f4': Float32Array,
  '<f8': Float64Array,
  '<i4': Int32Array,
  '<i8': BigInt64Array,
  '<u4': Uint32Array,
  '<u8': BigUint64Array,
  '|i1': Int8Array,
  '|u1': Uint8Array,
} as const satisfies Record<Dtype, unknown>;

/** The dtype of a typed array; undefined for one that no kernel exchanges. */
export function dtypeOf(data: ArrayBufferView): Dtype | undefined {
  for (const [dtype, arrayType] of Object.entries(CONSTRUCTORS)) {
    if (data.constructor === arrayType || (dtype === '|u1' && data instanceof Uint8Array)) {
      return dtype as Dtype;
    }
  }
  return undefined;
}

/** Little-endian bytes of an array, without a copy. Kadre runs on little-endian machines only. */
export function bytesOfArray(array: NdArray): Uint8Array {
  return new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength);
}

/** An array over little-endian bytes; copies only when the bytes are not aligned for the type. */
export function arrayOfBytes(spec: Pick<ArraySpec, 'dtype' | 'shape'>, bytes: Uint8Array): NdArray {
  const arrayType = CONSTRUCTORS[spec.dtype];
  const unit = arrayType.BYTES_PER_ELEMENT;
  // Not `slice`: a Buffer's would be one more view of the same misaligned bytes.
  const aligned = bytes.byteOffset % unit === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset, byteLength } = aligned;
  return {
    data: new arrayType(buffer as ArrayBuffer, byteOffset, byteLength / unit),
    shape: spec.shape,
  };
}

/** The whole of it, in memory. Errors: INPUT_CHANGED. */
export async function inMemory(array: InputArray): Promise<NdArray> {
  if (!('source' in array)) return array;
  return arrayOfBytes(array, await array.source.read(0, array.source.bytes));
}
