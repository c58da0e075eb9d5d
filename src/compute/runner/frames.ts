/**
 * Frames between a node and its runner process over one socket: 16 bytes of header, then a body of
 * raw bytes. Internal to one version of the code: both ends are started together.
 *
 *   u32 kind ‖ u32 job ‖ u64 body bytes, little-endian
 */
export const FRAME_HEADER_BYTES = 16;

export const FRAME = {
  /** Node to runner: JSON `OpenedJob`; its input bytes follow as DATA. */
  open: 1,
  /** Node to runner: the next input bytes of the job, never across two runs. */
  data: 2,
  /** Node to runner: u32 little-endian shard numbers to run, in order. */
  run: 3,
  /** Node to runner: forget the job. */
  close: 4,
  /** Runner to node, once: JSON `RunnerReady`. */
  ready: 5,
  /** Runner to node: roots, then contents, of the shards of one RUN (`messages.ts`). */
  result: 6,
  /** Runner to node: JSON `RunnerFailure` of one RUN. */
  failure: 7,
} as const;

export interface FrameHeader {
  readonly kind: number;
  readonly job: number;
  readonly bytes: number;
}

export function frameHeader({ kind, job, bytes }: FrameHeader): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, kind, true);
  view.setUint32(4, job, true);
  view.setUint32(8, bytes >>> 0, true);
  view.setUint32(12, Math.floor(bytes / 2 ** 32), true);
  return header;
}

export interface FrameReceiver {
  /**
   * Where a frame's body goes: exactly `header.bytes` long. Undefined refuses the frame, and with
   * it everything that follows: the reader stops.
   */
  allocate(header: FrameHeader): Uint8Array | undefined;
  receive(header: FrameHeader, body: Uint8Array): void;
}

/** Cuts a byte stream into frames, copying each body once, to its destination. */
export class FrameReader {
  readonly #receiver: FrameReceiver;
  readonly #headerBytes = new Uint8Array(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  #header: FrameHeader | undefined;
  #body: Uint8Array = this.#headerBytes;
  #bodyFilled = 0;
  #refused = false;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** False once a frame has been refused; nothing after it is read. */
  push(chunk: Uint8Array): boolean {
    let at = 0;
    while (!this.#refused) {
      if (this.#header === undefined) {
        at += this.#fillHeader(chunk, at);
        if (this.#headerFilled < FRAME_HEADER_BYTES) break;
        this.#beginBody();
      } else {
        const taken = chunk.subarray(at, at + this.#header.bytes - this.#bodyFilled);
        this.#body.set(taken, this.#bodyFilled);
        this.#bodyFilled += taken.length;
        at += taken.length;
        if (this.#bodyFilled < this.#header.bytes) break;
        this.#endBody(this.#header);
      }
    }
    return !this.#refused;
  }

  #fillHeader(chunk: Uint8Array, at: number): number {
    const taken = chunk.subarray(at, at + FRAME_HEADER_BYTES - this.#headerFilled);
    this.#headerBytes.set(taken, this.#headerFilled);
    this.#headerFilled += taken.length;
    return taken.length;
  }

  #beginBody(): void {
    const view = new DataView(this.#headerBytes.buffer);
    const header = {
      kind: view.getUint32(0, true),
      job: view.getUint32(4, true),
      bytes: view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32,
    };
    const body = this.#receiver.allocate(header);
    if (body === undefined || body.length !== header.bytes) {
      this.#refused = true;
      return;
    }
    this.#header = header;
    this.#body = body;
    this.#bodyFilled = 0;
  }

  #endBody(header: FrameHeader): void {
    this.#header = undefined;
    this.#headerFilled = 0;
    this.#receiver.receive(header, this.#body);
  }
}
