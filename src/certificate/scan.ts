/**
 * One pass over the heads of an encoding before anything is decoded, so that a hostile file costs
 * no more than its bytes: no truncation, nothing behind the end, bounded depth and item count
 * (docs/protocol/certificate.md, section 5).
 */
import { accept, type Checked, refuse } from '../base/verdict.ts';

export interface ScanLimits {
  readonly depthMax: number;
  readonly itemsMax: number;
}

interface Head {
  readonly major: number;
  /** Value, length or count; -1 where the head is one that canonical DAG-CBOR never uses. */
  readonly argument: number;
  readonly bytes: number;
}

/** Bytes after the initial one, by its low five bits from 24 on. */
const ARGUMENT_BYTES = [1, 2, 4, 8] as const;

/** Reasons: `truncated`, `trailing-bytes`, `too-deep`, `too-many-items`, `malformed`. */
export function scanEncoding(encoded: Uint8Array, limits: ScanLimits): Checked<number> {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
  /** Items still to come at each depth. */
  const open: number[] = [1];
  let at = 0;
  let items = 0;
  while (open.length > 0) {
    if (open.at(-1) === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1]! -= 1;
    items += 1;
    if (items > limits.itemsMax) return refuse('too-many-items');
    const head = readHead(view, at);
    if (head === undefined) return refuse('truncated');
    at += head.bytes;
    if (head.argument < 0) return refuse('malformed', 'reject', `head at byte ${at - head.bytes}`);
    if (head.major === 2 || head.major === 3) {
      if (head.argument > encoded.length - at) return refuse('truncated');
      at += head.argument;
    } else if (head.major === 4 || head.major === 5) {
      if (open.length >= limits.depthMax) return refuse('too-deep');
      // A count beyond the file needs no check of its own: the heads run out.
      open.push(head.major === 4 ? head.argument : 2 * head.argument);
    }
  }
  return at === encoded.length ? accept(items) : refuse('trailing-bytes');
}

function readHead(view: DataView, at: number): Head | undefined {
  if (at >= view.byteLength) return undefined;
  const initial = view.getUint8(at);
  const major = initial >> 5;
  const low = initial & 31;
  if (low < 24) return { major, argument: allowed(major, low) ? low : -1, bytes: 1 };
  const size = ARGUMENT_BYTES[low - 24];
  // 28 to 30 are reserved, 31 is an indefinite length.
  if (size === undefined) return { major, argument: -1, bytes: 1 };
  if (at + 1 + size > view.byteLength) return undefined;
  const argument = major === 7 || !allowed(major, low) ? 0 : readArgument(view, at + 1, size);
  return { major, argument: allowed(major, low) ? argument : -1, bytes: 1 + size };
}

/** No tags (links have no place here); of the simple values false, true, null and doubles. */
function allowed(major: number, low: number): boolean {
  return major < 6 || (major === 7 && ((low >= 20 && low <= 22) || low === 27));
}

function readArgument(view: DataView, at: number, size: 1 | 2 | 4 | 8): number {
  if (size === 1) return view.getUint8(at);
  if (size === 2) return view.getUint16(at);
  if (size === 4) return view.getUint32(at);
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}
