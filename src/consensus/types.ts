/**
 * The consensus objects as they are hashed, signed and sent, each with its canonical shape. Every
 * list and byte string is bounded here. Defined by docs/protocol/consensus.md, "Objects".
 */
import { DIGEST_BYTES, SIGNATURE_BYTES } from '../base/ids.ts';
import {
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  list,
  oneOf,
  optional,
  struct,
} from '../wire/shape.ts';

export const BLOCK_VERSION = 1;
/** Seats of a cadre at most; a bitmap then has at most 13 bytes. */
export const SEATS_MAX = 100;
/** Payload references in one block at most: 8 KiB of digests. */
export const PAYLOAD_REFS_MAX = 256;
/** Pieces of evidence in one block at most. */
export const EVIDENCE_REFS_MAX = 16;

const digest = bytes(DIGEST_BYTES);
/** 64 bytes of Ed25519, or 96 of BLS12-381. */
export const signatureShape = bytesUpTo(96, 32);
const bitmap = bytesUpTo(Math.ceil(SEATS_MAX / 8));
/** A list of signatures, or one aggregate. */
const signatures = bytesUpTo(SEATS_MAX * SIGNATURE_BYTES, 32);
const seat = integer(0, SEATS_MAX - 1);
const round = integer(0);

/** Quorum certificate: q votes for one block. `sigs` holds 64 bytes per set bit, in seat order. */
export const qcShape = struct({
  epoch: integer(0),
  round,
  blockId: digest,
  /** Round of the certified block's own QC; signed, so that votes prove what they built on. */
  parentRound: round,
  signers: bitmap,
  sigs: signatures,
});
export type Qc = Infer<typeof qcShape>;

/** Timeout certificate: q timeouts of one round, and the highest QC that any of them knew. */
export const tcShape = struct({
  epoch: integer(0),
  round,
  signers: bitmap,
  /** One per signer, in seat order. */
  highQcRounds: list(round, SEATS_MAX),
  sigs: signatures,
  highQc: qcShape,
});
export type Tc = Infer<typeof tcShape>;

/** Commit certificate: q commit votes for one block, the finality proof handed to the outside. */
export const commitCertShape = struct({
  epoch: integer(0),
  round,
  height: integer(1),
  blockId: digest,
  stateRoot: digest,
  resultsRoot: digest,
  /** Present iff the epoch ends with this block: the root of the next one's cadre. */
  nextCadreRoot: optional(digest),
  signers: bitmap,
  sigs: signatures,
});
export type CommitCert = Infer<typeof commitCertShape>;

/** Block header; its id is the hash of exactly these bytes, the full QC included. */
export const blockShape = struct({
  version: oneOf(BLOCK_VERSION),
  planId: digest,
  epoch: integer(0),
  round: integer(1),
  height: integer(1),
  /** Always `qc.blockId`. */
  parentId: digest,
  qc: qcShape,
  /** Seat of the leader that made it. */
  author: seat,
  /** Digests of payloads, in execution order, each at most once per chain. */
  payloadRefs: list(digest, PAYLOAD_REFS_MAX),
  /** Digests of evidence, each fault of a seat at most once per chain. */
  evidence: list(digest, EVIDENCE_REFS_MAX),
  /** Roots after executing the payloads on the parent's state. */
  resultsRoot: digest,
  stateRoot: digest,
  /** Present iff these payloads end the epoch, or an ancestor's did. */
  nextCadreRoot: optional(digest),
  /** Wall time of the author, advisory: nothing depends on it. */
  timeMs: integer(0),
});
export type Block = Infer<typeof blockShape>;

export const voteShape = struct({
  kind: oneOf('vote'),
  epoch: integer(0),
  round: integer(1),
  blockId: digest,
  parentRound: round,
  voter: seat,
  sig: signatureShape,
});
export type Vote = Infer<typeof voteShape>;

declare const verified: unique symbol;

/** A value whose every signature was checked. Nothing else may influence what a replica signs. */
export type Verified<T> = T & { readonly [verified]: true };

/**
 * Mints the brand. Called in four places only: where signatures have just been checked (driver),
 * where a certificate is assembled from checked votes (collectors), for the genesis certificate,
 * and for what this node had itself checked and written to its own log (recovery).
 */
export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}

/** A certificate inside a checked message was checked with it. */
export function verifiedPart<T>(_whole: Verified<unknown>, part: T): Verified<T> {
  return part as Verified<T>;
}
