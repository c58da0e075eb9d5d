/**
 * Where every shard of a job stands, packed: one row of 32-bit words per shard, in pages that are
 * copied only when a block writes to them, so that a state of a million shards forks for the price
 * of the pages it touches (docs/protocol/ledger.md, "State").
 */

/** What a shard waits for. */
export const PHASES = { sealing: 0, revealing: 1, accepted: 2 } as const;
export type Phase = (typeof PHASES)[keyof typeof PHASES];

/** Where one worker of a shard stands. */
export const STANDINGS = {
  /** Entitled, not sealed, awaited. */
  entitled: 1,
  /** Entitled, not sealed, no longer awaited; its seal still counts while the set is open. */
  overdue: 2,
  refused: 3,
  /** Sealed, set open. */
  sealed: 4,
  /** Sealed in a closed set: may reveal, and is awaited. */
  closed: 5,
  revealed: 6,
  withheld: 7,
  /** Not sealed when its set closed. */
  superseded: 8,
} as const;
export type Standing = (typeof STANDINGS)[keyof typeof STANDINGS];

const PAGE_SHARDS = 512;
const SHARD_WORDS = 5;
const PHASE = 0;
const WAVE = 1;
const USED = 2;
const TARGET = 3;
const ACCEPTED = 4;
const SLOT_WORDS = 5;
/** Candidate in bits 0-15, wave in 16-23, standing in 24-27, the equivocation flag in 28. */
const HOLDER = 0;
const SEAL = 1;
const SEAL_AT = 2;
const REVEAL = 3;
const REVEAL_AT = 4;
const EQUIVOCATED_BIT = 1 << 28;

/** A record in the ledger's list of seals or reveals, and the position of the shard inside it. */
export interface RecordPlace {
  readonly index: number;
  readonly at: number;
}

/** One row per shard, `slotCount` slots per row; a slot is one worker, in order of entitlement. */
export class ShardTable {
  readonly shardCount: number;
  /** Workers that one shard may use in total. */
  readonly slotCount: number;
  readonly #stride: number;
  readonly #pages: Int32Array[];
  readonly #owned: Uint8Array;

  private constructor(shardCount: number, slotCount: number, pages: Int32Array[]) {
    this.shardCount = shardCount;
    this.slotCount = slotCount;
    this.#stride = SHARD_WORDS + SLOT_WORDS * slotCount;
    this.#pages = pages;
    this.#owned = new Uint8Array(pages.length);
  }

  static empty(shardCount: number, slotCount: number): ShardTable {
    const stride = SHARD_WORDS + SLOT_WORDS * slotCount;
    const pages: Int32Array[] = [];
    for (let first = 0; first < shardCount; first += PAGE_SHARDS) {
      pages.push(new Int32Array(stride * Math.min(PAGE_SHARDS, shardCount - first)));
    }
    return new ShardTable(shardCount, slotCount, pages);
  }

