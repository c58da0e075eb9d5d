/**
 * The bytes of a write-ahead log: a file header, then one frame per durable group. Defined by
 * docs/protocol/wal.md.
 */
import { concatBytes, u32, u64, utf8 } from '../base/bytes.ts';
import { crc32c } from './crc32c.ts';

/** First bytes of every log: name and version; the file's salt follows. */
const MAGIC = concatBytes([utf8('KDRWAL'), Uint8Array.of(0, 2)]);
export const FILE_HEADER_BYTES = MAGIC.length + 4;
/** type u8, length u32, sequence u64, then the checksums of header and body. */
const FIELDS_BYTES = 13;
export const FRAME_HEADER_BYTES = FIELDS_BYTES + 8;
/** Body bytes of one frame at most. */
export const FRAME_BODY_BYTES_MAX = 64 << 20;
/** First and last byte of a frame: not zero, as lost writes are, nor one flipped bit from it. */
const TYPE_GROUP = 0x47;
const END_MARK = 0xa5;

/** Where the next frame goes. */
export interface WalPosition {
  /** u32, drawn for each file: bytes that others chose never pass for a frame of it. */
  readonly salt: number;
  /** Frames before it. */
  readonly sequence: number;
}

export function encodeFileHeader(salt: number): Uint8Array {
  return concatBytes([MAGIC, u32(salt)]);
}

/** `cut-short`: a file whose creation did not end; `foreign`: another format or version. */
export type FileHeader =
  | { readonly kind: 'whole'; readonly salt: number }
  | { readonly kind: 'cut-short' }
  | { readonly kind: 'foreign' };

export function readFileHeader(file: Uint8Array): FileHeader {
  const differs = MAGIC.findIndex((byte, i) => file[i] !== byte);
  if (differs === -1 && file.length >= FILE_HEADER_BYTES) {
    return { kind: 'whole', salt: u32At(file, MAGIC.length) };
  }
  if (differs === -1) return { kind: 'cut-short' };
  // What was never written is missing or zeros, to the end of the file.
  return { kind: isZero(file, differs, file.length) ? 'cut-short' : 'foreign' };
}

/** One frame: the records of a group stand or fall together. */
export function encodeFrame(
  { salt, sequence }: WalPosition,
  records: readonly Uint8Array[],
): Uint8Array {
  const body = concatBytes(records.flatMap((record) => [u32(record.length), record]));
  const fields = concatBytes([Uint8Array.of(TYPE_GROUP), u32(body.length), u64(sequence)]);
  const headerSum = crc32c(fields, salt);
  const sums = [u32(headerSum), u32(crc32c(body, headerSum))];
  return concatBytes([fields, ...sums, body, Uint8Array.of(END_MARK)]);
}

export interface FrameHeader {
  readonly sequence: number;
  readonly bodyBytes: number;
  /** Offset behind the frame; the file may end before it. */
  readonly end: number;
  readonly headerSum: number;
  readonly bodySum: number;
}

/** An intact frame header at `offset`, or undefined; its body is not looked at. */
export function readFrameHeader(
  file: Uint8Array,
  offset: number,
  salt: number,
): FrameHeader | undefined {
  if (offset + FRAME_HEADER_BYTES > file.length || file[offset] !== TYPE_GROUP) return undefined;
  const headerSum = u32At(file, offset + FIELDS_BYTES);
  if (crc32c(file.subarray(offset, offset + FIELDS_BYTES), salt) !== headerSum) return undefined;
  const [bodyBytes, high] = [u32At(file, offset + 1), u32At(file, offset + 5)];
  if (bodyBytes > FRAME_BODY_BYTES_MAX || high >= 1 << 21) return undefined;
  const sequence = high * 0x1_0000_0000 + u32At(file, offset + 9);
  const bodySum = u32At(file, offset + FIELDS_BYTES + 4);
  return {
    sequence,
    bodyBytes,
    end: offset + FRAME_HEADER_BYTES + bodyBytes + 1,
    headerSum,
    bodySum,
  };
}

/** The body that the header promises, or undefined when the file holds another or not all of it. */
export function readBody(file: Uint8Array, header: FrameHeader): Uint8Array | undefined {
  const { bodyBytes, end } = header;
  if (file[end - 1] !== END_MARK) return undefined;
  const body = file.subarray(end - 1 - bodyBytes, end - 1);
  return crc32c(body, header.headerSum) === header.bodySum ? body : undefined;
}

/** The records of a body; undefined when their lengths do not fill it. */
export function splitGroup(body: Uint8Array): Uint8Array[] | undefined {
  const records: Uint8Array[] = [];
  for (let offset = 0; offset < body.length; ) {
    if (offset + 4 > body.length) return undefined;
    const end = offset + 4 + u32At(body, offset);
    if (end > body.length) return undefined;
    // Copied: records outlive the file's buffer.
    records.push(new Uint8Array(body.subarray(offset + 4, end)));
    offset = end;
  }
  return records;
}

/** True when bytes `from` to `to` (exclusive) are zeros; also when there are none. */
export function isZero(file: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (file[i] !== 0) return false;
  return true;
}

function u32At(file: Uint8Array, offset: number): number {
  return new DataView(file.buffer, file.byteOffset + offset, 4).getUint32(0);
}
