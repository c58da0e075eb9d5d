/**
 * A FIFO with a stated maximum. Whatever a stranger can fill is one of these; what happens at the
 * bound is chosen where the queue is made, and counted.
 */
import { KadreError } from './errors.ts';

export interface BoundedQueueInit {
  /** Entries held at most; >= 1. */
  readonly max: number;
  /** `reject`: push throws OVERLOADED. `drop-oldest`: the head makes room. */
  readonly overflow: 'reject' | 'drop-oldest';
}

export class BoundedQueue<T> {
  readonly #max: number;
  readonly #overflow: BoundedQueueInit['overflow'];
  #items: T[] = [];
  #head = 0;
  #dropped = 0;

  constructor(init: BoundedQueueInit) {
    this.#max = init.max;
    this.#overflow = init.overflow;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Entries lost to the bound since creation (`drop-oldest` only). */
  get dropped(): number {
    return this.#dropped;
  }

  push(item: T): void {
    if (this.size >= this.#max) {
      if (this.#overflow === 'reject') {
        throw new KadreError({ code: 'OVERLOADED', data: { max: this.#max } }, 'queue is full');
      }
      this.shift();
      this.#dropped += 1;
    }
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#head += 1;
    // Reclaim the consumed front once it dominates, so that shift stays O(1) amortised.
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
