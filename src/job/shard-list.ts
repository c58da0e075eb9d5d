/** Shard numbers in records: packed big-endian u32, strictly ascending (docs/protocol/job.md). */
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { LIMITS } from '../wire/limits.ts';

export const SHARD_NUMBER_BYTES = 4;

export function packShards(shards: readonly number[]): Uint8Array {
  const packed = new Uint8Array(shards.length * SHARD_NUMBER_BYTES);
  const view = new DataView(packed.buffer);
  for (let i = 0; i < shards.length; i++) view.setUint32(i * SHARD_NUMBER_BYTES, shards[i]!);
  return packed;
}

/** Reasons: `bad-shard-list` (length, order, or a shard at or above `shardCount`). */
export function unpackShards(packed: Uint8Array, shardCount: number): Checked<number[]> {
  if (packed.length === 0 || packed.length % SHARD_NUMBER_BYTES !== 0) {
    return refuse('bad-shard-list');
  }
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const shards = new Array<number>(packed.length / SHARD_NUMBER_BYTES);
  let previous = -1;
  for (let i = 0; i < shards.length; i++) {
    const shard = view.getUint32(i * SHARD_NUMBER_BYTES);
    if (shard <= previous || shard >= shardCount) return refuse('bad-shard-list');
    shards[i] = shard;
    previous = shard;
  }
  return accept(shards);
}

/** Parts of a shard list that fit one record each. */
export function* recordBatches(shards: readonly number[]): Generator<readonly number[]> {
  const { recordShardsMax } = LIMITS;
  for (let at = 0; at < shards.length; at += recordShardsMax) {
    yield shards.slice(at, at + recordShardsMax);
  }
}
