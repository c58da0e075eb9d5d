/**
 * What can be judged of a record without the ledger's state: encoding, bounds, plan, who speaks and
 * its signature (docs/protocol/ledger.md, "Checking"). A member does this once per record, off the
 * path of consensus; reveals are hashed here too, so that executing one is only a comparison.
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { DIGEST_BYTES, type Digest } from '../../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../../base/verdict.ts';
import { verifyEd25519 } from '../../crypto/portable/ed25519.ts';
import { sha256 } from '../../crypto/portable/hash.ts';
import { isSignedBy, signingBytes } from '../../crypto/portable/signed.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import { LIMITS } from '../../wire/limits.ts';
import { TAGS, type Tag } from '../../wire/tags.ts';
import { UNSIGNED } from '../build-record.ts';
import { standInProblem } from '../cadre.ts';
import type { OpenPlan } from '../open-plan.ts';
import type { CadreEntry } from '../plan.ts';
import {
  type CancelRecord,
  type DeadlineRecord,
  type LedgerRecord,
  type MarkRecord,
  type OverdueRecord,
  type RefusalRecord,
  type ReplaceRecord,
  type RevealRecord,
  recordIdOf,
  recordShape,
  SALT_BYTES,
  type SealRecord,
  sealBatchRoot,
  sealBody,
  sealLeaves,
  unsignedBody,
} from '../records.ts';
import { sealBatch } from '../sealing.ts';
import { unpackShards } from '../shard-list.ts';

interface CheckedBase {
  readonly id: Digest;
  /** Unpacked, ascending; empty where the record names none. */
  readonly shards: readonly number[];
  /** Candidate index of the worker that the record is about; -1 where it is about none. */
  readonly candidate: number;
}

export interface CheckedSeal extends CheckedBase {
  readonly kind: 'seal';
  readonly record: SealRecord;
}

export interface CheckedReveal extends CheckedBase {
  readonly kind: 'reveal';
  readonly record: RevealRecord;
  /** Shard result digests, 32 bytes each, in the order of `shards`. */
  readonly results: Uint8Array;
  /** The sealed tuples that the record opens, 32 bytes each. */
  readonly tuples: Uint8Array;
}

export interface CheckedRefusal extends CheckedBase {
  readonly kind: 'refusal';
  readonly record: RefusalRecord;
}

export interface CheckedOverdue extends CheckedBase {
  readonly kind: 'overdue';
  readonly record: OverdueRecord;
}

export interface CheckedDeadline extends CheckedBase {
  readonly kind: 'deadline';
  readonly record: DeadlineRecord;
}

export interface CheckedCancel extends CheckedBase {
  readonly kind: 'cancel';
  readonly record: CancelRecord;
}

export interface CheckedReplace extends CheckedBase {
  readonly kind: 'replace';
  readonly record: ReplaceRecord;
  /** Hex of the entry's hash: equal statements are counted. */
  readonly entryKey: string;
}

export type CheckedRecord =
  | CheckedSeal
  | CheckedReveal
  | CheckedRefusal
  | CheckedOverdue
  | CheckedDeadline
  | CheckedCancel
  | CheckedReplace;

/**
 * `seats`: those of the epoch, whose keys marks are checked with. Reasons: those of
 * `decodeCanonical` and `standInProblem`, and `wrong-plan`, `unknown-worker`, `bad-shard-list`,
 * `too-many-shards`, `wrong-length`, `unknown-seat`, `bad-signature`. Never throws.
 */
export function checkRecord(
  plan: OpenPlan,
  bytes: Uint8Array,
  seats: readonly CadreEntry[] = plan.seats,
): Checked<CheckedRecord> {
  const decoded = decodeCanonical(bytes, recordShape, LIMITS.recordBytesMax);
  if (!decoded.ok) return decoded;
  const record = decoded.value;
  if (!equalBytes(record.planId, plan.planId)) return refuse('wrong-plan', 'ignore');
  const id = recordIdOf(bytes);
  switch (record.kind) {
    case 'cancel':
      return checkCancel(plan, record, id);
    case 'deadline':
    case 'replace':
      return checkMark(plan, record, id, seats);
    default:
      return checkAboutShards(plan, record, { id, seats });
  }
}

