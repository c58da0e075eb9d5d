/**
 * Frames waiting to be written to one stream: a bounded FIFO that is also the source of the write
 * pipe. Everything queued within one turn of the event loop leaves as one chunk, because each chunk
 * costs a muxer frame and an encryption of its own.
 */
import { type Frame, type FrameKind, frameBytes, writeFrame } from './envelope.ts';

export interface OutboxInit {
  readonly framesMax: number;
  readonly bytesMax: number;
}

const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Chunks grow up to this size; a larger frame is a chunk by itself. */
const CHUNK_BYTES_TARGET = 64 * 1024;

export class Outbox implements AsyncIterable<Uint8Array> {
  readonly #framesMax: number;
  readonly #bytesMax: number;
  #frames: Frame[] = [];
  #head = 0;
  #bytes = 0;
  #closed = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  constructor(init: OutboxInit) {
    this.#framesMax = init.framesMax;
    this.#bytesMax = init.bytesMax;
  }

  get isFull(): boolean {
    return this.#frames.length - this.#head >= this.#framesMax || this.#bytes >= this.#bytesMax;
  }

  /** Queues a frame; false when the bound is reached or the box is closed. */
  offer(kind: FrameKind, id: number, body: Uint8Array): boolean {
    if (this.#closed || this.isFull) return false;
    this.put(kind, id, body);
    return true;
  }

  /** Queues a frame whatever the bound: for answers, whose number is bounded elsewhere. */
  put(kind: FrameKind, id: number, body: Uint8Array): void {
    if (this.#closed) return;
    this.#frames.push({ kind, id, body });
    this.#bytes += frameBytes(body.length);
    this.#wakeReader?.();
  }

  /** Resolves when there is room again, or when the box is closed. */
  async room(): Promise<void> {
    while (this.isFull && !this.#closed) {
      await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
    }
  }

  /** No more frames; what is queued is dropped. */
  close(): void {
    this.#closed = true;
    this.#frames = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#wakeReader?.();
    this.#wakeAllWriters();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    while (!this.#closed) {
      if (this.#head === this.#frames.length) {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
        this.#wakeReader = undefined;
        // What else this turn queues goes along: a write costs far more than the short wait.
        await endOfTurn();
        continue;
      }
      yield this.#takeChunk();
      this.#wakeAllWriters();
    }
  }

  #takeChunk(): Uint8Array {
    const first = this.#head;
    let bytes = 0;
    while (this.#head < this.#frames.length) {
      const next = frameBytes(this.#frames[this.#head]!.body.length);
      if (bytes > 0 && bytes + next > CHUNK_BYTES_TARGET) break;
      bytes += next;
      this.#head += 1;
    }
    const chunk = new Uint8Array(bytes);
    let at = 0;
    for (let i = first; i < this.#head; i++) at = writeFrame(chunk, at, this.#frames[i]!);
    this.#bytes -= bytes;
    if (this.#head === this.#frames.length || this.#head > 256) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    return chunk;
  }

  #wakeAllWriters(): void {
    const writers = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const wake of writers) wake();
  }
}
