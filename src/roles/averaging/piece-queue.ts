/**
 * Pieces of one part's mean on their way to a member's children: each is kept until all have it.
 */
import { abortable } from '../../base/signals.ts';

export class PieceQueue {
  readonly #length: number;
  readonly #readers: number;
  readonly #pieces: (Uint8Array | undefined)[] = [];
  readonly #taken: number[] = [];
  #reading: number;
  #changed = Promise.withResolvers<void>();
  readonly #drained = Promise.withResolvers<void>();

  /** `length` pieces for so many readers. */
  constructor(length: number, readers: number) {
    this.#length = length;
    this.#readers = readers;
    this.#reading = readers;
    if (length * readers === 0) this.#drained.resolve();
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(this.#readers === 0 ? undefined : piece);
    this.#taken.push(0);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** All pieces, for one reader. */
  async *read(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let at = 0; at < this.#length; at++) {
        while (at >= this.#pieces.length) await abortable(this.#changed.promise, signal);
        const piece = this.#pieces[at];
        // A reader beyond those that were counted: nothing is left for it.
        if (piece === undefined) return;
        this.#taken[at]! += 1;
        if (this.#taken[at] === this.#readers) this.#pieces[at] = undefined;
        yield piece;
      }
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) this.#drained.resolve();
    }
  }

  /** Settles when every reader has left, with every piece or without. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }
}
