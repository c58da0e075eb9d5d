/**
 * Gives memory back when a node has nothing to do. Starting up and working leave garbage that V8
 * keeps until it needs the room; one full collection in a quiet moment takes tens of milliseconds
 * and halves the idle node's memory. Never runs while plans are live.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock, Timer } from '../src/base/ports.ts';

export interface IdleTrimInit {
  /** Anything that stands for "work happened": a changed value means not idle. */
  readonly activity: () => number;
  readonly isBusy: () => boolean;
  /** Replaced in tests. */
  readonly collect?: () => void;
}

/** Quiet for this long counts as idle. */
const QUIET_MS = 2_000;
/** Collections per burst: what finalisers and code flushing free shows in the next one. */
const TRIMS = 2;

export class IdleTrim {
  readonly name = 'idle-trim';
  readonly #clock: Clock;
  readonly #init: IdleTrimInit;
  readonly #collect: () => void;
  #timer: Timer | undefined;
  #seen = -1;
  #left = TRIMS;

  constructor(components: { readonly clock: Clock }, init: IdleTrimInit) {
    this.#clock = components.clock;
    this.#init = init;
    this.#collect = init.collect ?? fullCollection();
  }

  async start(): Promise<void> {
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(QUIET_MS, () => {
      this.#look();
      this.#schedule();
    });
  }

  /** A few times per burst of work, when nothing happened since the last look. */
  #look(): void {
    const activity = this.#init.activity();
    const isQuiet = activity === this.#seen && !this.#init.isBusy();
    this.#seen = activity;
    if (!isQuiet) this.#left = TRIMS;
    else if (this.#left > 0) {
      this.#left -= 1;
      this.#collect();
    }
  }
}

/** V8's collector is not a Node API; the flag and a fresh context are the documented way to it. */
function fullCollection(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  // `last-resort` also returns freed pages to the system at once.
  return () => collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