function checkCancel(plan: OpenPlan, record: CancelRecord, id: Digest): Checked<CheckedRecord> {
  const base = { id, shards: [], candidate: -1 };
  const body = encodeCanonical({ planId: record.planId });
  const isSigned = isSignedBy(plan.spec.requester, TAGS.signCancel, body, record.signature);
  return isSigned ? accept({ ...base, kind: 'cancel', record }) : refuse('bad-signature');
}

/** About no shard. */
function checkMark(
  plan: OpenPlan,
  record: DeadlineRecord | ReplaceRecord,
  id: Digest,
  seats: readonly CadreEntry[],
): Checked<CheckedRecord> {
  const base = { id, shards: [], candidate: -1 };
  const problem = markProblem(seats, record);
  if (problem !== undefined) return problem;
  if (record.kind === 'deadline') return accept({ ...base, kind: 'deadline', record });
  const unfit = standInProblem(plan, record.entry);
  const entryKey = toHex(sha256(encodeCanonical(record.entry)));
  return unfit ?? accept({ ...base, kind: 'replace', record, entryKey });
}

function checkAboutShards(
  plan: OpenPlan,
  record: Exclude<LedgerRecord, CancelRecord | DeadlineRecord | ReplaceRecord>,
  { id, seats }: { readonly id: Digest; readonly seats: readonly CadreEntry[] },
): Checked<CheckedRecord> {
  const candidate = plan.candidateOf(record.worker);
  if (candidate === undefined) return refuse('unknown-worker');
  const shards = unpackShards(record.shards, plan.spec.shards);
  if (!shards.ok) return shards;
  if (shards.value.length > LIMITS.recordShardsMax) return refuse('too-many-shards');
  const base = { id, shards: shards.value, candidate };
  switch (record.kind) {
    case 'seal':
      return sealProblem(record, base.shards) ?? accept({ ...base, kind: 'seal', record });
    case 'reveal':
      return checkReveal(plan, record, base);
    case 'refusal':
      return refusalProblem(record) ?? accept({ ...base, kind: 'refusal', record });
    case 'overdue':
      return markProblem(seats, record) ?? accept({ ...base, kind: 'overdue', record });
  }
}

function sealProblem(record: SealRecord, shards: readonly number[]): Refusal | undefined {
  if (record.tuples.length !== shards.length * DIGEST_BYTES) return refuse('wrong-length');
  const body = sealBody(record, sealBatchRoot(sealLeaves(shards, record.tuples)));
  return signatureProblem(record, TAGS.signSeal, body);
}

/** A reveal carries no signature: only who sealed knows what opens the seal. */
function checkReveal(
  plan: OpenPlan,
  record: RevealRecord,
  base: CheckedBase,
): Checked<CheckedReveal> {
  const { shards } = base;
  const digestBytes = shards.length * plan.outputsPerShard * DIGEST_BYTES;
  if (record.salts.length !== shards.length * SALT_BYTES) return refuse('wrong-length');
  if (record.digests.length !== digestBytes) return refuse('wrong-length');
  const { planId, worker, salts, digests } = record;
  const batch = sealBatch({ planId, worker, shards, salts, digests });
  return accept({ ...base, ...batch, kind: 'reveal', record });
}

function refusalProblem(record: RefusalRecord): Refusal | undefined {
  return signatureProblem(record, TAGS.signRefusal, unsignedBody(record));
}

function signatureProblem(
  record: SealRecord | RefusalRecord,
  tag: Tag,
  body: Uint8Array,
): Refusal | undefined {
  const isSigned = isSignedBy(record.worker, tag, body, record.signature);
  return isSigned ? undefined : refuse('bad-signature');
}

/** Without a cadre only the requester feeds marks, to itself: seat 0, no signature. */
function markProblem(seats: readonly CadreEntry[], record: MarkRecord): Refusal | undefined {
  if (seats.length === 0) {
    if (record.seat !== 0) return refuse('unknown-seat');
    return equalBytes(record.signature, UNSIGNED) ? undefined : refuse('bad-signature');
  }
  const entry = seats[record.seat];
  if (entry === undefined) return refuse('unknown-seat');
  const message = signingBytes(TAGS.signMark, unsignedBody(record));
  const isSigned = verifyEd25519(entry.key, message, record.signature);
  return isSigned ? undefined : refuse('bad-signature');
}
