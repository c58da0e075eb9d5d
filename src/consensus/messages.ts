/**
 * Consensus messages on the wire and the exact bytes under every signature. Defined by
 * docs/protocol/consensus.md; golden bytes in test/vectors/consensus.json.
 */
import { concatBytes } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import type { Checked } from '../base/verdict.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { signingBytes } from '../crypto/portable/signed.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import {
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  list,
  oneOf,
  optional,
  struct,
  variant,
} from '../wire/shape.ts';
import { TAGS, type Tag } from '../wire/tags.ts';
import { type Roots, rootsOf } from './roots.ts';
import { type Domain, domainBytes } from './seats.ts';
import {
  type Block,
  blockShape,
  type CommitCert,
  commitCertShape,
  qcShape,
  SEATS_MAX,
  signatureShape,
  tcShape,
  type Vote,
  voteShape,
} from './types.ts';

/** One payload at most. */
export const PAYLOAD_BYTES_MAX = 1 << 20;
/** Any consensus message at most: a payload and its frame, or a page of blocks. */
export const MESSAGE_BYTES_MAX = PAYLOAD_BYTES_MAX + 1024;
/** Two blocks of a hundred seats with all their references are half of it. */
export const EVIDENCE_BYTES_MAX = 1 << 16;
/** Blocks in one answer at most. */
export const BLOCKS_PER_ANSWER_MAX = 64;
/** One chunk of a snapshot at most. */
export const SNAPSHOT_CHUNK_BYTES = 512 << 10;
/** A whole snapshot at most: one is held in memory while it is fetched or served. */
export const SNAPSHOT_BYTES_MAX = 256 << 20;
/** Payloads asked for in one request at most. */
export const PAYLOADS_PER_REQUEST_MAX = 64;

const digest = bytes(DIGEST_BYTES);
const seat = integer(0, SEATS_MAX - 1);

const proposalShape = struct({
  kind: oneOf('proposal'),
  block: blockShape,
  /** The author's signature over the block id. */
  sig: signatureShape,
  /** Present iff the block's QC is not of the round before: the reason to skip rounds. */
  tc: optional(tcShape),
  /** The author's highest commit certificate, for those who missed it. */
  cc: optional(commitCertShape),
});
export type Proposal = Infer<typeof proposalShape>;

const timeoutShape = struct({
  kind: oneOf('timeout'),
  epoch: integer(0),
  round: integer(1),
  highQcRound: integer(0),
  voter: seat,
  sig: signatureShape,
  highQc: qcShape,
  /** Present iff highQc is not of the round before: proof that this round was entered. */
  tc: optional(tcShape),
  cc: optional(commitCertShape),
});
export type Timeout = Infer<typeof timeoutShape>;

const commitVoteShape = struct({
  kind: oneOf('commit'),
  epoch: integer(0),
  round: integer(1),
  height: integer(1),
  blockId: digest,
  stateRoot: digest,
  resultsRoot: digest,
  nextCadreRoot: optional(digest),
  voter: seat,
  sig: signatureShape,
  qc: qcShape,
});
export type CommitVote = Infer<typeof commitVoteShape>;

const syncInfoShape = struct({
  kind: oneOf('sync'),
  highQc: qcShape,
  highTc: optional(tcShape),
  highCc: optional(commitCertShape),
});
export type SyncInfo = Infer<typeof syncInfoShape>;

