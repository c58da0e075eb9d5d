/**
 * Which seat has marked which worker of which shard as overdue: one bit each, so that a member that
 * marks everything costs a bounded number of bytes. Pages of bits are copied when written.
 */
export type MarkPhase = 'seal' | 'reveal';

/** Bits per (seat, phase), numbered shard times slot count plus slot. */
export class MarkBook {
  readonly #bitCount: number;
  readonly #bits: Map<string, Uint8Array>;
  readonly #owned = new Set<string>();

  constructor(bitCount: number, bits: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#bitCount = bitCount;
    this.#bits = new Map(bits);
  }

  /** A book that may be written without changing this one. */
  fork(): MarkBook {
    return new MarkBook(this.#bitCount, this.#bits);
  }

  /** False when this seat had set that bit before. */
  add(seat: number, phase: MarkPhase, bit: number): boolean {
    const name = `${phase}/${seat}`;
    const mask = 1 << (bit & 7);
    const before = this.#bits.get(name);
    if (before !== undefined && (before[bit >>> 3]! & mask) !== 0) return false;
    let bits = before;
    if (bits === undefined || !this.#owned.has(name)) {
      bits = before?.slice() ?? new Uint8Array(Math.ceil(this.#bitCount / 8));
      this.#bits.set(name, bits);
      this.#owned.add(name);
    }
    bits[bit >>> 3]! |= mask;
    return true;
  }

  /** What a seat said counts no more: somebody else sits there. */
  forget(seat: number): void {
    for (const phase of ['seal', 'reveal'] as const) this.#bits.delete(`${phase}/${seat}`);
  }

  /** Distinct seats that have set this bit. */
  count(phase: MarkPhase, bit: number): number {
    let count = 0;
    for (const [name, bits] of this.#bits) {
      if (name.startsWith(phase) && (bits[bit >>> 3]! & (1 << (bit & 7))) !== 0) count += 1;
    }
    return count;
  }
}
