/**
 * Frames: what travels on every stream of Kadre's own protocols. A frame is a varint length, one
 * byte of kind, four bytes of correlation id and a body (docs/protocol/transport.md, "Frames").
 */
import { decode } from 'it-length-prefixed';
import { accept, type Checked, refuse } from '../base/verdict.ts';

export const FRAME_KINDS = {
  request: 1,
  response: 2,
  error: 3,
  message: 4,
  cancel: 5,
  /** First frame of a stream of its own: asks for a bulk answer. */
  open: 6,
  data: 7,
  end: 8,
} as const;

export type FrameKind = (typeof FRAME_KINDS)[keyof typeof FRAME_KINDS];

export interface Frame {
  readonly kind: FrameKind;
  readonly id: number;
  readonly body: Uint8Array;
}

export const FRAME_HEADER_BYTES = 5;
export const FRAME_ID_MAX = 0xffff_ffff;
const KIND_MAX = FRAME_KINDS.end;
const NOTHING = new Uint8Array(0);

/** Bytes that a frame with this body takes on the wire. */
export function frameBytes(bodyBytes: number): number {
  const payload = bodyBytes + FRAME_HEADER_BYTES;
  let prefix = 1;
  for (let rest = payload; rest >= 0x80; rest = Math.floor(rest / 0x80)) prefix += 1;
  return prefix + payload;
}

/** Writes one frame at `offset`; returns the offset after it. */
export function writeFrame(out: Uint8Array, offset: number, frame: Frame): number {
  let at = offset;
  let rest = frame.body.length + FRAME_HEADER_BYTES;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  out[at++] = frame.kind;
  out[at++] = frame.id >>> 24;
  out[at++] = frame.id >>> 16;
  out[at++] = frame.id >>> 8;
  out[at++] = frame.id;
  out.set(frame.body, at);
  return at + frame.body.length;
}

export function encodeFrame(kind: FrameKind, id: number, body: Uint8Array = NOTHING): Uint8Array {
  const out = new Uint8Array(frameBytes(body.length));
  writeFrame(out, 0, { kind, id, body });
  return out;
}

/** What the length-prefix decoder reads from and yields: one buffer, or a list of them. */
interface ByteList {
  readonly byteLength: number;
  slice(begin?: number, end?: number): Uint8Array;
}

export type StreamChunk = Parameters<typeof decode>[0] extends infer S
  ? S extends AsyncIterable<infer C>
    ? C
    : never
  : never;

/** Copies the body out, so that it never pins the larger buffer it arrived in. */
function parseFrame(bytes: ByteList): Checked<Frame> {
  if (bytes.byteLength < FRAME_HEADER_BYTES) return refuse('frame-too-short');
  const copy = bytes.slice(0);
  const kind = copy[0]!;
  if (kind < 1 || kind > KIND_MAX) return refuse('frame-kind-unknown');
  const id = new DataView(copy.buffer, copy.byteOffset).getUint32(1);
  return accept({ kind: kind as FrameKind, id, body: copy.subarray(FRAME_HEADER_BYTES) });
}

/**
 * A transform for it-pipe: bytes to checked frames. After the first refusal it ends, because what
 * follows a malformed frame cannot be framed. Only a broken source makes it throw; a cut in the
 * middle of a frame is such a break, not an offence.
 */
export function checkedFrames(bodyBytesMax: number) {
  return async function* frames(
    source: AsyncIterable<StreamChunk>,
  ): AsyncGenerator<Checked<Frame>, void, undefined> {
    const decoded = decode(source, {
      maxDataLength: bodyBytesMax + FRAME_HEADER_BYTES,
      maxLengthLength: 8,
    });
    try {
      for await (const bytes of decoded) {
        const frame = parseFrame(bytes);
        yield frame;
        if (!frame.ok) return;
      }
    } catch (cause) {
      const reason = lengthProblem(cause);
      if (reason === undefined) throw cause;
      yield refuse(reason);
    }
  };
}

/** The length-prefix decoder speaks by error code; these three are the sender's fault. */
function lengthProblem(cause: unknown): string | undefined {
  switch ((cause as { code?: unknown }).code) {
    case 'ERR_MSG_DATA_TOO_LONG':
      return 'frame-too-large';
    case 'ERR_INVALID_MSG_LENGTH':
    case 'ERR_MSG_LENGTH_TOO_LONG':
      return 'frame-length-malformed';
    default:
      return undefined;
  }
}
