/** A counting semaphore with cancellation: at most `max` holders, the others wait in order. */
import { throwIfAborted } from '../base/signals.ts';

export class Slots {
  readonly #max: number;
  #held = 0;
  readonly #waiting = new Set<() => void>();

  constructor(max: number) {
    this.#max = max;
  }

  get isIdle(): boolean {
    return this.#held === 0 && this.#waiting.size === 0;
  }

  /** Resolves with the release function, which may be called once. */
  async take(signal?: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    if (this.#held < this.#max) {
      this.#held += 1;
    } else {
      // The releasing holder hands its slot over, so the count stays.
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => {
          this.#waiting.delete(granted);
          try {
            throwIfAborted(signal);
          } catch (cause) {
            reject(cause);
          }
        };
        const granted = () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        this.#waiting.add(granted);
      });
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#release();
    };
  }

  #release(): void {
    const next = this.#waiting.values().next();
    if (next.done) {
      this.#held -= 1;
      return;
    }
    this.#waiting.delete(next.value);
    next.value();
  }
}
