/**
 * The records that a cadre orders (job.md section 4, docs/protocol/job.md). Seals and refusals are
 * signed by the worker's identity, marks by a member's consensus key, a cancel by the requester. A
 * reveal needs no signature: only the worker that sealed knows the salts it opens.
 */
import { u64, writeU64 } from '../base/bytes.ts';
import {
  DIGEST_BYTES,
  type Digest,
  NODE_ID_BYTES,
  type NodeId,
  SIGNATURE_BYTES,
} from '../base/ids.ts';
import { countedRoot, taggedHash } from '../crypto/portable/hash.ts';
import { leafHash, packedTreeHash } from '../crypto/portable/merkle.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  oneOf,
  struct,
  text,
  variant,
} from '../wire/shape.ts';
import { TAGS } from '../wire/tags.ts';
import { cadreEntryShape } from './plan.ts';
import { SHARD_NUMBER_BYTES } from './shard-list.ts';

export const SALT_BYTES = 16;

const packedShards = bytesUpTo(LIMITS.recordShardsMax * SHARD_NUMBER_BYTES, SHARD_NUMBER_BYTES);
const wave = integer(0, 2 * LIMITS.replicasMax + 1);
const node = bytes(NODE_ID_BYTES);

/** A worker commits to its results of one wave: one signature over many sealed tuples. */
export const sealShape = struct({
  kind: oneOf('seal'),
  planId: bytes(32),
  worker: node,
  wave,
  shards: packedShards,
  /** Sealed tuple hashes, 32 bytes each, in the order of `shards`. */
  tuples: bytesUpTo(LIMITS.recordShardsMax * 32, 32),
  /** Identity key over tag signSeal and canonical {planId, worker, wave, root}. */
  signature: bytes(SIGNATURE_BYTES),
});
export type SealRecord = Infer<typeof sealShape>;

/** Opens sealed tuples of one seal record, all or some. */
export const revealShape = struct({
  kind: oneOf('reveal'),
  planId: bytes(32),
  worker: node,
  wave,
  /** Record id of the seal that these open. */
  seal: bytes(32),
  shards: packedShards,
  /** 16 bytes each, in the order of `shards`. */
  salts: bytesUpTo(LIMITS.recordShardsMax * SALT_BYTES, SALT_BYTES),
  /** Blob roots of the outputs: per shard, then in the kernel's output order, 32 bytes each. */
  digests: bytesUpTo(LIMITS.recordBytesMax, 32),
});
export type RevealRecord = Infer<typeof revealShape>;

export const REFUSAL_REASONS = [
  'busy',
  'unknown-kernel',
  'not-entitled',
  'over-limits',
  'input-unavailable',
  'kernel-failed',
  'draining',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export const refusalShape = struct({
  kind: oneOf('refusal'),
  planId: bytes(32),
  worker: node,
  wave,
  shards: packedShards,
  reason: oneOf(...REFUSAL_REASONS),
  /** One line for people; never parsed. */
  detail: text(256),
  /** Identity key over tag signRefusal and the canonical record without this field. */
  signature: bytes(SIGNATURE_BYTES),
});
export type RefusalRecord = Infer<typeof refusalShape>;

/** A member's own monotonic clock says that a worker is late; f + 1 such marks act. */
export const overdueShape = struct({
  kind: oneOf('overdue'),
  planId: bytes(32),
  seat: integer(0, LIMITS.cadreSeatsMax - 1),
  phase: oneOf('seal', 'reveal'),
  worker: node,
  wave,
  shards: packedShards,
  /** Consensus key of the seat over tag signMark and the canonical record without this field. */
  signature: bytes(SIGNATURE_BYTES),
});
export type OverdueRecord = Infer<typeof overdueShape>;

/** A member's clock says that the job's own deadline passed; f + 1 such marks fail the job. */
export const deadlineShape = struct({
  kind: oneOf('deadline'),
  planId: bytes(32),
  seat: integer(0, LIMITS.cadreSeatsMax - 1),
  signature: bytes(SIGNATURE_BYTES),
});
export type DeadlineRecord = Infer<typeof deadlineShape>;

/** `signature`: the requester's identity key over tag signCancel and canonical {planId}. */
export const cancelShape = struct({
  kind: oneOf('cancel'),
  planId: bytes(32),
  signature: bytes(SIGNATURE_BYTES),
});
export type CancelRecord = Infer<typeof cancelShape>;

/**
 * A member says: the seat of `entry` is silent, and this node has agreed to take it. f + 1 seats
 * that say the same end the epoch.
 */
export const replaceShape = struct({
  kind: oneOf('replace'),
  planId: bytes(32),
  /** The epoch that this would end. */
  epoch: integer(0, LIMITS.epochsMax),
  seat: integer(0, LIMITS.cadreSeatsMax - 1),
  entry: cadreEntryShape,
  /** As of the other marks. */
  signature: bytes(SIGNATURE_BYTES),
});
export type ReplaceRecord = Infer<typeof replaceShape>;

export const recordShape = variant('kind', {
  seal: sealShape,
  reveal: revealShape,
  refusal: refusalShape,
  overdue: overdueShape,
  deadline: deadlineShape,
  cancel: cancelShape,
  replace: replaceShape,
});
export type LedgerRecord = Infer<typeof recordShape>;
/** What a member says as a member, signed with its key of this plan. */
export type MarkRecord = OverdueRecord | DeadlineRecord | ReplaceRecord;

export function recordIdOf(encoded: Uint8Array): Digest {
  return taggedHash(TAGS.record, encoded);
}

/** One digest for a shard's outputs, whatever their number: H(shardResult, digests in order). */
export function shardResultDigest(outputDigests: Uint8Array): Digest {
  return taggedHash(TAGS.shardResult, outputDigests);
}

/** H(digest, worker, planId, shard, salt): binds a result to who sealed it and where. */
export function sealedTuple(
  digest: Digest,
  worker: NodeId,
  place: { readonly planId: Digest; readonly shard: number },
  salt: Uint8Array,
): Digest {
  return taggedHash(TAGS.sealedTuple, digest, worker, place.planId, u64(place.shard), salt);
}

/**
 * Leaf hashes of a batch, 32 bytes each, from its `tuples`, 32 bytes each in the order of `shards`.
 * A leaf says its shard in the clear: a tuple hides it, and the signature must cover it.
 */
export function sealLeaves(shards: readonly number[], tuples: Uint8Array): Uint8Array {
  const leaves = new Uint8Array(tuples.length);
  const leaf = new Uint8Array(8 + DIGEST_BYTES);
  for (const [i, shard] of shards.entries()) {
    const at = i * DIGEST_BYTES;
    writeU64(leaf, 0, shard);
    leaf.set(tuples.subarray(at, at + DIGEST_BYTES), 8);
    leaves.set(leafHash(leaf), at);
  }
  return leaves;
}

/** Counted Merkle root over the leaf hashes of one batch, 32 bytes each. */
export function sealBatchRoot(leaves: Uint8Array): Digest {
  return countedRoot(TAGS.sealBatch, leaves.length / DIGEST_BYTES, packedTreeHash(leaves));
}

/** What a worker signs for a seal. */
export function sealBody(
  seal: Pick<SealRecord, 'planId' | 'worker' | 'wave'>,
  root: Digest,
): Uint8Array {
  return encodeCanonical({ planId: seal.planId, worker: seal.worker, wave: seal.wave, root });
}

/** What is signed of a record whose signature covers all its other fields. */
export function unsignedBody(record: RefusalRecord | MarkRecord): Uint8Array {
  const { signature: _, ...body } = record;
  return encodeCanonical(body);
}
