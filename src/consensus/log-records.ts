/**
 * What a replica writes to its log: one record per signing decision holding the safety state's
 * numbers AND the signed message (two files out of step are how validators lock themselves out,
 * tendermint#3089), plus the blocks, payloads and certificates behind it. Format:
 * docs/protocol/consensus.md, "Log records"; frames: docs/protocol/wal.md.
 */
import { utf8 } from '../base/bytes.ts';
import type { Checked } from '../base/verdict.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { bytes, bytesUpTo, type Infer, integer, oneOf, struct, variant } from '../wire/shape.ts';
import {
  EVIDENCE_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  PAYLOAD_BYTES_MAX,
  SNAPSHOT_CHUNK_BYTES,
} from './messages.ts';
import { blockShape, commitCertShape, SEATS_MAX, tcShape } from './types.ts';

const RECORD_VERSION = 1;
const BREACH_REASON_BYTES_MAX = 256;
/** The largest snapshot, and the headers beside it. */
const SNAPSHOT_PARTS_MAX = 1_024;
/** Two certificates of 100 seats, or a block with one. */
const BREACH_PROOF_BYTES_MAX = 1 << 18;

const recordShape = variant('kind', {
  /** First record of every log: whose it is. An unknown version is refused. */
  open: struct({
    kind: oneOf('open'),
    version: oneOf(RECORD_VERSION),
    planId: bytes(32),
    epoch: integer(0),
    cadreRoot: bytes(32),
    seat: integer(0, SEATS_MAX - 1),
  }),
  /** A signing decision: the state after it, and the message, exactly as it is sent. */
  signed: struct({
    kind: oneOf('signed'),
    epoch: integer(0),
    lastVotedRound: integer(0),
    lastProposedRound: integer(0),
    lockRound: integer(0),
    highestTimeoutRound: integer(0),
    lastCommitRound: integer(0),
    message: bytesUpTo(MESSAGE_BYTES_MAX),
  }),
  block: struct({ kind: oneOf('block'), block: blockShape }),
  payload: struct({ kind: oneOf('payload'), bytes: bytesUpTo(PAYLOAD_BYTES_MAX) }),
  evidence: struct({ kind: oneOf('evidence'), bytes: bytesUpTo(EVIDENCE_BYTES_MAX) }),
  tc: struct({ kind: oneOf('tc'), tc: tcShape }),
  /** Part of a snapshot that became the root; the last one completes it. */
  snapshot: struct({
    kind: oneOf('snapshot'),
    part: integer(0, SNAPSHOT_PARTS_MAX - 1),
    parts: integer(1, SNAPSHOT_PARTS_MAX),
    bytes: bytesUpTo(SNAPSHOT_CHUNK_BYTES),
  }),
  /** A delivered commit: the finality proof. */
  final: struct({ kind: oneOf('final'), cert: commitCertShape }),
  /** More than f seats are Byzantine: never sign again; the proof, for a person. */
  breach: struct({
    kind: oneOf('breach'),
    reason: bytesUpTo(BREACH_REASON_BYTES_MAX),
    proof: bytesUpTo(BREACH_PROOF_BYTES_MAX),
  }),
});

export type LogRecord = Infer<typeof recordShape>;
export type OpenRecord = Extract<LogRecord, { kind: 'open' }>;

export function openRecord(body: Omit<OpenRecord, 'kind' | 'version'>): OpenRecord {
  return { kind: 'open', version: RECORD_VERSION, ...body };
}

/** What is written when safety is broken: for a person, so what is too long is cut. */
export function breachRecord(reason: string, proof: unknown): LogRecord {
  return {
    kind: 'breach',
    reason: utf8(reason).subarray(0, BREACH_REASON_BYTES_MAX),
    proof: encodeCanonical(proof).subarray(0, BREACH_PROOF_BYTES_MAX),
  };
}

export function encodeRecord(record: LogRecord): Uint8Array {
  return encodeCanonical(record);
}

export function decodeRecord(record: Uint8Array): Checked<LogRecord> {
  return decodeCanonical(record, recordShape, MESSAGE_BYTES_MAX + 1024);
}
