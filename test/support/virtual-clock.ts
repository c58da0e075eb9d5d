/**
 * A clock that moves only when a test says so, and a way to run a world on it: whatever is ready
 * runs first, then time jumps to the next timer.
 */
import assert from 'node:assert/strict';
import type { Clock, Timer } from '../../src/base/ports.ts';

interface Pending {
  readonly atMs: number;
  readonly sequence: number;
  readonly callback: () => void;
}

/** Turns of the event loop after which nothing in memory is still under way. */
const SETTLE_TURNS = 4;

export class VirtualClock implements Clock {
  readonly #epochMs: number;
  readonly #timers = new Set<Pending>();
  #nowMs = 0;
  #sequence = 0;

  constructor(epochMs = 1_800_000_000_000) {
    this.#epochMs = epochMs;
  }

  wallMs(): number {
    return this.#epochMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    this.#sequence += 1;
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets pass this much time, timer by timer, letting the world settle after each. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#next(); next !== undefined && next.atMs <= untilMs; next = this.#next()) {
      this.#fire(next);
      await settled();
    }
    this.#nowMs = untilMs;
  }

  /** Runs the world until the promise settles; gives what it gives. Fails after `limitMs`. */
  async run<T>(work: Promise<T>, limitMs = 600_000): Promise<T> {
    const untilMs = this.#nowMs + limitMs;
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    work.then(settle, settle);
    for (;;) {
      await settled();
      if (isSettled) return work;
      const next = this.#next();
      assert.ok(next !== undefined, 'nothing is left that could happen');
      assert.ok(next.atMs <= untilMs, `nothing came of it in ${limitMs} ms`);
      this.#fire(next);
    }
  }

  #next(): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.#timers) {
      const isSooner =
        first === undefined ||
        timer.atMs < first.atMs ||
        (timer.atMs === first.atMs && timer.sequence < first.sequence);
      if (isSooner) first = timer;
    }
    return first;
  }

  #fire(timer: Pending): void {
    this.#timers.delete(timer);
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.callback();
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