/** Asks for a block and its ancestors, newest first. */
const wantBlocksShape = struct({
  kind: oneOf('want-blocks'),
  blockId: digest,
  count: integer(1, BLOCKS_PER_ANSWER_MAX),
});
/** Newest first; an empty list says "not found". */
const blocksShape = struct({
  kind: oneOf('blocks'),
  blockId: digest,
  blocks: list(blockShape, BLOCKS_PER_ANSWER_MAX),
});
const wantPayloadsShape = struct({
  kind: oneOf('want-payloads'),
  ids: list(digest, PAYLOADS_PER_REQUEST_MAX, 1),
});
/** One answer per id; without bytes it says "not found". */
const payloadShape = struct({
  kind: oneOf('payload'),
  id: digest,
  bytes: optional(bytesUpTo(PAYLOAD_BYTES_MAX)),
});
/** Asks for the snapshot after this block, from a byte on. */
const wantSnapshotShape = struct({
  kind: oneOf('want-snapshot'),
  blockId: digest,
  offset: integer(0, SNAPSHOT_BYTES_MAX),
});
/** A `total` of 0 says "not found". */
const snapshotShape = struct({
  kind: oneOf('snapshot'),
  blockId: digest,
  offset: integer(0, SNAPSHOT_BYTES_MAX),
  total: integer(0, SNAPSHOT_BYTES_MAX),
  bytes: bytesUpTo(SNAPSHOT_CHUNK_BYTES),
});
/** What a member found out about another, for all to check. */
const evidenceMessageShape = struct({
  kind: oneOf('evidence'),
  evidence: bytesUpTo(EVIDENCE_BYTES_MAX),
});
/** A restarted member asks what others have seen signed by its key. */
const wantSeenShape = struct({ kind: oneOf('want-seen') });
/** The newest vote, timeout and commit vote seen of the asker, as they arrived. */
const seenShape = struct({ kind: oneOf('seen'), messages: list(bytesUpTo(1 << 16), 3) });

const messageShape = variant('kind', {
  proposal: proposalShape,
  vote: voteShape,
  timeout: timeoutShape,
  commit: commitVoteShape,
  sync: syncInfoShape,
  'want-blocks': wantBlocksShape,
  blocks: blocksShape,
  'want-payloads': wantPayloadsShape,
  payload: payloadShape,
  'want-snapshot': wantSnapshotShape,
  snapshot: snapshotShape,
  evidence: evidenceMessageShape,
  'want-seen': wantSeenShape,
  seen: seenShape,
});
export type Message = Infer<typeof messageShape>;
/** The messages that a seat signs. */
export type SignedMessage = Proposal | Vote | Timeout | CommitVote;
/** The others: they reveal nothing that must be durable first. */
export type UnsignedMessage = Exclude<Message, SignedMessage>;
export type MessageOf<K extends Message['kind']> = Extract<Message, { kind: K }>;

export function encodeMessage(message: Message): Uint8Array {
  return encodeCanonical(message);
}

/** Refuses for size, encoding or shape; never throws. */
export function decodeMessage(message: Uint8Array): Checked<Message> {
  return decodeCanonical(message, messageShape, MESSAGE_BYTES_MAX);
}

export function blockId(block: Block): Digest {
  return taggedHash(TAGS.block, encodeCanonical(block));
}

function signedBytes(tag: Tag, domain: Domain, body: Uint8Array): Uint8Array {
  return signingBytes(tag, concatBytes([domainBytes(domain), body]));
}

/** What the author of a block signs: its id. */
export function proposalSigningBytes(domain: Domain, id: Digest): Uint8Array {
  return signedBytes(TAGS.consensusProposal, domain, id);
}

export function voteSigningBytes(
  domain: Domain,
  body: Pick<Vote, 'round' | 'blockId' | 'parentRound'>,
): Uint8Array {
  const { round, blockId, parentRound } = body;
  const encoded = encodeCanonical({ round, blockId, parentRound });
  return signedBytes(TAGS.consensusVote, domain, encoded);
}

/** Only the round of the high QC is signed, so that a TC stores rounds instead of QCs. */
export function timeoutSigningBytes(
  domain: Domain,
  body: Pick<Timeout, 'round' | 'highQcRound'>,
): Uint8Array {
  const { round, highQcRound } = body;
  return signedBytes(TAGS.consensusTimeout, domain, encodeCanonical({ round, highQcRound }));
}

/** The body under commit votes, hence under a commit certificate. */
export function commitSigningBytes(
  domain: Domain,
  body: Pick<CommitCert, 'round' | 'height' | 'blockId' | keyof Roots>,
): Uint8Array {
  const { round, height, blockId } = body;
  const encoded = encodeCanonical({ round, height, blockId, ...rootsOf(body) });
  return signedBytes(TAGS.consensusCommit, domain, encoded);
}
