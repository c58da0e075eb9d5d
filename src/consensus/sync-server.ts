/**
 * Serves blocks and payloads to members that lack them: from the replica's tree and from the
 * archive of the final chain. Bounded per peer by a byte budget; what is not here is answered with
 * "not found" and never makes this node fetch. Design consensus.md section 1.8.
 */
import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/ports.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type { Commit } from './effects.ts';
import { type Message, type MessageOf, PAYLOAD_BYTES_MAX } from './messages.ts';
import type { ReplicaState } from './replica-state.ts';
import type { Block } from './types.ts';

/** Final blocks kept for those who lag; beyond it a snapshot would be needed. */
const BLOCKS_KEPT_MAX = 4096;
/** Payload bytes of the final chain kept. */
const PAYLOAD_BYTES_KEPT_MAX = 256 << 20;
/** One peer's budget: what it may draw at once, and what comes back each second. */
const BUDGET_BYTES_MAX = 32 << 20;
const BUDGET_BYTES_PER_SECOND = 8 << 20;
/** Every answer costs at least this, so that tiny requests are not free: 2,048 a second. */
const ANSWER_BYTES_MIN = 4_096;
/** Blocks of one answer stay below this many bytes. */
const ANSWER_BYTES_MAX = PAYLOAD_BYTES_MAX - (64 << 10);

/** What final blocks refer to, and the newest block that does. */
interface Content {
  readonly bytes: Uint8Array;
  readonly height: number;
}

interface Budget {
  bytes: number;
  atMs: number;
}

export class SyncServer<S> {
  readonly #clock: Clock;
  readonly #state: () => ReplicaState<S>;
  readonly #blocks = new Map<string, Block>();
  /** Payloads and evidence of the final chain, by hex id. */
  readonly #contents = new Map<string, Content>();
  readonly #budgets = new Map<number, Budget>();
  #contentBytes = 0;

  constructor(components: { readonly clock: Clock; readonly state: () => ReplicaState<S> }) {
    this.#clock = components.clock;
    this.#state = components.state;
  }

  /** Keeps a final block and its payloads. */
  archive(commit: Commit<S>): void {
    this.#blocks.set(toHex(commit.blockId), commit.block);
    for (const { id, bytes } of [...commit.payloads, ...commit.evidence]) {
      this.#keep(toHex(id), { bytes, height: commit.height });
    }
    while (this.#blocks.size > BLOCKS_KEPT_MAX) this.#forgetOldest();
    for (const key of this.#contents.keys()) {
      if (this.#contentBytes <= PAYLOAD_BYTES_KEPT_MAX) break;
      this.#drop(key);
    }
  }

  #keep(key: string, content: Content): void {
    this.#drop(key);
    this.#contents.set(key, content);
    this.#contentBytes += content.bytes.length;
  }

  #drop(key: string): void {
    this.#contentBytes -= this.#contents.get(key)?.bytes.length ?? 0;
    this.#contents.delete(key);
  }

  /** A block takes what it refers to along, unless a later one refers to it too. */
  #forgetOldest(): void {
    const [key, block] = this.#blocks.entries().next().value!;
    this.#blocks.delete(key);
    for (const ref of [...block.payloadRefs, ...block.evidence]) {
      if (this.#contents.get(toHex(ref))?.height === block.height) this.#drop(toHex(ref));
    }
  }

  hasBlock(key: string): boolean {
    return this.#state().tree.entries.has(key) || this.#blocks.has(key);
  }

  /** The bytes of a payload or of evidence. */
  content(key: string): Uint8Array | undefined {
    const state = this.#state();
    const held = state.payloads.get(key) ?? this.#contents.get(key) ?? state.evidence.get(key);
    if (held !== undefined) return held.bytes;
    for (const entry of state.tree.entries.values()) {
      const at = entry.payloadKeys.indexOf(key);
      if (at >= 0) return entry.payloads[at]?.bytes;
      const evidence = entry.evidence.find((candidate) => candidate.key === key);
      if (evidence !== undefined) return evidence.bytes;
    }
    return undefined;
  }

  /** Answers for seat `from`; none at all when its budget is spent. */
  answer(from: number, request: MessageOf<'want-blocks' | 'want-payloads'>): Message[] {
    if (request.kind === 'want-payloads') {
      return request.ids
        .map((id) => ({ id, bytes: this.content(toHex(id)) }))
        .filter(({ bytes }) => this.#spend(from, bytes?.length ?? 0))
        .map(({ id, bytes }) => ({ kind: 'payload', id, ...(bytes && { bytes }) }));
    }
    const blocks: Block[] = [];
    let bytes = 0;
    let block = this.#block(toHex(request.blockId));
    while (block !== undefined && blocks.length < request.count) {
      bytes += encodeCanonical(block).length;
      if (bytes > ANSWER_BYTES_MAX) break;
      blocks.push(block);
      block = this.#block(toHex(block.parentId));
    }
    if (!this.#spend(from, bytes)) return [];
    return [{ kind: 'blocks', blockId: request.blockId, blocks }];
  }

  #block(key: string): Block | undefined {
    return this.#state().tree.entries.get(key)?.block ?? this.#blocks.get(key);
  }

  #spend(seat: number, bytes: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const budget = this.#budgets.get(seat) ?? { bytes: BUDGET_BYTES_MAX, atMs: nowMs };
    const gained = ((nowMs - budget.atMs) / 1000) * BUDGET_BYTES_PER_SECOND;
    const held = Math.min(BUDGET_BYTES_MAX, budget.bytes + gained);
    const cost = Math.max(bytes, ANSWER_BYTES_MIN);
    const isEnough = held >= cost;
    this.#budgets.set(seat, { bytes: isEnough ? held - cost : held, atMs: nowMs });
    return isEnough;
  }
}
