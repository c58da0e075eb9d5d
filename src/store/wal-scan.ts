/**
 * What a log's bytes mean after a crash. A power cut can only take from the last frame, and what it
 * takes is missing or reads as zeros; anything else that is wrong is damage to what was
 * acknowledged, and nothing may be signed from it. Rules: docs/protocol/wal.md, "Reading".
 */
import {
  FILE_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  isZero,
  readBody,
  readFileHeader,
  readFrameHeader,
  splitGroup,
  type WalPosition,
} from './wal-frames.ts';

/** The unit that disks write as a whole; larger ones consist of it. */
const SECTOR_BYTES = 512;

export type WalScan =
  | {
      readonly kind: 'usable';
      readonly records: readonly Uint8Array[];
      /** Undefined when the file has no whole header: it begins anew. */
      readonly salt: number | undefined;
      /** Sequence of the next frame. */
      readonly nextSequence: number;
      /** Bytes that are good; what follows is a torn tail, never acknowledged. */
      readonly goodBytes: number;
    }
  | { readonly kind: 'damaged'; readonly why: string };

/** Judges a whole file. */
export function scanWal(file: Uint8Array): WalScan {
  const header = readFileHeader(file);
  if (header.kind === 'foreign') return { kind: 'damaged', why: 'not a log of this version' };
  const records: Uint8Array[] = [];
  if (header.kind === 'cut-short') {
    return { kind: 'usable', records, salt: undefined, nextSequence: 0, goodBytes: 0 };
  }
  const { salt } = header;
  let nextSequence = 0;
  let offset = FILE_HEADER_BYTES;
  while (offset < file.length) {
    const frame = readFrameHeader(file, offset, salt);
    const isNext = frame?.sequence === nextSequence;
    const body = isNext ? readBody(file, frame) : undefined;
    if (frame === undefined || body === undefined) break;
    const group = splitGroup(body);
    if (group === undefined) return { kind: 'damaged', why: `bad group at byte ${offset}` };
    records.push(...group);
    offset = frame.end;
    nextSequence += 1;
  }
  if (offset < file.length && !isTorn(file, offset, { salt, sequence: nextSequence })) {
    return { kind: 'damaged', why: `bad frame at byte ${offset}` };
  }
  return { kind: 'usable', records, salt, nextSequence, goodBytes: offset };
}

/** True when the bad frame at `offset` is what a power cut makes of the last one. */
function isTorn(file: Uint8Array, offset: number, { salt, sequence }: WalPosition): boolean {
  const frame = readFrameHeader(file, offset, salt);
  if (frame === undefined) {
    const end = offset + FRAME_HEADER_BYTES;
    // How far the frame went is unknown, so intact ones may follow: then it was acknowledged.
    return lacksBytes(file, offset, end) && !hasLaterFrame(file, offset + 1, { salt, sequence });
  }
  if (frame.sequence !== sequence || file.length > frame.end) return false;
  return lacksBytes(file, offset, frame.end);
}

/**
 * True when a part of `from` to `to` (exclusive) was never written: the file ends before it, zeros
 * go on to the file's end, or what a sector holds of it is zeros.
 */
function lacksBytes(file: Uint8Array, from: number, to: number): boolean {
  if (file.length < to || isZero(file, to - 1, file.length)) return true;
  for (let at = from; at < to; at = nextSector(at)) {
    if (isZero(file, at, Math.min(nextSector(at), file.length))) return true;
  }
  return false;
}

const nextSector = (offset: number) => offset - (offset % SECTOR_BYTES) + SECTOR_BYTES;

/** True when an intact frame of this sequence or a later one starts at or after `from`. */
function hasLaterFrame(file: Uint8Array, from: number, { salt, sequence }: WalPosition): boolean {
  for (let offset = from; offset + FRAME_HEADER_BYTES <= file.length; offset++) {
    const frame = readFrameHeader(file, offset, salt);
    if (frame === undefined || frame.sequence < sequence) continue;
    if (readBody(file, frame) !== undefined) return true;
  }
  return false;
}
