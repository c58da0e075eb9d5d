/**
 * Fetches what this replica lacks: a certified block with its missing ancestors, walked backwards
 * by hash from the certificate and handed in oldest first, and payloads of blocks that wait. Asks a
 * signer of the certificate, then others, each try longer than the last, until it is there.
 * Design consensus.md section 1.8.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { Clock, Random, Timer } from '../base/ports.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import type { Payload } from './application.ts';
import type { HeldEvidence } from './evidence.ts';
import {
  BLOCKS_PER_ANSWER_MAX,
  blockId,
  type Message,
  type MessageOf,
  PAYLOADS_PER_REQUEST_MAX,
} from './messages.ts';
import type { Occupancy } from './occupancy.ts';
import { walkEnd } from './snapshot.ts';
import type { Block } from './types.ts';

/** What is usually on its way already gets this long before it is asked for, ms. */
const BLOCK_GRACE_MS = 20;
const PAYLOAD_GRACE_MS = 5;
/**
 * Wait for one answer, doubling with every try that brought nothing, ms. Diem's values are 200 and
 * 16,000; longer than a rebroadcast nobody waits here, because a retry that began while links were
 * down would outlast the rounds that need what it asks for.
 */
const TRY_MS = 200;
const TRY_MS_MAX = 2_000;
/** Headers wait this long for the snapshot below them. */
const FAR_MS = 120_000;
/** Fetches of a kind at most; the oldest makes room, and the replica asks again if it matters. */
const FETCHES_MAX = 64;
/** What blocks refer to by digest. */
export type Fetched = Payload | HeldEvidence;

export interface SyncClientComponents {
  readonly clock: Clock;
  readonly random: Random;
  /** Every seat but ours. */
  readonly others: readonly number[];
  send(seat: number, message: Message): void;
  /** Executed here: in the tree or final. */
  hasBlock(key: string): boolean;
  hasPayload(key: string): boolean;
  /** Blocks alone cannot bridge the gap below these headers, newest first. */
  onGap(headers: readonly Block[], seats: readonly number[]): void;
  /** True when nothing at or below this round is of use any more. */
  isPast(round: number): boolean;
  checkPayload(bytes: Uint8Array): Promise<Checked<Fetched>>;
  onBlock(block: Block): void;
  onPayload(fetched: Fetched): void;
}

interface Fetch {
  /** Whom to ask, in this order, then over again. */
  readonly seats: readonly number[];
  tries: number;
  timer: Timer | undefined;
}

interface BlockFetch extends Fetch {
  /** Id of the next block to ask for. */
  need: Digest;
  /** Newest first. */
  readonly segment: Block[];
  /** Where each of its blocks is, by hex id. */
  readonly places: Map<string, number>;
  /** The segment is connected; its blocks are being handed in. */
  isConnected: boolean;
  /** It reaches as far back as others keep blocks: only a snapshot can connect it. */
  isFar: boolean;
  /** Segment length when its oldest block was last handed in. */
  handedIn: number;
}

interface PayloadFetch extends Fetch {
  readonly ids: Map<string, Digest>;
}

export class SyncClient {
  readonly #world: SyncClientComponents;
  readonly #blocks = new Map<string, BlockFetch>();
  readonly #payloads = new Set<PayloadFetch>();
  #stopped = false;

  constructor(components: SyncClientComponents) {
    this.#world = components;
  }

