/**
 * A seeded world for consensus tests: virtual clock, event heap ordered by (time, sequence), lossy
 * links, partitions, a log that forgets what was not synced, crash and restart. The drivers are the
 * real ones; signatures are keyed hashes, so that runs are fast and every seat's key is at hand.
 */
import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../../src/base/ids.ts';
import type { Clock, Logger, Random, SignatureVerifier, Wal } from '../../../src/base/ports.ts';
import { accept, type Checked, refuse } from '../../../src/base/verdict.ts';
import type { Application, Payload } from '../../../src/consensus/application.ts';
import type { CadreSeats, Seat } from '../../../src/consensus/seats.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';

/** Seeded PRNG (mulberry32): the same seed gives the same run. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.integer(256));
  }

  shuffle<T>(items: readonly T[]): T[] {
    const out = items.slice();
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}

interface TimedEvent {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** Virtual time: nothing happens but through the heap. */
export class VirtualTime {
  nowMs = 0;
  #sequence = 0;
  readonly #heap: TimedEvent[] = [];

  after(delayMs: number, run: () => void): void {
    this.#sequence += 1;
    const event = { atMs: this.nowMs + delayMs, sequence: this.#sequence, run };
    let at = this.#heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, this.#heap[parent]!)) break;
      this.#heap[at] = this.#heap[parent]!;
      at = parent;
    }
    this.#heap[at] = event;
  }

  /** Runs events until `done`, or until none is left or the time is over. */
  async run(untilMs: number, done: () => boolean): Promise<boolean> {
    await settled();
    while (!done()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, Math.min(untilMs, next?.atMs ?? untilMs));
        return false;
      }
      this.#pop();
      this.nowMs = next.atMs;
      next.run();
      await settled();
    }
    return true;
  }

  #pop(): void {
    const last = this.#heap.pop()!;
    const size = this.#heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(this.#heap[child + 1]!, this.#heap[child]!)) child += 1;
      if (!isBefore(this.#heap[child]!, last)) break;
      this.#heap[at] = this.#heap[child]!;
      at = child;
    }
    this.#heap[at] = last;
  }

  clock(skewMs = 0): Clock {
    return {
      wallMs: () => Math.floor(this.nowMs) + skewMs,
      monotonicMs: () => this.nowMs,
      setTimer: (delayMs, callback) => {
        let isCancelled = false;
        this.after(delayMs, () => {
          if (!isCancelled) callback();
        });
        return {
          cancel: () => {
            isCancelled = true;
          },
        };
      },
    };
  }
}

/** Everything that hangs on promises happens before the next event. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: TimedEvent, b: TimedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

/** Keyed hash in two halves: as long as a signature, and as deterministic. */
export function fakeSign(key: Uint8Array, message: Uint8Array): Uint8Array {
  const first = sha256(concatBytes([key, message]));
  return concatBytes([first, sha256(first)]);
}

export const fakeVerifier: SignatureVerifier = {
  verify: async (key, message, signature) => toHex(fakeSign(key, message)) === toHex(signature),
};

export const silentLog: Logger = { log: () => {} };

export function testSeats(seatCount: number, self: number, name = 'plan'): CadreSeats {
  const seats = Array.from({ length: seatCount }, (_, i): Seat => {
    const key = sha256(utf8(`${name} key ${i}`));
    return { nodeId: key, peerId: `seat-${i}`, key };
  });
  const planId = sha256(utf8(name));
  return { planId, epoch: 0, cadreRoot: sha256(utf8(`${name} cadre`)), seats, self };
}

/** A toy ledger: the ordered list of payload texts; final after `target` of them. */
export interface Tally {
  readonly texts: readonly string[];
  readonly root: Uint8Array;
}

export function tallyApplication(target: number): Application<Tally> {
  return {
    genesis: { texts: [], root: ZERO_DIGEST },
    execute: (state, payloads) => {
      let { root } = state;
      for (const payload of payloads) {
        if (String(payload.value).startsWith('bad')) return refuse('bad-payload');
        root = sha256(concatBytes([root, payload.id]));
      }
      const texts = [...state.texts, ...payloads.map((payload) => String(payload.value))];
      const resultsRoot = texts.length >= target ? root : ZERO_DIGEST;
      return accept({ state: { texts, root }, stateRoot: root, resultsRoot });
    },
    isFinal: (state) => state.texts.length >= target,
    select: (_, pending) => pending,
  };
}

export function textPayload(text: string): Payload {
  const bytes = utf8(text);
  return { id: sha256(bytes), bytes, value: text };
}

export async function checkTextPayload(bytes: Uint8Array): Promise<Checked<Payload>> {
  return accept(textPayload(new TextDecoder().decode(bytes)));
}

/** A log in memory; what was not acknowledged may be gone after a crash, or may be there. */
export class MemoryLog {
  readonly durable: Uint8Array[] = [];
  #pending: (readonly Uint8Array[])[] = [];
  #epoch = 0;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;

  constructor(time: VirtualTime, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
  }

  open(): Wal {
    const epoch = this.#epoch;
    let lastMs = 0;
    return {
      append: (records) =>
        new Promise((resolve) => {
          // A dead process writes nothing.
          if (epoch !== this.#epoch) return;
          this.#pending.push(records);
          // In order, like a file.
          lastMs = Math.max(lastMs, this.#time.nowMs + this.#random.between(0.1, 4));
          this.#time.after(lastMs - this.#time.nowMs, () => {
            if (epoch !== this.#epoch) return;
            this.#pending.shift();
            this.durable.push(...records);
            resolve();
          });
        }),
      close: async () => {},
    };
  }

  /** Power loss: of the unacknowledged groups a random prefix reached the disk. */
  crash(): void {
    this.#epoch += 1;
    const survivors = this.#random.integer(this.#pending.length + 1);
    for (const records of this.#pending.slice(0, survivors)) this.durable.push(...records);
    this.#pending = [];
  }
}
