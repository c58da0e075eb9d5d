/**
 * Everything that happened to one job, kept so that any number of readers can follow it from the
 * beginning. Bounded: beyond `max` events only the newest are kept, and readers are told.
 */
import type { SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';

export interface FollowOptions extends SignalOption {
  /** False: what happened so far, without waiting for more. */
  readonly follow?: boolean;
}

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

  /** From the first kept event on; leaving the loop stops watching. Errors: INTERRUPTED. */
  async *follow(options: FollowOptions = {}): AsyncGenerator<T, void, undefined> {
    const { signal, follow = true } = options;
    for (let next = this.#dropped; ; next++) {
      while (next >= this.#dropped + this.#events.length) {
        throwIfAborted(signal);
        if (this.#closed || !follow) return;
        await this.#next(signal);
      }
      next = Math.max(next, this.#dropped);
      yield this.#events[next - this.#dropped]!;
    }
  }

  /** Resolves when something happened, or the reader is called off. */
  #next(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      signal?.addEventListener('abort', wake, { once: true });
      this.#wake.push(wake);
    });
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}
