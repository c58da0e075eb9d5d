/**
 * IDX files, the format of MNIST and its kin: two zero bytes, element type, rank, big-endian
 * extents, data. Only unsigned bytes are taken; exactly as many as the extents need.
 */
import { accept, type Checked } from '../../base/verdict.ts';
import { badData, type Dataset, datasetOf, VALUES_MAX } from './dataset.ts';

const UNSIGNED_BYTE = 0x08;
const RANK_MAX = 4;

export interface IdxArray {
  readonly shape: readonly number[];
  /** A view into the file's bytes. */
  readonly data: Uint8Array;
}

export function parseIdx(file: Uint8Array): Checked<IdxArray> {
  if (file.length < 4) return badData('the file ends inside its header');
  const [zero, still, type, rank] = file as unknown as [number, number, number, number];
  if (zero !== 0 || still !== 0) return badData('no IDX signature');
  if (type !== UNSIGNED_BYTE) return badData(`element type ${type}; only unsigned bytes are taken`);
  if (rank < 1 || rank > RANK_MAX) return badData(`${rank} dimensions`);
  const dataOffset = 4 + 4 * rank;
  if (file.length < dataOffset) return badData('the file ends inside its header');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (size > VALUES_MAX) return badData(`over ${VALUES_MAX} values`);
  if (file.length !== dataOffset + size) {
    return badData(`the shape needs ${size} bytes, the file has ${file.length - dataOffset}`);
  }
  return accept({ shape, data: file.subarray(dataOffset) });
}

/** Images or rows with one label each; values 0..255 become 0..1. */
export function datasetOfIdx(features: Uint8Array, labels: Uint8Array): Checked<Dataset> {
  const x = parseIdx(features);
  if (!x.ok) return x;
  const y = parseIdx(labels);
  if (!y.ok) return y;
  if (y.value.shape.length !== 1) return badData('labels have one dimension');
  if (x.value.shape[0] !== y.value.shape[0]) {
    return badData(`${x.value.shape[0]} rows and ${y.value.shape[0]} labels`);
  }
  return datasetOf(
    Float32Array.from(x.value.data, (byte) => byte / 255),
    Int32Array.from(y.value.data),
  );
}
