/**
 * Making the records that a cadre orders: what workers, members and the requester sign and send
 * (docs/protocol/job.md). Each function gives the record; `encodeRecord` gives its bytes and id.
 */
import { type Digest, SIGNATURE_BYTES } from '../base/ids.ts';
import type { Signer } from '../base/ports.ts';
import { signTagged } from '../crypto/portable/signed.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { TAGS } from '../wire/tags.ts';
import type { CadreEntry } from './plan.ts';
import {
  type CancelRecord,
  type DeadlineRecord,
  type LedgerRecord,
  type MarkRecord,
  type OverdueRecord,
  type RefusalReason,
  type RefusalRecord,
  type ReplaceRecord,
  type RevealRecord,
  recordIdOf,
  type SealRecord,
  sealBatchRoot,
  sealBody,
  sealLeaves,
  unsignedBody,
} from './records.ts';
import { packShards } from './shard-list.ts';

export interface EncodedRecord {
  readonly id: Digest;
  readonly bytes: Uint8Array;
}

export function encodeRecord(record: LedgerRecord): EncodedRecord {
  const bytes = encodeCanonical(record);
  return { id: recordIdOf(bytes), bytes };
}

/** One wave's part of a job that a record speaks about; shards ascend. */
export interface RecordScope {
  readonly planId: Digest;
  readonly wave: number;
  readonly shards: readonly number[];
}

/** `tuples`: from `sealBatch`, in the order of the shards. */
export function buildSeal(signer: Signer, scope: RecordScope, tuples: Uint8Array): SealRecord {
  const head = { planId: scope.planId, worker: signer.nodeId, wave: scope.wave };
  const root = sealBatchRoot(sealLeaves(scope.shards, tuples));
  const signature = signTagged(signer, TAGS.signSeal, sealBody(head, root));
  return { kind: 'seal', ...head, shards: packShards(scope.shards), tuples, signature };
}

/** What a worker kept since it sealed; salts and digests of the shards it opens now. */
export interface Opening {
  readonly worker: Uint8Array;
  /** Record id of the seal. */
  readonly seal: Digest;
  readonly salts: Uint8Array;
  readonly digests: Uint8Array;
}

export function buildReveal(scope: RecordScope, opening: Opening): RevealRecord {
  const { planId, wave, shards } = scope;
  return { kind: 'reveal', planId, wave, shards: packShards(shards), ...opening };
}

/** `detail` is cut at 256 characters. */
export function buildRefusal(
  signer: Signer,
  scope: RecordScope,
  why: { readonly reason: RefusalReason; readonly detail: string },
): RefusalRecord {
  const record: RefusalRecord = {
    kind: 'refusal',
    planId: scope.planId,
    worker: signer.nodeId,
    wave: scope.wave,
    shards: packShards(scope.shards),
    reason: why.reason,
    detail: why.detail.slice(0, 256),
    signature: UNSIGNED,
  };
  return { ...record, signature: signTagged(signer, TAGS.signRefusal, unsignedBody(record)) };
}

/**
 * Who marks: a seat with its consensus key. Without a cadre the requester judges alone; its marks
 * are seat 0's and carry 64 zero bytes, because nobody else ever reads them.
 */
export interface Marker {
  readonly seat: number;
  readonly signer: Signer | undefined;
}

export function buildOverdue(
  marker: Marker,
  scope: RecordScope,
  late: { readonly worker: Uint8Array; readonly phase: 'seal' | 'reveal' },
): OverdueRecord {
  const record: OverdueRecord = {
    kind: 'overdue',
    planId: scope.planId,
    seat: marker.seat,
    phase: late.phase,
    worker: late.worker,
    wave: scope.wave,
    shards: packShards(scope.shards),
    signature: UNSIGNED,
  };
  return { ...record, signature: markSignature(marker, record) };
}

export function buildDeadline(marker: Marker, planId: Digest): DeadlineRecord {
  const record: DeadlineRecord = {
    kind: 'deadline',
    planId,
    seat: marker.seat,
    signature: UNSIGNED,
  };
  return { ...record, signature: markSignature(marker, record) };
}

/** `epoch`: the one that the marker sits in. */
export function buildReplace(
  marker: Marker,
  { planId, epoch }: { readonly planId: Digest; readonly epoch: number },
  entry: CadreEntry,
): ReplaceRecord {
  const head = { kind: 'replace', planId, epoch, seat: marker.seat, entry } as const;
  const record: ReplaceRecord = { ...head, signature: UNSIGNED };
  return { ...record, signature: markSignature(marker, record) };
}

export function buildCancel(signer: Signer, planId: Digest): CancelRecord {
  const signature = signTagged(signer, TAGS.signCancel, encodeCanonical({ planId }));
  return { kind: 'cancel', planId, signature };
}

/** What stands where a signature is still missing, or none is needed. */
export const UNSIGNED: Uint8Array = new Uint8Array(SIGNATURE_BYTES);

function markSignature(marker: Marker, record: MarkRecord): Uint8Array {
  if (marker.signer === undefined) return UNSIGNED;
  return signTagged(marker.signer, TAGS.signMark, unsignedBody(record));
}
