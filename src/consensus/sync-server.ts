/**
 * Serves blocks, payloads and snapshots to members that lack them: from the replica's tree and from
 * the archive of the final chain. Bounded per peer by a byte budget; what is not here is answered
 * with "not found" and never makes this node fetch. Design consensus.md section 1.8.
 */
import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/ports.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type { StateSnapshots } from './application.ts';
import type { Commit } from './effects.ts';
import {
  type Message,
  type MessageOf,
  PAYLOAD_BYTES_MAX,
  SNAPSHOT_CHUNK_BYTES,
} from './messages.ts';
import type { Occupancy } from './occupancy.ts';
import type { ReplicaState } from './replica-state.ts';
import { FinalArchive } from './sync-archive.ts';
import type { Block } from './types.ts';

/** One peer's budget: what it may draw at once, and what comes back each second. */
const BUDGET_BYTES_MAX = 32 << 20;
const BUDGET_BYTES_PER_SECOND = 8 << 20;
/** Every answer costs at least this, so that tiny requests are not free: 2,048 a second. */
const ANSWER_BYTES_MIN = 4_096;
/** Blocks of one answer stay below this many bytes. */
const ANSWER_BYTES_MAX = PAYLOAD_BYTES_MAX - (64 << 10);

interface Budget {
  bytes: number;
  atMs: number;
}

export class SyncServer<S> {
  readonly #clock: Clock;
  readonly #state: () => ReplicaState<S>;
  readonly #archive: FinalArchive<S>;
  readonly #budgets = new Map<number, Budget>();

  constructor(components: {
    readonly clock: Clock;
    readonly state: () => ReplicaState<S>;
    readonly snapshots: StateSnapshots<S> | undefined;
  }) {
    this.#clock = components.clock;
    this.#state = components.state;
    this.#archive = new FinalArchive(components.snapshots);
  }

  get occupancy(): Occupancy {
    return { archivedBlocks: this.#archive.blockCount, servedPeers: this.#budgets.size };
  }

  /** Keeps a final block and what it refers to. */
  archive(commit: Commit<S>): void {
    this.#archive.add(commit);
  }

  hasBlock(key: string): boolean {
    return this.#state().tree.entries.has(key) || this.#archive.block(key) !== undefined;
  }

  /** The bytes of a payload or of evidence. */
  content(key: string): Uint8Array | undefined {
    const state = this.#state();
    const held = state.payloads.get(key) ?? state.evidence.get(key);
    const bytes = held?.bytes ?? this.#archive.content(key);
    if (bytes !== undefined) return bytes;
    for (const entry of state.tree.entries.values()) {
      const at = entry.payloadKeys.indexOf(key);
      if (at >= 0) return entry.payloads[at]?.bytes;
      const evidence = entry.evidence.find((candidate) => candidate.key === key);
      if (evidence !== undefined) return evidence.bytes;
    }
    return undefined;
  }

  /** Answers for seat `from`; none at all when its budget is spent. */
  answer(
    from: number,
    request: MessageOf<'want-blocks' | 'want-payloads' | 'want-snapshot'>,
  ): Message[] {
    if (request.kind === 'want-snapshot') return this.#snapshotChunk(from, request);
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

  #snapshotChunk(from: number, { blockId, offset }: MessageOf<'want-snapshot'>): Message[] {
    // Making one is work: paid for before it is looked for.
    if (!this.#spend(from, SNAPSHOT_CHUNK_BYTES)) return [];
    const whole = this.#archive.snapshot(blockId);
    const total = whole?.length ?? 0;
    const bytes = whole?.subarray(offset, offset + SNAPSHOT_CHUNK_BYTES) ?? new Uint8Array();
    return [{ kind: 'snapshot', blockId, offset, total, bytes }];
  }

  #block(key: string): Block | undefined {
    return this.#state().tree.entries.get(key)?.block ?? this.#archive.block(key);
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
