/**
 * A restarted member signs nothing new until enough others have said what they saw of its key. It
 * asks again, ever more slowly, until they have; a message from anybody shows that the network is
 * back, so that the next question need not wait. Design consensus.md section 1.10, step 2.
 */
import type { Clock, Timer } from '../base/ports.ts';
import type { Refusal } from '../base/verdict.ts';
import type { Message } from './messages.ts';
import type { SyncSeen } from './sync-seen.ts';

const RETRY_MS = 500;
const RETRY_MS_MAX = 30_000;

export interface ProbationComponents {
  readonly clock: Clock;
  readonly seen: SyncSeen;
  /** Every seat but ours. */
  readonly others: readonly number[];
  /** False once the question is settled, whichever way. */
  isOpen(): boolean;
  send(seat: number, message: Message): void;
  /** Our certificates: whoever answers may see that we lack some. */
  syncInfo(): Message;
  settle(how: 'cleared' | 'disowned'): void;
}

export class Probation {
  readonly #world: ProbationComponents;
  #timer: Timer | undefined;
  #askedMs = 0;

  constructor(components: ProbationComponents) {
    this.#world = components;
  }

  begin(): void {
    if (this.#world.isOpen()) this.#ask(RETRY_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A message of another member arrived. */
  heard(): void {
    const isSoon = this.#world.clock.monotonicMs() - this.#askedMs < RETRY_MS;
    if (!isSoon && this.#world.isOpen()) this.#ask(RETRY_MS);
  }

  /** What another member saw of our key; a refusal is its own. */
  async onSeen(from: number, answers: readonly Uint8Array[]): Promise<Refusal | undefined> {
    const { seen } = this.#world;
    if (!this.#world.isOpen()) return undefined;
    const judged = await seen.onSeen(from, answers);
    if (!judged.ok) return judged;
    if (judged.value === 'disowned') this.#world.settle('disowned');
    else if (seen.isCleared) this.#world.settle('cleared');
    return undefined;
  }

  #ask(retryMs: number): void {
    const { seen, others, clock, send, syncInfo } = this.#world;
    if (seen.isCleared) {
      this.#world.settle('cleared');
      return;
    }
    for (const seat of others) {
      if (seen.hasAnswered(seat)) continue;
      send(seat, { kind: 'want-seen' });
      send(seat, syncInfo());
    }
    this.#askedMs = clock.monotonicMs();
    this.#timer?.cancel();
    this.#timer = clock.setTimer(retryMs, () => {
      if (this.#world.isOpen()) this.#ask(Math.min(retryMs * 2, RETRY_MS_MAX));
    });
  }
}
