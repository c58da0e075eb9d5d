/**
 * `.npy` files, strictly: versions 1.0 to 3.0 are read, 1.0 with its data at a multiple of 64 is
 * written (contract.md, "Files"; format: NumPy's NEP 1 and numpy.lib.format). Only C order, only
 * the element types of the kernel contract, exactly as many bytes as the shape needs.
 */
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { type ArraySpec, arrayBytes, DTYPE_BYTES, DTYPES, type Dtype } from './contract.ts';
import { NpyHeaderReader } from './npy-header.ts';

export interface NpyArray {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** C order, little-endian; a view into the file's bytes. */
  readonly data: Uint8Array;
}

export interface NpyHeader {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Where the data starts in the file. */
  readonly dataOffset: number;
  readonly dataBytes: number;
}

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
/** Bytes of a header text that anyone can need here; NumPy itself stops at 10,000 by default. */
const HEADER_BYTES_MAX = 65_536;
/** A prefix of this many bytes of a file always holds its header, if it has an acceptable one. */
export const NPY_PREFIX_BYTES = 12 + HEADER_BYTES_MAX;
const RANK_MAX = 32;
const ALIGNMENT_BYTES = 64;

const malformed = (detail: string): Refusal => refuse('npy-malformed', 'reject', detail);
const unsupported = (detail: string): Refusal => refuse('npy-unsupported', 'reject', detail);

/**
 * Reasons: `npy-malformed` (not such a file, truncated, trailing bytes), `npy-unsupported` (a good
 * file of a kind that is not taken: another version, dtype or order).
 */
export function parseNpy(file: Uint8Array): Checked<NpyArray> {
  const header = parseNpyHeader(file, file.length);
  if (!header.ok) return header;
  const { dtype, shape, dataOffset, dataBytes } = header.value;
  return accept({ dtype, shape, data: file.subarray(dataOffset, dataOffset + dataBytes) });
}

/** Parses from a file's first bytes (NPY_PREFIX_BYTES, or all of a shorter file) and its size. */
export function parseNpyHeader(prefix: Uint8Array, fileBytes: number): Checked<NpyHeader> {
  if (!MAGIC.every((byte, i) => prefix[i] === byte)) return malformed('no .npy signature');
  if (prefix.length < 10) return malformed('the file ends inside its header');
  const [major, minor] = [prefix[6]!, prefix[7]!];
  if (major < 1 || major > 3 || minor !== 0) return unsupported(`version ${major}.${minor}`);
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const textOffset = major === 1 ? 10 : 12;
  if (prefix.length < textOffset) return malformed('the file ends inside its header');
  const textBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (textBytes > HEADER_BYTES_MAX) return malformed(`a header of ${textBytes} bytes`);
  const dataOffset = textOffset + textBytes;
  if (prefix.length < dataOffset) return malformed('the file ends inside its header');
  const fields = new NpyHeaderReader(prefix.subarray(textOffset, dataOffset)).read();
  if (fields === undefined) return malformed('the header is not the dictionary it must be');
  const array = arrayOf(fields.descr, fields.fortranOrder, fields.shape);
  if (!array.ok) return array;
  const dataBytes = arrayBytes(array.value);
  if (dataOffset + dataBytes !== fileBytes) {
    const found = fileBytes - dataOffset;
    return malformed(`the shape needs ${dataBytes} bytes of data, the file has ${found}`);
  }
  return accept({ ...array.value, dataOffset, dataBytes });
}

function arrayOf(
  descr: string | undefined,
  fortranOrder: boolean,
  shape: readonly number[],
): Checked<Pick<NpyHeader, 'dtype' | 'shape'>> {
  const dtype = DTYPES.find((known) => known === descr);
  if (dtype === undefined) {
    return unsupported(`dtype ${descr ?? 'structured'}; taken: ${DTYPES.join(' ')}`);
  }
  if (fortranOrder) return unsupported('Fortran order; save a C-ordered copy');
  if (shape.length > RANK_MAX) return unsupported(`${shape.length} dimensions`);
  let bytes = DTYPE_BYTES[dtype];
  for (const extent of shape) {
    bytes *= Math.max(extent, 1);
    if (!Number.isSafeInteger(bytes)) return malformed('the shape is too large');
  }
  return accept({ dtype, shape });
}

/** The header of a file whose data follows it: version 1.0, total a multiple of 64 bytes. */
export function npyHeader(array: Pick<ArraySpec, 'dtype' | 'shape'>): Uint8Array {
  const extents = array.shape.join(', ');
  const shape = array.shape.length === 1 ? `(${extents},)` : `(${extents})`;
  const text = `{'descr': '${array.dtype}', 'fortran_order': False, 'shape': ${shape}, }`;
  const used = 10 + text.length + 1;
  const total = Math.ceil(used / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const header = new Uint8Array(total).fill(0x20);
  header.set(MAGIC);
  header.set([1, 0, (total - 10) & 0xff, (total - 10) >> 8], 6);
  for (let i = 0; i < text.length; i++) header[10 + i] = text.charCodeAt(i);
  header[total - 1] = 0x0a;
  return header;
}

/** A whole file. `data` must have exactly the bytes of the shape. */
export function writeNpy(array: NpyArray): Uint8Array {
  const header = npyHeader(array);
  const file = new Uint8Array(header.length + array.data.length);
  file.set(header);
  file.set(array.data, header.length);
  return file;
}
