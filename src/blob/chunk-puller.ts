/**
 * Pulls chunks of one blob into the store, each once however many ask for it, several at a time and
 * each from the peers that its own list names: so a blob comes from many holders at once, and what
 * came is there after a restart (docs/protocol/blob.md, "Chunks").
 */
import { toHex } from '../base/bytes.ts';
import type { PeerId } from '../base/ids.ts';
import type { BlobRef, BlobStore, Clock, SignalOption } from '../base/ports.ts';
import { abortable, anySignal, throwIfAborted } from '../base/signals.ts';
import { CHUNK_BYTES, CHUNK_LEAVES, chunkBytes } from './chunks.ts';
import {
  type BlobSource,
  type FetchNetwork,
  fetchLeaves,
  fetchPieces,
  type HolderFailure,
} from './fetch.ts';
import { LEAF_BYTES } from './tree.ts';

export interface ChunkPullerComponents {
  readonly network: FetchNetwork;
  readonly blobs: Pick<BlobStore, 'part' | 'putChunk' | 'leaves'>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
}

export interface ChunkPullerInit {
  readonly ref: BlobRef;
  /** Whom to ask for this chunk, in order. */
  readonly holdersOf: (chunk: number) => Promise<readonly PeerId[]>;
  /** Chunks of low rank are pulled first. Default: all alike, in order. */
  readonly rankOf?: (chunk: number) => number;
  /** A holder that takes longer for a chunk is left for the next. Default 20 s. */
  readonly slowMs?: number;
  /** Ends what is under way, whoever still waits for it. */
  readonly signal: AbortSignal;
}

/** Chunks of a blob on their way at once; each is in memory until it is stored. */
const CHUNKS_AT_ONCE = 4;
/** Half a megabit per second. */
const SLOW_MS = 20_000;
/** A holder that could not be reached, or was slow, is asked last for so long. */
const AVOID_MS = 10_000;

export class ChunkPuller {
  readonly #components: ChunkPullerComponents;
  readonly #init: ChunkPullerInit;
  readonly #pulling = new Map<number, Promise<void>>();
  readonly #avoidUntilMs = new Map<PeerId, number>();
  #leaves: Promise<Uint8Array> | undefined;

  constructor(components: ChunkPullerComponents, init: ChunkPullerInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Whether a chunk is in the store. */
  has(chunk: number): boolean {
    const part = this.#components.blobs.part(this.#init.ref.root);
    return part?.bytes === this.#init.ref.bytes && part.has(chunk);
  }

  /**
   * Resolves when all of these are in the store. Errors: BLOB_UNAVAILABLE, DISK_FAILED, OVERLOADED,
   * and the reason of either signal; a caller's own ends only its wait.
   */
  async pull(chunks: readonly number[], { signal }: SignalOption = {}): Promise<void> {
    const { rankOf = () => 0 } = this.#init;
    const ranked = chunks
      .filter((chunk) => !this.has(chunk))
      .map((chunk) => ({ chunk, rank: rankOf(chunk) }))
      .sort((a, b) => a.rank - b.rank || a.chunk - b.chunk);
    const lane = async () => {
      for (let next = ranked.shift(); next !== undefined; next = ranked.shift()) {
        const pulled = this.#once(next.chunk);
        await (signal === undefined ? pulled : abortable(pulled, signal));
      }
    };
    try {
      await Promise.all(Array.from({ length: CHUNKS_AT_ONCE }, lane));
    } finally {
      // After a failure the other lanes take nothing more.
      ranked.length = 0;
    }
  }

  #once(chunk: number): Promise<void> {
    const known = this.#pulling.get(chunk);
    if (known !== undefined) return known;
    const pulling = this.#pull(chunk).finally(() => this.#pulling.delete(chunk));
    // Whoever asked may have stopped waiting.
    pulling.catch(() => undefined);
    this.#pulling.set(chunk, pulling);
    return pulling;
  }

  async #pull(index: number): Promise<void> {
    if (this.has(index)) return;
    const { blobs } = this.#components;
    const { ref } = this.#init;
    const leaves = await this.#knownLeaves(index);
    const source = { ...(await this.#source(index)), leaves };
    const content = (await this.#swiftly(source, index)) ?? (await this.#fetch(source, index));
    await blobs.putChunk({ ref, leaves, index, content });
  }

  /** From the first holder that gives it in good time; who dawdles is asked last for a while. */
  async #swiftly(source: BlobSource, index: number): Promise<Uint8Array | undefined> {
    const { clock } = this.#components;
    const { signal, slowMs = SLOW_MS } = this.#init;
    // Where there is no choice there is no hurry either.
    for (const peer of source.holders.length > 1 ? source.holders : []) {
      const late = new AbortController();
      const timer = clock.setTimer(slowMs, () => late.abort());
      try {
        const one = { ...source, holders: [peer] };
        return await this.#fetch(one, index, anySignal(signal, late.signal));
      } catch {
        throwIfAborted(signal);
        if (late.signal.aborted) this.#failed({ peer, code: 'PEER_UNREACHABLE' });
      } finally {
        timer.cancel();
      }
    }
    return undefined;
  }

  async #fetch(source: BlobSource, index: number, signal = this.#init.signal): Promise<Uint8Array> {
    const content = new Uint8Array(chunkBytes(source.ref.bytes, index));
    const count = Math.max(1, Math.ceil(content.length / LEAF_BYTES));
    const runs = [{ first: index * CHUNK_LEAVES, count }];
    for await (const piece of fetchPieces(this.#components.network, source, runs, { signal })) {
      content.set(piece.content, piece.offset - index * CHUNK_BYTES);
    }
    return content;
  }

  /** Asked for once, of those that have this chunk first of all. */
  #knownLeaves(chunk: number): Promise<Uint8Array> {
    const { blobs, network } = this.#components;
    const { ref, signal } = this.#init;
    const learn = async () => {
      const held = blobs.part(ref.root)?.bytes === ref.bytes && (await blobs.leaves(ref.root));
      return held || (await fetchLeaves(network, await this.#source(chunk), { signal }));
    };
    this.#leaves ??= learn().catch((cause) => {
      this.#leaves = undefined;
      throw cause;
    });
    return this.#leaves;
  }

  async #source(chunk: number): Promise<BlobSource> {
    const nowMs = this.#components.clock.monotonicMs();
    const isAvoided = (peer: PeerId) => (this.#avoidUntilMs.get(peer) ?? 0) > nowMs;
    const holders = await this.#init.holdersOf(chunk);
    return {
      ref: this.#init.ref,
      holders: [
        ...holders.filter((peer) => !isAvoided(peer)),
        ...holders.filter((peer) => isAvoided(peer)),
      ],
      onFailure: (failure: HolderFailure) => this.#failed(failure),
    };
  }

  /** That a holder lacks one chunk says nothing about the others. */
  #failed({ peer, code }: HolderFailure): void {
    const forMs = code === 'PEER_UNREACHABLE' ? AVOID_MS : Number.POSITIVE_INFINITY;
    if (code === 'PEER_REFUSED') return;
    this.#avoidUntilMs.set(peer, this.#components.clock.monotonicMs() + forMs);
  }
}

/** Names a blob among those that are pulled. */
export function pulledKey({ root, bytes }: BlobRef): string {
  return `${toHex(root)}/${bytes}`;
}
