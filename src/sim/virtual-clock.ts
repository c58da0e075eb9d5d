/**
 * Time that moves only from event to event. Everything that hangs on promises runs to its end
 * before the next event does, so a world on this clock has one order of things, given by its seed.
 */
import { assert } from '../base/errors.ts';
import type { Clock, Timer } from '../base/ports.ts';
import { EventHeap, type TimedEvent } from './event-heap.ts';

const EPOCH_MS = 1_800_000_000_000;

/** How one machine's clocks differ from the world's. */
export interface ClockSkew {
  /** Added to its wall clock. */
  readonly wallMs: number;
  /** Seconds that its clock counts per second; timers fire early when it runs fast. */
  readonly rate: number;
}

export class VirtualClock implements Clock {
  readonly #heap = new EventHeap();
  #nowMs = 0;
  #sequence = 0;
  #pending = 0;
  #fired = 0;

  wallMs(): number {
    return EPOCH_MS + Math.floor(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    this.#sequence += 1;
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const event: TimedEvent = { atMs, sequence: this.#sequence, run: callback };
    this.#heap.push(event);
    this.#pending += 1;
    return { cancel: () => this.#cancel(event) };
  }

  /** The clock of one machine; it sets timers only while that machine runs. */
  skewed({ wallMs, rate }: ClockSkew, isRunning: () => boolean): Clock {
    return {
      wallMs: () => EPOCH_MS + Math.floor(this.#nowMs * rate) + wallMs,
      monotonicMs: () => this.#nowMs * rate,
      setTimer: (delayMs, callback) =>
        this.setTimer(delayMs / rate, () => {
          if (isRunning()) callback();
        }),
    };
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#pending;
  }

  /** Timers that have fired so far. */
  get fired(): number {
    return this.#fired;
  }

  /** Lets pass this much time, event by event. */
  async advance(ms: number): Promise<void> {
    await this.runUntil(this.#nowMs + ms, () => false);
  }

  /** Runs the world until the promise settles; gives what it gives. Fails after `limitMs`. */
  async run<T>(work: Promise<T>, limitMs = 600_000): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    work.then(settle, settle);
    const untilMs = this.#nowMs + limitMs;
    const isDone = await this.runUntil(untilMs, () => isSettled);
    assert(isDone, `nothing came of it in ${limitMs} ms of virtual time`);
    return work;
  }

  /** Runs events until `done`; false when time is over or nothing is left that could happen. */
  async runUntil(untilMs: number, done: () => boolean): Promise<boolean> {
    await settled();
    while (!done()) {
      const next = this.#heap.first;
      if (next === undefined || next.atMs > untilMs) {
        if (untilMs !== Infinity) this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#heap.pop();
      if (next.run === undefined) continue;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      const { run } = next;
      next.run = undefined;
      this.#pending -= 1;
      this.#fired += 1;
      run();
      await settled();
    }
    return true;
  }

  #cancel(event: TimedEvent): void {
    if (event.run === undefined) return;
    event.run = undefined;
    this.#pending -= 1;
  }
}

/** Lets everything run that waits for nothing but its turn: one turn drains all promises. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
