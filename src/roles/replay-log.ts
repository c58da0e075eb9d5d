/**
 * Everything that happened to one job, kept so that any number of readers can follow it from the
 * beginning. Bounded: beyond `max` events only the newest are kept, and readers are told.
 */
export class ReplayLog<T> {
  readonly #max: number;
  readonly #events: T[] = [];
  #dropped = 0;
  #closed = false;
  #wake: (() => void)[] = [];

  constructor(init: { readonly max: number }) {
    this.#max = init.max;
  }

  /** Events lost to the bound. */
  get dropped(): number {
    return this.#dropped;
  }

  push(event: T): void {
    if (this.#closed) return;
    if (this.#events.length >= this.#max) {
      this.#events.shift();
      this.#dropped += 1;
    }
    this.#events.push(event);
    this.#wakeAll();
  }

  /** No more events; readers end after the last one. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  /** From the first kept event on; leaving the loop is all it takes to stop. */
  async *follow(): AsyncGenerator<T, void, undefined> {
    for (let next = this.#dropped; ; next++) {
      while (next >= this.#dropped + this.#events.length) {
        if (this.#closed) return;
        await new Promise<void>((resolve) => this.#wake.push(resolve));
      }
      next = Math.max(next, this.#dropped);
      yield this.#events[next - this.#dropped]!;
    }
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}
