/**
 * Which members have fallen silent. Members of an idle cadre have nothing to say, so whoever was
 * not heard for a while is asked; whoever does not answer for longer than a node takes to restart
 * is silent. A member that hears hardly anybody is itself cut off, and blames nobody.
 */
import type { Clock, Timer } from '../base/ports.ts';

export interface SilenceComponents {
  readonly clock: Clock;
  /** Asks a member for something that every running one answers. */
  readonly probe: (seat: number) => void;
  /** Silent for SILENT_MS; said again while it stays so. */
  readonly onSilent: (seat: number) => void;
}

export interface SilenceInit {
  /** Every seat but ours. */
  readonly others: readonly number[];
  /** So many of them must be heard for the rest to be silent: q - 1. */
  readonly heardMin: number;
}

/** Unheard for this long, a member is asked, at every look. */
const PROBE_AFTER_MS = 12_000;
/** Longer than a node takes to restart and read its logs. */
const SILENT_MS = 30_000;
const LOOK_MS = 2_000;

export class SilenceWatch {
  readonly #components: SilenceComponents;
  readonly #init: SilenceInit;
  readonly #heardMs = new Map<number, number>();
  #timer: Timer | undefined;

  constructor(components: SilenceComponents, init: SilenceInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Nobody was missed so far; also for another cadre. */
  start(): void {
    const nowMs = this.#components.clock.monotonicMs();
    for (const seat of this.#init.others) this.#heardMs.set(seat, nowMs);
    this.#timer ??= this.#lookLater();
  }

  heard(seat: number): void {
    this.#heardMs.set(seat, this.#components.clock.monotonicMs());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #lookLater(): Timer {
    return this.#components.clock.setTimer(LOOK_MS, () => {
      this.#timer = this.#lookLater();
      this.#look();
    });
  }

  #look(): void {
    const { clock, probe, onSilent } = this.#components;
    const { others, heardMin } = this.#init;
    const nowMs = clock.monotonicMs();
    const unheardMs = (seat: number) => nowMs - (this.#heardMs.get(seat) ?? nowMs);
    const missed = others.filter((seat) => unheardMs(seat) >= PROBE_AFTER_MS);
    for (const seat of missed) probe(seat);
    if (others.length - missed.length < heardMin) return;
    for (const seat of missed) if (unheardMs(seat) >= SILENT_MS) onSilent(seat);
  }
}