  /** A table that may be written without changing this one; this one must not be written again. */
  fork(): ShardTable {
    return new ShardTable(this.shardCount, this.slotCount, this.#pages.slice());
  }

  phase(shard: number): Phase {
    return this.#read(shard, PHASE) as Phase;
  }

  setPhase(shard: number, phase: Phase): void {
    this.#write(shard, PHASE, phase);
  }

  /** The open or last wave of the shard. */
  wave(shard: number): number {
    return this.#read(shard, WAVE);
  }

  /** Opens a wave that closes at `target` seals. */
  openWave(shard: number, wave: number, target: number): void {
    this.#write(shard, WAVE, wave);
    this.#write(shard, TARGET, target);
    this.#write(shard, PHASE, PHASES.sealing);
  }

  /** Seals that close the open wave at once. */
  target(shard: number): number {
    return this.#read(shard, TARGET);
  }

  /** Slots in use: 0..used-1. */
  used(shard: number): number {
    return this.#read(shard, USED);
  }

  /** The slot whose digest was accepted; undefined before. */
  acceptedSlot(shard: number): number | undefined {
    return this.phase(shard) === PHASES.accepted ? this.#read(shard, ACCEPTED) : undefined;
  }

  acceptSlot(shard: number, slot: number): void {
    this.#write(shard, PHASE, PHASES.accepted);
    this.#write(shard, ACCEPTED, slot);
  }

  /** Entitles one more candidate, in the open wave. */
  addSlot(shard: number, candidate: number): void {
    const slot = this.used(shard);
    const holder = candidate | (this.wave(shard) << 16) | (STANDINGS.entitled << 24);
    this.#write(shard, slotWord(slot, HOLDER), holder);
    this.#write(shard, USED, slot + 1);
  }

  /** The slot of a candidate; undefined when it is not entitled to this shard. */
  slotOf(shard: number, candidate: number): number | undefined {
    const used = this.used(shard);
    for (let slot = 0; slot < used; slot++) {
      if (this.candidate(shard, slot) === candidate) return slot;
    }
    return undefined;
  }

  candidate(shard: number, slot: number): number {
    return this.#read(shard, slotWord(slot, HOLDER)) & 0xffff;
  }

  slotWave(shard: number, slot: number): number {
    return (this.#read(shard, slotWord(slot, HOLDER)) >>> 16) & 0xff;
  }

  standing(shard: number, slot: number): Standing {
    return ((this.#read(shard, slotWord(slot, HOLDER)) >>> 24) & 0xf) as Standing;
  }

  setStanding(shard: number, slot: number, standing: Standing): void {
    const holder = this.#read(shard, slotWord(slot, HOLDER)) & ~(0xf << 24);
    this.#write(shard, slotWord(slot, HOLDER), holder | (standing << 24));
  }

  hasEquivocated(shard: number, slot: number): boolean {
    return (this.#read(shard, slotWord(slot, HOLDER)) & EQUIVOCATED_BIT) !== 0;
  }

  setEquivocated(shard: number, slot: number): void {
    const holder = this.#read(shard, slotWord(slot, HOLDER));
    this.#write(shard, slotWord(slot, HOLDER), holder | EQUIVOCATED_BIT);
  }

  /** Meaningful from standing `sealed` on. */
  sealIndex(shard: number, slot: number): number {
    return this.#read(shard, slotWord(slot, SEAL));
  }

  sealAt(shard: number, slot: number): number {
    return this.#read(shard, slotWord(slot, SEAL_AT));
  }

  setSeal(shard: number, slot: number, place: RecordPlace): void {
    this.#write(shard, slotWord(slot, SEAL), place.index);
    this.#write(shard, slotWord(slot, SEAL_AT), place.at);
    this.setStanding(shard, slot, STANDINGS.sealed);
  }

  /** Meaningful at standing `revealed` only. */
  revealIndex(shard: number, slot: number): number {
    return this.#read(shard, slotWord(slot, REVEAL));
  }

  revealAt(shard: number, slot: number): number {
    return this.#read(shard, slotWord(slot, REVEAL_AT));
  }

  setReveal(shard: number, slot: number, place: RecordPlace): void {
    this.#write(shard, slotWord(slot, REVEAL), place.index);
    this.#write(shard, slotWord(slot, REVEAL_AT), place.at);
    this.setStanding(shard, slot, STANDINGS.revealed);
  }

  #read(shard: number, word: number): number {
    const page = this.#pages[Math.floor(shard / PAGE_SHARDS)]!;
    return page[(shard % PAGE_SHARDS) * this.#stride + word]!;
  }

  #write(shard: number, word: number, value: number): void {
    const index = Math.floor(shard / PAGE_SHARDS);
    if (this.#owned[index] === 0) {
      this.#pages[index] = this.#pages[index]!.slice();
      this.#owned[index] = 1;
    }
    this.#pages[index]![(shard % PAGE_SHARDS) * this.#stride + word] = value;
  }
}

function slotWord(slot: number, field: number): number {
  return SHARD_WORDS + slot * SLOT_WORDS + field;
}
