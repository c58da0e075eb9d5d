/**
 * What requester, workers and cadre members say to each other about one job, over the `job`
 * protocol (docs/protocol/job-messages.md). Requests are answered; notices are one-way and every
 * one of them may be lost, repeated or late.
 */
import { NODE_ID_BYTES, SIGNATURE_BYTES } from '../base/ids.ts';
import type { Checked } from '../base/verdict.ts';
import { epochLinkShape } from '../certificate/epochs.ts';
import { SNAPSHOT_BYTES_MAX } from '../consensus/messages.ts';
import { cadreEntryShape, planPackageShape } from '../job/plan.ts';
import { PHASE_NAMES, STANDING_NAMES, WORKER_STEPS } from '../job/why.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  boolean,
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  list,
  oneOf,
  optional,
  type Shape,
  struct,
  text,
  variant,
} from '../wire/shape.ts';

/** A certificate up to this size travels inside the answer; a larger one is fetched as a blob. */
export const INLINE_CERTIFICATE_BYTES_MAX = 262_144;

const planId = bytes(32);
const wave = integer(0, 2 * LIMITS.replicasMax + 1);
const packedShards = bytesUpTo(LIMITS.shardsMax * 4, 4);
/** Oldest first. */
const links = list(epochLinkShape, LIMITS.epochsMax);
/** Of a ledger's history in one answer. */
export const HANDOVER_CHUNK_BYTES = 512 << 10;
const shardNumber = integer(0, LIMITS.shardsMax);

/** Shards in one answer to `why`, and in one question `doing`. */
export const WHY_ROWS_MAX = 64;
/** Workers that one shard may use: 2R + 1. */
const SLOTS_MAX = 2 * LIMITS.replicasMax + 1;

/** Requests, told apart by `t`. */
export const jobRequestShape = variant('t', {
  /** Requester to candidate: take this seat of this plan (`package.cadre` is still empty). */
  convene: struct({
    t: oneOf('convene'),
    seat: integer(0, LIMITS.cadreSeatsMax - 1),
    package: planPackageShape,
  }),
  /** Requester to member: the cadre is complete, begin. */
  open: struct({
    t: oneOf('open'),
    planId,
    skipped: list(integer(0, LIMITS.rosterAdvertsMax), LIMITS.cadreSeatsMax),
    cadre: list(cadreEntryShape, LIMITS.cadreSeatsMax, 1),
    /** The job goes on without its requester. */
    detached: boolean,
  }),
  /** Member to candidate: take the seat of a silent member; `links` show that the asker sits. */
  'stand-in': struct({
    t: oneOf('stand-in'),
    seat: integer(0, LIMITS.cadreSeatsMax - 1),
    detached: boolean,
    package: planPackageShape,
    links,
  }),
  /** Member or stand-in to member: how the newest epoch began, from this byte of the history on. */
  handover: struct({ t: oneOf('handover'), planId, offset: integer(0, SNAPSHOT_BYTES_MAX) }),
  /** Requester or member to worker: you are entitled to shards of this wave. */
  assign: struct({ t: oneOf('assign'), wave, shards: packedShards, package: planPackageShape }),
  /** Worker to judge, or member to member: a ledger record. */
  record: struct({ t: oneOf('record'), planId, record: bytesUpTo(LIMITS.recordBytesMax) }),
  /** Worker to judge: what does the ledger say of me? Answered by `closed` notices. */
  ask: struct({ t: oneOf('ask'), planId }),
  /** Requester to member: the certificate of this finished plan. */
  certificate: struct({ t: oneOf('certificate'), planId }),
  /** Judge to worker: are you there, and do you work on this plan? */
  alive: struct({ t: oneOf('alive'), planId }),
  /** Requester to judge: where does the ledger stand, from this shard on? */
  why: struct({
    t: oneOf('why'),
    planId,
    first: shardNumber,
    count: integer(1, WHY_ROWS_MAX),
    /** Passes over accepted shards. */
    open: boolean,
  }),
  /** Requester to worker: what do you do about these shards? */
  doing: struct({ t: oneOf('doing'), planId, shards: bytesUpTo(WHY_ROWS_MAX * 4, 4) }),
  /** Anybody to member: what do you know of this job? `plan`: and its plan package, please. */
  find: struct({ t: oneOf('find'), jobId: bytes(32), plan: boolean }),
  /** Anybody to member: which certified jobs of this computation do you know? */
  known: struct({ t: oneOf('known'), computationId: bytes(32) }),
  /** Requester to member or worker: hold every input of this plan, whole. */
  hold: struct({ t: oneOf('hold'), planId }),
});
export type JobRequest = Infer<typeof jobRequestShape>;

/** Jobs in one answer to `known`. */
export const KNOWN_JOBS_MAX = 8;

/** Disputes, and groups of retries, in one outcome. */
export const OUTCOME_ROWS_MAX = 4_096;

const disputeShape = struct({
  shard: integer(0, LIMITS.shardsMax),
  node: bytes(NODE_ID_BYTES),
  kind: oneOf('wrong-result', 'equivocation', 'withheld'),
  evidence: list(bytes(32), 4),
});

const retryShape = struct({
  shards: packedShards,
  node: bytes(NODE_ID_BYTES),
  reason: text(64),
});

