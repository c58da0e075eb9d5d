/**
 * Handles over a simulated world: while a caller waits for something of theirs, the world runs;
 * while nobody waits, its time stands still. The handles themselves are the real ones.
 */
import type { VirtualClock } from '../sim/virtual-clock.ts';

export class Driver {
  readonly #clock: VirtualClock;
  #waiting = 0;
  #isRunning = false;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Lets the world run until the work settles. */
  async until<T>(work: Promise<T>): Promise<T> {
    this.#waiting += 1;
    if (!this.#isRunning) void this.#run();
    try {
      return await work;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** The same object, whose promises and iterations drive the world; handles it gives do, too. */
  handle<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_, key) => {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== 'function') return member;
        return (...call: unknown[]) => this.#driven(Reflect.apply(member, target, call));
      },
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    await this.#clock.runUntil(Infinity, () => this.#waiting === 0);
    this.#isRunning = false;
  }

  #driven(result: unknown): unknown {
    if (result instanceof Promise) {
      return this.until(result).then((value) => (isHandle(value) ? this.handle(value) : value));
    }
    return isHandle(result) ? this.handle(result) : result;
  }
}

/** Results are plain data; what can be disposed of or iterated is a handle. */
function isHandle(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncDispose in value || Symbol.asyncIterator in value;
}
