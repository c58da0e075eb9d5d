/**
 * `.safetensors` files, strictly: a JSON header that names every tensor's type, shape and place,
 * then the bytes, tiled without gap or overlap (format: huggingface/safetensors, README,
 * "Format"). Of its types those that Kadre exchanges; written as that library writes: widest types
 * first, then by name, the header padded with spaces to 8 bytes.
 */
import { utf8 } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { DTYPE_BYTES, type Dtype } from './contract.ts';
import { type PlainJson, parsePlainJson } from './plain-json.ts';

export interface NamedTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** C order, little-endian; exactly the bytes of the shape. */
  readonly data: Uint8Array;
}

export interface Safetensors {
  /** In the order of their bytes. */
  readonly tensors: readonly NamedTensor[];
  /** The file's `__metadata__`, texts only. */
  readonly metadata: Readonly<Record<string, string>>;
}

const NAMES: Readonly<Record<string, Dtype>> = {
  F64: '<f8',
  I64: '<i8',
  U64: '<u8',
  F32: '<f4',
  I32: '<i4',
  U32: '<u4',
  I8: '|i1',
  U8: '|u1',
};
/** The library's order of types of one width: its own enumeration, backwards. */
const RANKS = ['<u8', '<i8', '<f8', '<f4', '<u4', '<i4', '|i1', '|u1'] as const;

const HEADER_BYTES_MAX = 16 * 1024 * 1024;
const TENSORS_MAX = 65_536;
const RANK_MAX = 32;
const METADATA_KEY = '__metadata__';

const malformed = (detail: string): Refusal => refuse('safetensors-malformed', 'reject', detail);

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Reasons: `safetensors-malformed`, `safetensors-unsupported` (a type that is not taken). */
export function parseSafetensors(file: Uint8Array): Checked<Safetensors> {
  if (file.length < 8) return malformed('shorter than a header length');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerBytes = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || headerBytes > HEADER_BYTES_MAX) {
    return malformed('a header of over 16 MiB');
  }
  const dataOffset = 8 + headerBytes;
  if (dataOffset > file.length) return malformed('the file ends inside its header');
  const header = parsePlainJson(file.subarray(8, dataOffset));
  if (header === undefined) return malformed('the header is no plain JSON object');
  const metadata = metadataOf(header.get(METADATA_KEY));
  if (metadata === undefined) return malformed('__metadata__ holds something but texts');
  header.delete(METADATA_KEY);
  if (header.size > TENSORS_MAX) return malformed(`over ${TENSORS_MAX} tensors`);
  const entries: Entry[] = [];
  for (const [name, fields] of header) {
    const entry = entryOf(name, fields);
    if (!entry.ok) return entry;
    entries.push(entry.value);
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at) return malformed(`${name} begins at ${begin}, not at ${at}`);
    at = end;
  }
  if (dataOffset + at !== file.length) {
    return malformed(`tensors of ${at} bytes, data of ${file.length - dataOffset}`);
  }
  const tensors = entries.map(({ name, dtype, shape, begin, end }) => {
    return { name, dtype, shape, data: file.subarray(dataOffset + begin, dataOffset + end) };
  });
  return accept({ tensors, metadata });
}

function metadataOf(value: PlainJson | undefined): Record<string, string> | undefined {
  if (value === undefined) return {};
  if (!(value instanceof Map)) return undefined;
  const entries = [...value].flatMap(([key, text]) =>
    typeof text === 'string' ? [[key, text]] : [],
  );
  return entries.length === value.size ? Object.fromEntries(entries) : undefined;
}

function entryOf(name: string, fields: PlainJson): Checked<Entry> {
  const no = (what: string) => malformed(`tensor ${JSON.stringify(name.slice(0, 80))}: ${what}`);
  if (!(fields instanceof Map) || fields.size !== 3) return no('not {dtype, shape, data_offsets}');
  const type = fields.get('dtype');
  const shape = fields.get('shape');
  const offsets = fields.get('data_offsets');
  if (typeof type !== 'string' || !isNumbers(shape) || !isNumbers(offsets)) {
    return no('not {dtype, shape, data_offsets}');
  }
  if (!Object.hasOwn(NAMES, type)) {
    return refuse('safetensors-unsupported', 'reject', `dtype ${type.slice(0, 16)}`);
  }
  const dtype = NAMES[type]!;
  if (shape.length > RANK_MAX || offsets.length !== 2) return no('shape or offsets');
  const [begin, end] = offsets as [number, number];
  const bytes = bytesOf(dtype, shape);
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    return no(`the shape needs ${bytes} bytes, the offsets give ${end - begin}`);
  }
  return accept({ name, dtype, shape, begin, end });
}

function isNumbers(value: PlainJson | undefined): value is number[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'number');
}

/** Factors that overflow 2^53 make the product unsafe for good: none is zero in between. */
function bytesOf(dtype: Dtype, shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((product, extent) => product * extent, DTYPE_BYTES[dtype]);
}

/** A whole file. Two tensors of one name, or data that is not of the shape, throw BAD_INPUT. */
export function writeSafetensors({ tensors, metadata }: Safetensors): Uint8Array {
  const sorted = tensors.toSorted(
    (a, b) => RANKS.indexOf(a.dtype) - RANKS.indexOf(b.dtype) || compareText(a.name, b.name),
  );
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) header.push([METADATA_KEY, metadata]);
  let at = 0;
  for (const { name, dtype, shape, data } of sorted) {
    if (name === METADATA_KEY || header.some(([other]) => other === name)) {
      throw new KadreError({ code: 'BAD_INPUT' }, `two tensors named ${name}`);
    }
    if (data.length !== bytesOf(dtype, shape)) {
      throw new KadreError({ code: 'BAD_INPUT' }, `${name}: ${data.length} bytes of [${shape}]`);
    }
    const type = Object.keys(NAMES).find((key) => NAMES[key] === dtype);
    header.push([name, { dtype: type, shape, data_offsets: [at, at + data.length] }]);
    at += data.length;
  }
  const text = utf8(`{${header.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)}}`);
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + at).fill(0x20, 8, 8 + headerBytes);
  new DataView(file.buffer).setUint32(0, headerBytes, true);
  file.set(text, 8);
  let offset = 8 + headerBytes;
  for (const { data } of sorted) {
    file.set(data, offset);
    offset += data.length;
  }
  return file;
}

/** By code point, as the library compares UTF-8. */
function compareText(a: string, b: string): number {
  const [left, right] = [utf8(a), utf8(b)];
  const at = left.findIndex((byte, i) => byte !== right[i]);
  return at === -1 ? left.length - right.length : left[at]! - (right[at] ?? -1);
}