/** How a job ended, the same bytes at every honest judge; f + 1 equal ones are believed. */
export const outcomeShape = struct({
  planId,
  disputes: list(disputeShape, OUTCOME_ROWS_MAX),
  retries: list(retryShape, OUTCOME_ROWS_MAX),
  /** Empty when the job is done; else the error code of its failure. */
  failure: text(64),
  failedShard: integer(0, LIMITS.shardsMax),
});
export type Outcome = Infer<typeof outcomeShape>;

const ledgerRowShape = struct({
  shard: shardNumber,
  phase: oneOf(...PHASE_NAMES),
  wave,
  workers: list(
    struct({
      /** Index in the plan's roster. */
      node: integer(0, LIMITS.rosterAdvertsMax - 1),
      wave,
      standing: oneOf(...STANDING_NAMES),
    }),
    SLOTS_MAX,
  ),
});

export const jobAnswerShape = variant('t', {
  entry: struct({ t: oneOf('entry'), entry: cadreEntryShape }),
  ok: struct({ t: oneOf('ok') }),
  /** `links` with the first bytes only. */
  handover: struct({
    t: oneOf('handover'),
    links,
    total: integer(1, SNAPSHOT_BYTES_MAX),
    bytes: bytesUpTo(HANDOVER_CHUNK_BYTES),
  }),
  /** Blob root and size; the content too when it is small enough for a message. */
  certificate: struct({
    t: oneOf('certificate'),
    root: bytes(32),
    size: integer(1, LIMITS.certificateBytesMax),
    content: optional(bytesUpTo(INLINE_CERTIFICATE_BYTES_MAX)),
  }),
  /** `signature`: worker's identity key over tag signClaim and the canonical claim body. */
  claim: struct({
    t: oneOf('claim'),
    planId,
    worker: bytes(NODE_ID_BYTES),
    wave,
    shards: integer(0, LIMITS.shardsMax),
    signature: bytes(SIGNATURE_BYTES),
  }),
  refused: struct({ t: oneOf('refused'), reason: text(64), detail: text(256) }),
  why: struct({
    t: oneOf('why'),
    accepted: shardNumber,
    /** Error code of a failed job; else empty. */
    failure: text(64),
    next: shardNumber,
    rows: list(ledgerRowShape, WHY_ROWS_MAX),
  }),
  doing: struct({
    t: oneOf('doing'),
    rows: list(struct({ shard: shardNumber, wave, step: oneOf(...WORKER_STEPS) }), WHY_ROWS_MAX),
  }),
  /** What a member knows of a job. */
  job: struct({
    t: oneOf('job'),
    planId,
    state: oneOf('running', 'ended'),
    /** Shards accepted so far, for display. */
    accepted: integer(0, LIMITS.shardsMax),
    package: optional(planPackageShape),
    /** Present exactly when it has ended. */
    outcome: optional(outcomeShape),
  }),
  /** Job ids, newest first. */
  known: struct({ t: oneOf('known'), jobs: list(bytes(32), KNOWN_JOBS_MAX) }),
  /** Input bytes that are not here yet; 0: everything is held. */
  held: struct({ t: oneOf('held'), missing: integer() }),
});
export type JobAnswer = Infer<typeof jobAnswerShape>;

export const jobNoticeShape = variant('t', {
  /** Judge to worker: these shards of your seal are in closed sets; reveal. */
  closed: struct({ t: oneOf('closed'), planId, wave, shards: packedShards }),
  /** Judge or requester to worker: nothing more is wanted for this plan. */
  ended: struct({ t: oneOf('ended'), planId }),
  /** Worker to requester, for display: shards computed and the time that took. */
  computed: struct({
    t: oneOf('computed'),
    planId,
    shards: integer(0, LIMITS.shardsMax),
    /** Kernel time of these shards in microseconds. */
    micros: integer(0),
  }),
  /** Judge to requester, for display: how far the ledger is. */
  progress: struct({
    t: oneOf('progress'),
    planId,
    accepted: integer(0, LIMITS.shardsMax),
  }),
  /** Judge to requester: the end. */
  outcome: struct({
    t: oneOf('outcome'),
    outcome: outcomeShape,
  }),
  /** Judge to worker and requester: who judges from now on, provably. */
  cadre: struct({ t: oneOf('cadre'), planId, links }),
  /** Requester to judge: this worker did not answer me; see for yourself. */
  suspect: struct({ t: oneOf('suspect'), planId, worker: bytes(NODE_ID_BYTES) }),
});
export type JobNotice = Infer<typeof jobNoticeShape>;

/** Room for a record or plan package and its frame. */
export const JOB_MESSAGE_BYTES_MAX = LIMITS.recordBytesMax + LIMITS.planBytesMax;

export const encodeMessage = (message: JobRequest | JobAnswer | JobNotice): Uint8Array =>
  encodeCanonical(message);

export function decodeMessage<T>(body: Uint8Array, shape: Shape<T>): Checked<T> {
  return decodeCanonical(body, shape, JOB_MESSAGE_BYTES_MAX);
}

/** What a worker signs when it claims. */
export function claimBody(claim: {
  readonly planId: Uint8Array;
  readonly worker: Uint8Array;
  readonly wave: number;
  readonly shards: number;
}): Uint8Array {
  const { planId, worker, wave, shards } = claim;
  return encodeCanonical({ planId, worker, wave, shards });
}

/** A refusal as an answer. */
export function refusedAnswer(reason: string, detail = ''): Uint8Array {
  return encodeMessage({ t: 'refused', reason, detail: detail.slice(0, 256) });
}
