/**
 * Result digests and sealed tuples of a whole batch at once: the same bytes as `shardResultDigest`
 * and `sealedTuple` give one by one (docs/protocol/job.md, "Seals"), without an allocation per
 * shard. Workers seal with it; members open reveals with it.
 */
import { writeU64 } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest, NODE_ID_BYTES, type NodeId } from '../base/ids.ts';
import { sha256, tagPrefix } from '../crypto/portable/hash.ts';
import { TAGS } from '../wire/tags.ts';
import { SALT_BYTES } from './records.ts';

export interface SealInit {
  readonly planId: Digest;
  readonly worker: NodeId;
  readonly shards: readonly number[];
  /** 16 bytes per shard. */
  readonly salts: Uint8Array;
  /** Blob roots of the outputs, per shard in the kernel's output order: 32 x outputs per shard. */
  readonly digests: Uint8Array;
}

export interface SealedBatch {
  /** Shard result digests, 32 bytes each. */
  readonly results: Uint8Array;
  /** Sealed tuples, 32 bytes each. */
  readonly tuples: Uint8Array;
}

/** Lengths must agree: salts 16 x shards, digests a positive multiple of 32 x shards. */
export function sealBatch(init: SealInit): SealedBatch {
  const { shards, salts, digests } = init;
  const results = new Uint8Array(shards.length * DIGEST_BYTES);
  const tuples = new Uint8Array(shards.length * DIGEST_BYTES);
  const prefix = tagPrefix(TAGS.shardResult);
  const outputBytes = shards.length === 0 ? 0 : digests.length / shards.length;
  const resultInput = new Uint8Array(prefix.length + outputBytes);
  resultInput.set(prefix);
  const tuple = tupleInput(init);
  for (let i = 0; i < shards.length; i++) {
    resultInput.set(digests.subarray(i * outputBytes, (i + 1) * outputBytes), prefix.length);
    const result = sha256(resultInput);
    results.set(result, i * DIGEST_BYTES);
    tuple.bytes.set(result, tuple.digestAt);
    writeU64(tuple.bytes, tuple.shardAt, shards[i]!);
    tuple.bytes.set(salts.subarray(i * SALT_BYTES, (i + 1) * SALT_BYTES), tuple.shardAt + 8);
    tuples.set(sha256(tuple.bytes), i * DIGEST_BYTES);
  }
  return { results, tuples };
}

/** The hash input of `sealedTuple`, with the parts that differ per shard left open. */
function tupleInput(init: SealInit) {
  const prefix = tagPrefix(TAGS.sealedTuple);
  const workerAt = prefix.length + DIGEST_BYTES;
  const planAt = workerAt + NODE_ID_BYTES;
  const shardAt = planAt + DIGEST_BYTES;
  const bytes = new Uint8Array(shardAt + 8 + SALT_BYTES);
  bytes.set(prefix);
  bytes.set(init.worker, workerAt);
  bytes.set(init.planId, planAt);
  return { bytes, digestAt: prefix.length, shardAt };
}
