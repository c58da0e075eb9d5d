/**
 * The bytes of a write-ahead log: a file header, then one frame per durable group. What a scan
 * makes of damaged bytes is decided here. Defined by docs/protocol/wal.md.
 */
import { concatBytes, equalBytes, u32, u64, utf8 } from '../base/bytes.ts';
import { crc32c } from './crc32c.ts';

/** First bytes of every log: name and version. */
export const WAL_HEADER = concatBytes([utf8('KDRWAL'), Uint8Array.of(0, 1)]);
/** length u32, CRC-32C u32, sequence u64, type u8. */
const FRAME_HEADER_BYTES = 17;
/** Body bytes of one frame at most. */
export const FRAME_BODY_BYTES_MAX = 64 << 20;
const TYPE_GROUP = 1;

/** One frame: the records of a group stand or fall together. */
export function encodeFrame(sequence: number, records: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(records.flatMap((record) => [u32(record.length), record]));
  const checked = concatBytes([u64(sequence), Uint8Array.of(TYPE_GROUP), body]);
  return concatBytes([u32(body.length), u32(crc32c(checked)), checked]);
}

export type WalScan =
  | {
      readonly kind: 'usable';
      readonly records: readonly Uint8Array[];
      /** Sequence of the next frame. */
      readonly nextSequence: number;
      /** Bytes that are good; what follows is a torn tail, never acknowledged. */
      readonly goodBytes: number;
    }
  | { readonly kind: 'damaged'; readonly why: string };

/** Judges a whole file. A bad frame followed by a good later one is damage, not a torn tail. */
export function scanWal(file: Uint8Array): WalScan {
  if (file.length < WAL_HEADER.length) {
    return equalBytes(file, WAL_HEADER.subarray(0, file.length))
      ? { kind: 'usable', records: [], nextSequence: 0, goodBytes: 0 }
      : { kind: 'damaged', why: 'not a log' };
  }
  if (!equalBytes(file.subarray(0, WAL_HEADER.length), WAL_HEADER)) {
    return { kind: 'damaged', why: 'not a log of this version' };
  }
  const records: Uint8Array[] = [];
  let sequence = 0;
  let offset = WAL_HEADER.length;
  while (offset < file.length) {
    const frame = readFrame(file, offset);
    if (frame === undefined || frame.sequence !== sequence) break;
    const group = splitGroup(frame.body);
    if (group === undefined) return { kind: 'damaged', why: `bad group at byte ${offset}` };
    records.push(...group);
    offset = frame.end;
    sequence += 1;
  }
  if (hasLaterFrame(file, offset + 1, sequence)) {
    return { kind: 'damaged', why: `bad frame at byte ${offset}, good ones after it` };
  }
  return { kind: 'usable', records, nextSequence: sequence, goodBytes: offset };
}

interface Frame {
  readonly sequence: number;
  readonly body: Uint8Array;
  readonly end: number;
}

/** A whole, intact frame at `offset`, or undefined. */
function readFrame(file: Uint8Array, offset: number): Frame | undefined {
  if (offset + FRAME_HEADER_BYTES > file.length) return undefined;
  const view = new DataView(file.buffer, file.byteOffset + offset, FRAME_HEADER_BYTES);
  const length = view.getUint32(0);
  const end = offset + FRAME_HEADER_BYTES + length;
  if (length > FRAME_BODY_BYTES_MAX || end > file.length) return undefined;
  const high = view.getUint32(8);
  if (high >= 1 << 21 || view.getUint8(16) !== TYPE_GROUP) return undefined;
  if (crc32c(file.subarray(offset + 8, end)) !== view.getUint32(4)) return undefined;
  const sequence = high * 0x1_0000_0000 + view.getUint32(12);
  return { sequence, body: file.subarray(offset + FRAME_HEADER_BYTES, end), end };
}

/** True when an intact frame of this sequence or a later one starts at or after `from`. */
function hasLaterFrame(file: Uint8Array, from: number, sequence: number): boolean {
  for (let offset = from; offset + FRAME_HEADER_BYTES <= file.length; offset++) {
    const frame = readFrame(file, offset);
    if (frame !== undefined && frame.sequence >= sequence) return true;
  }
  return false;
}

function splitGroup(body: Uint8Array): Uint8Array[] | undefined {
  const records: Uint8Array[] = [];
  for (let offset = 0; offset < body.length; ) {
    if (offset + 4 > body.length) return undefined;
    const length = new DataView(body.buffer, body.byteOffset + offset, 4).getUint32(0);
    const end = offset + 4 + length;
    if (end > body.length) return undefined;
    // Copied: records outlive the file's buffer.
    records.push(new Uint8Array(body.subarray(offset + 4, end)));
    offset = end;
  }
  return records;
}
