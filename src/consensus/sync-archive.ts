/**
 * What this node keeps of the final chain for members that lag: the blocks of the last eras with
 * what they refer to, and the states after the two newest whole eras. Bounded in blocks, in bytes
 * of payloads and in snapshots; who lacks more starts from a snapshot. Design consensus.md 1.8.
 */
import { toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { StateSnapshots } from './application.ts';
import type { Commit } from './effects.ts';
import { eraOf, eraStart, isCheckpoint } from './eras.ts';
import { blockId, SNAPSHOT_BYTES_MAX } from './messages.ts';
import { encodeSnapshot } from './snapshot.ts';
import type { Block } from './types.ts';

/** Whole eras kept beside the one that is growing: a snapshot needs the one that it ends. */
const ERAS_KEPT = 2;
/** Payload bytes of the final chain kept. */
const PAYLOAD_BYTES_KEPT_MAX = 256 << 20;

/** What final blocks refer to, and the newest block that does. */
interface Content {
  readonly bytes: Uint8Array;
  readonly height: number;
}

interface Checkpoint<S> {
  readonly height: number;
  readonly key: string;
  readonly state: S;
  /** Made when first asked for. */
  encoded: Uint8Array | undefined;
}

export class FinalArchive<S> {
  readonly #snapshots: StateSnapshots<S> | undefined;
  /** Oldest first. */
  readonly #blocks = new Map<string, Block>();
  /** By hex id, the least recently committed first. */
  readonly #payloads = new Map<string, Content>();
  readonly #evidence = new Map<string, Content>();
  #payloadBytes = 0;
  /** Oldest first. */
  #checkpoints: Checkpoint<S>[] = [];

  constructor(snapshots: StateSnapshots<S> | undefined) {
    this.#snapshots = snapshots;
  }

  /** The next final block with what it refers to, or the one that a snapshot led to. */
  add(commit: Commit<S>): void {
    const { height, jumped } = commit;
    if (jumped !== undefined) {
      this.#blocks.clear();
      for (const header of jumped.headers) this.#blocks.set(toHex(blockId(header)), header);
    }
    this.#blocks.set(toHex(commit.blockId), commit.block);
    for (const { id, bytes } of commit.payloads) this.#keepPayload(toHex(id), { bytes, height });
    for (const { key, bytes } of [...commit.evidence, ...(jumped?.evidence ?? [])]) {
      this.#evidence.delete(key);
      this.#evidence.set(key, { bytes, height });
    }
    if (isCheckpoint(height)) this.#addCheckpoint(commit);
    this.#forgetBelow(eraStart(eraOf(height) - ERAS_KEPT));
  }

  get blockCount(): number {
    return this.#blocks.size;
  }

  block(key: string): Block | undefined {
    return this.#blocks.get(key);
  }

  content(key: string): Uint8Array | undefined {
    return (this.#payloads.get(key) ?? this.#evidence.get(key))?.bytes;
  }

  /** The snapshot after this block; undefined when it is not kept. */
  snapshot(id: Digest): Uint8Array | undefined {
    const checkpoint = this.#checkpoints.find(({ key }) => key === toHex(id));
    if (checkpoint === undefined || this.#snapshots === undefined) return undefined;
    checkpoint.encoded ??= this.#encode(checkpoint, this.#snapshots);
    return checkpoint.encoded.length <= SNAPSHOT_BYTES_MAX ? checkpoint.encoded : undefined;
  }

  #encode({ height, state }: Checkpoint<S>, snapshots: StateSnapshots<S>): Uint8Array {
    const era = [...this.#blocks.values()].filter((block) => eraOf(block.height) === eraOf(height));
    const refs = era.flatMap((block) => block.evidence.map(toHex));
    const evidence = refs.map((key) => this.#evidence.get(key)!.bytes);
    return encodeSnapshot({ height, evidence, state: snapshots.encode(state) });
  }

  #addCheckpoint({ height, blockId: id, state }: Commit<S>): void {
    const checkpoint = { height, key: toHex(id), state, encoded: undefined };
    this.#checkpoints = [...this.#checkpoints, checkpoint].slice(-ERAS_KEPT);
  }

  #keepPayload(key: string, content: Content): void {
    this.#dropPayload(key);
    this.#payloads.set(key, content);
    this.#payloadBytes += content.bytes.length;
    for (const oldest of this.#payloads.keys()) {
      if (this.#payloadBytes <= PAYLOAD_BYTES_KEPT_MAX) break;
      this.#dropPayload(oldest);
    }
  }

  #dropPayload(key: string): void {
    this.#payloadBytes -= this.#payloads.get(key)?.bytes.length ?? 0;
    this.#payloads.delete(key);
  }

  /** A block takes what it refers to along, unless a later one refers to it too. */
  #forgetBelow(height: number): void {
    for (const [key, block] of this.#blocks) {
      if (block.height >= height) break;
      this.#blocks.delete(key);
    }
    for (const [key, content] of this.#payloads) {
      if (content.height >= height) break;
      this.#dropPayload(key);
    }
    for (const [key, content] of this.#evidence) {
      if (content.height >= height) break;
      this.#evidence.delete(key);
    }
  }
}