  stop(): void {
    this.#stopped = true;
    for (const fetch of [...this.#blocks.values(), ...this.#payloads]) fetch.timer?.cancel();
    this.#blocks.clear();
    this.#payloads.clear();
  }

  get occupancy(): Occupancy {
    return { blockFetches: this.#blocks.size, payloadFetches: this.#payloads.size };
  }

  fetchBlock(id: Digest, holders: readonly number[]): void {
    const key = toHex(id);
    if (this.#stopped || this.#blocks.has(key)) return;
    if (this.#blocks.size >= FETCHES_MAX) {
      const [oldestKey, oldest] = this.#blocks.entries().next().value!;
      this.#endBlocks(oldestKey, oldest);
    }
    const fetch: BlockFetch = {
      seats: this.#askingOrder(this.#world.random.shuffle(holders)),
      tries: 0,
      timer: undefined,
      need: id,
      segment: [],
      places: new Map(),
      isConnected: false,
      isFar: false,
      handedIn: 0,
    };
    this.#blocks.set(key, fetch);
    this.#after(fetch, BLOCK_GRACE_MS, () => this.#askForBlocks(key, fetch));
  }

  fetchPayloads(ids: readonly Digest[], holders: readonly number[]): void {
    const known = (key: string) => [...this.#payloads].some((fetch) => fetch.ids.has(key));
    const fresh = ids.map((id) => [toHex(id), id] as const).filter(([key]) => !known(key));
    if (this.#stopped || fresh.length === 0) return;
    if (this.#payloads.size >= FETCHES_MAX) this.#endPayloads([...this.#payloads][0]!);
    const seats = this.#askingOrder(holders);
    const fetch: PayloadFetch = { seats, tries: 0, timer: undefined, ids: new Map(fresh) };
    this.#payloads.add(fetch);
    this.#after(fetch, PAYLOAD_GRACE_MS, () => this.#askForPayloads(fetch));
  }

  /** Called after every step of the replica: hands in what has become possible. */
  advance(): void {
    for (const [key, fetch] of this.#blocks) {
      // A snapshot made a block of it, or the one below it, final.
      if (fetch.isFar && this.#world.isPast(fetch.segment.at(-1)!.qc.round)) this.#connect(fetch);
      if (fetch.isConnected) this.#handIn(key, fetch);
      else if (this.#world.hasBlock(key)) this.#endBlocks(key, fetch);
    }
    for (const fetch of this.#payloads) this.#forgetHeld(fetch);
  }

  /** An answer; a refusal is the sender's fault. */
  onBlocks(message: MessageOf<'blocks'>): Checked<void> {
    for (const [key, fetch] of this.#blocks) {
      if (fetch.isConnected || fetch.isFar || !equalBytes(fetch.need, message.blockId)) continue;
      const taken = this.#extend(fetch, message.blocks);
      if (!taken.ok) return taken;
      if (message.blocks.length > 0) fetch.tries = 0;
      if (message.blocks.length > 0 || fetch.tries < fetch.seats.length) this.#goOn(key, fetch);
    }
    return accept(undefined);
  }

  /** What the segment now allows: to hand it in, to give it up, to ask further or for more. */
  #goOn(key: string, fetch: BlockFetch): void {
    const oldest = fetch.segment.at(-1);
    if (oldest !== undefined && this.#world.hasBlock(toHex(oldest.parentId))) {
      this.#connect(fetch);
      this.#handIn(key, fetch);
    } else if (oldest !== undefined && this.#world.isPast(oldest.qc.round)) {
      // It does not lead to our final chain.
      this.#endBlocks(key, fetch);
    } else if (oldest !== undefined && oldest.height <= walkEnd(fetch.segment[0]!.height)) {
      fetch.isFar = true;
      fetch.timer?.cancel();
      this.#world.onGap(fetch.segment, fetch.seats);
      // Asked for anew, should nothing come of it.
      this.#after(fetch, FAR_MS, () => this.#endBlocks(key, fetch));
    } else this.#askForBlocks(key, fetch);
  }

  #connect(fetch: BlockFetch): void {
    fetch.isConnected = true;
    fetch.timer?.cancel();
  }

  /** An answer; only payloads that were asked for are looked at. */
  async onPayload(message: MessageOf<'payload'>): Promise<Refusal | undefined> {
    const key = toHex(message.id);
    const fetch = [...this.#payloads].find((candidate) => candidate.ids.has(key));
    if (fetch === undefined || this.#stopped) return undefined;
    if (message.bytes === undefined) {
      if (fetch.tries < fetch.seats.length) this.#askForPayloads(fetch);
      return undefined;
    }
    const checked = await this.#world.checkPayload(message.bytes);
    if (!checked.ok) return checked;
    if (!equalBytes(checked.value.id, message.id)) return refuse('payload-id');
    if (!this.#stopped) this.#world.onPayload(checked.value);
    return undefined;
  }

  #extend(fetch: BlockFetch, blocks: readonly Block[]): Checked<void> {
    for (const block of blocks) {
      if (!equalBytes(blockId(block), fetch.need)) return refuse('block-link');
      fetch.places.set(toHex(fetch.need), fetch.segment.length);
      fetch.segment.push(block);
      fetch.need = block.parentId;
      if (this.#world.hasBlock(toHex(block.parentId))) break;
      if (block.height <= walkEnd(fetch.segment[0]!.height)) break;
    }
    return accept(undefined);
  }

  /** What another walk has brought already need not be asked for. */
  #extendFromOthers(fetch: BlockFetch): void {
    for (const { segment, places } of this.#blocks.values()) {
      const at = places.get(toHex(fetch.need));
      if (at !== undefined) this.#extend(fetch, segment.slice(at));
    }
  }

  /** Oldest first, one after the other: each must be executed before the next. */
  #handIn(key: string, fetch: BlockFetch): void {
    for (let block = fetch.segment.at(-1); block !== undefined; block = fetch.segment.at(-1)) {
      const id = toHex(blockId(block));
      if (this.#world.hasBlock(id) || this.#world.isPast(block.round)) {
        fetch.segment.pop();
        continue;
      }
      if (fetch.handedIn === fetch.segment.length) return;
      // Handed in once; the replica keeps it until its payloads are here, or is reminded.
      fetch.handedIn = fetch.segment.length;
      this.#after(fetch, TRY_MS_MAX, () => {
        fetch.handedIn = 0;
        this.#handIn(key, fetch);
      });
      this.#world.onBlock(block);
      return;
    }
    this.#endBlocks(key, fetch);
  }

  #endBlocks(key: string, fetch: Fetch): void {
    fetch.timer?.cancel();
    this.#blocks.delete(key);
  }

  #askForBlocks(key: string, fetch: BlockFetch): void {
    if (this.#world.hasBlock(key)) {
      this.#endBlocks(key, fetch);
      return;
    }
    const known = fetch.segment.length;
    this.#extendFromOthers(fetch);
    if (fetch.segment.length > known) {
      this.#goOn(key, fetch);
      return;
    }
    const count = BLOCKS_PER_ANSWER_MAX;
    this.#ask(fetch, { kind: 'want-blocks', blockId: fetch.need, count }, () =>
      this.#askForBlocks(key, fetch),
    );
  }

  #askForPayloads(fetch: PayloadFetch): void {
    this.#forgetHeld(fetch);
    const ids = [...fetch.ids.values()].slice(0, PAYLOADS_PER_REQUEST_MAX);
    if (ids.length === 0) return;
    this.#ask(fetch, { kind: 'want-payloads', ids }, () => this.#askForPayloads(fetch));
  }

  #forgetHeld(fetch: PayloadFetch): void {
    for (const key of fetch.ids.keys()) if (this.#world.hasPayload(key)) fetch.ids.delete(key);
    if (fetch.ids.size === 0) this.#endPayloads(fetch);
  }

  #endPayloads(fetch: PayloadFetch): void {
    fetch.timer?.cancel();
    this.#payloads.delete(fetch);
  }

  #ask(fetch: Fetch, message: Message, again: () => void): void {
    const seat = fetch.seats[fetch.tries % fetch.seats.length];
    const waitMs = Math.min(TRY_MS * 2 ** fetch.tries, TRY_MS_MAX);
    fetch.tries += 1;
    this.#after(fetch, waitMs, again);
    if (seat !== undefined) this.#world.send(seat, message);
  }

  #after(fetch: Fetch, delayMs: number, callback: () => void): void {
    fetch.timer?.cancel();
    fetch.timer = this.#world.clock.setTimer(delayMs, callback);
  }

  /** Likely holders first, then everyone else. */
  #askingOrder(holders: readonly number[]): number[] {
    const rest = this.#world.others.filter((seat) => !holders.includes(seat));
    return [...holders, ...this.#world.random.shuffle(rest)];
  }
}
