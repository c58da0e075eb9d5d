/**
 * Proof that a seat misbehaved, from what it signed alone: whoever has the seats can check it, with
 * no memory of what happened. Two statements that no honest seat makes both of, or one proposal
 * that none makes at all. Format and rules: docs/protocol/consensus.md, "Evidence"; design
 * consensus.md section 1.12.
 */
import { compareBytes, equalBytes, toHex } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { bytes, type Infer, integer, oneOf, optional, struct, variant } from '../wire/shape.ts';
import { TAGS } from '../wire/tags.ts';
import {
  blockId,
  commitSigningBytes,
  EVIDENCE_BYTES_MAX,
  proposalSigningBytes,
  type SignedMessage,
  timeoutSigningBytes,
  voteSigningBytes,
} from './messages.ts';
import { rootsOf } from './roots.ts';
import { type Domain, domainBytes } from './seats.ts';
import {
  type Check,
  checkHeader,
  checksOfQc,
  type Electorate,
  type SignatureCheck,
} from './signature-checks.ts';
import { blockShape, SEATS_MAX, signatureShape } from './types.ts';

const digest = bytes(DIGEST_BYTES);
const round = integer(1);

/** What a seat signed, without the certificates that travelled beside it. */
const statementShape = variant('kind', {
  proposal: struct({ kind: oneOf('proposal'), block: blockShape, sig: signatureShape }),
  vote: struct({
    kind: oneOf('vote'),
    round,
    blockId: digest,
    parentRound: integer(0),
    sig: signatureShape,
  }),
  timeout: struct({ kind: oneOf('timeout'), round, highQcRound: integer(0), sig: signatureShape }),
  commit: struct({
    kind: oneOf('commit'),
    round,
    height: integer(1),
    blockId: digest,
    stateRoot: digest,
    resultsRoot: digest,
    nextCadreRoot: optional(digest),
    sig: signatureShape,
  }),
});
export type Statement = Infer<typeof statementShape>;

export const evidenceShape = struct({
  epoch: integer(0),
  seat: integer(0, SEATS_MAX - 1),
  first: statementShape,
  /** Absent when the first alone is wrong; else the one whose encoding comes second. */
  second: optional(statementShape),
});
export type Evidence = Infer<typeof evidenceShape>;

export type Fault = 'equivocation' | 'amnesia' | 'invalid-proposal';

/** What makes evidence true, beyond its content. */
export interface Proof {
  readonly fault: Fault;
  /** Each must hold. */
  readonly checks: readonly SignatureCheck[];
  /** If given, not all of them may hold: the certificate that a block builds on is not one. */
  readonly refuted?: readonly Check[];
}

/** Evidence whose proof was checked. */
export interface HeldEvidence {
  readonly id: Digest;
  /** Hex of `id`. */
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly evidence: Evidence;
  readonly seat: number;
  readonly fault: Fault;
}

/** One proof of a fault of a seat is enough: a chain carries no second one of this name. */
export function faultName({ seat, fault }: Pick<HeldEvidence, 'seat' | 'fault'>): string {
  return `${seat} ${fault}`;
}

export function encodeEvidence(evidence: Evidence): Uint8Array {
  return encodeCanonical(evidence);
}

/** Refuses for size, encoding or shape; says nothing about truth. */
export function decodeEvidence(encoded: Uint8Array): Checked<Evidence> {
  return decodeCanonical(encoded, evidenceShape, EVIDENCE_BYTES_MAX);
}

/** For evidence whose proof holds. */
export function holdEvidence(domain: Domain, evidence: Evidence, fault: Fault): HeldEvidence {
  const encoded = encodeEvidence(evidence);
  const id = taggedHash(TAGS.evidence, domainBytes(domain), encoded);
  return { id, key: toHex(id), bytes: encoded, evidence, seat: evidence.seat, fault };
}

/** One or two messages of a seat as evidence; the order of two does not matter. */
export function evidenceOf(
  domain: Domain,
  seat: number,
  messages: readonly [SignedMessage, SignedMessage?],
): Evidence {
  const [a, b] = messages.map((message) => message && statementOf(message));
  const [first, second] =
    b === undefined || compareBytes(encodeCanonical(a!), encodeCanonical(b)) < 0 ? [a!, b] : [b, a];
  return { epoch: domain.epoch, seat, first, ...(second && { second }) };
}

function statementOf(message: SignedMessage): Statement {
  switch (message.kind) {
    case 'proposal': {
      const { kind, block, sig } = message;
      return { kind, block, sig };
    }
    case 'vote': {
      const { kind, blockId: id, parentRound, sig } = message;
      return { kind, round: message.round, blockId: id, parentRound, sig };
    }
    case 'timeout': {
      const { kind, highQcRound, sig } = message;
      return { kind, round: message.round, highQcRound, sig };
    }
    case 'commit': {
      const { kind, height, blockId: id, sig } = message;
      return { kind, round: message.round, height, blockId: id, ...rootsOf(message), sig };
    }
  }
}

/** Which fault this would prove, and the signatures that decide it; refused when it is none. */
export function proofOf(seats: Electorate, evidence: Evidence): Checked<Proof> {
  const { epoch, seat, first, second } = evidence;
  if (epoch !== seats.epoch) return refuse('wrong-epoch', 'ignore');
  if (seat >= seats.seats.length) return refuse('unknown-seat');
  const claim = { seat, ...signedOf(seats, first) };
  if (second === undefined) return proofOfInvalid(seats, first, claim);
  const other = { seat, ...signedOf(seats, second) };
  // One spelling: a pair the other way round, or a statement twice, is none.
  if (compareBytes(encodeCanonical(first), encodeCanonical(second)) >= 0) {
    return refuse('evidence-order');
  }
  if (isBySomebodyElse(first, seat) || isBySomebodyElse(second, seat)) return refuse('not-author');
  const checks = [claim, other];
  if (isEquivocation(first, second) && !equalBytes(claim.message, other.message)) {
    return accept({ fault: 'equivocation', checks });
  }
  const isAmnesia = contradictsBond(first, second) || contradictsBond(second, first);
  return isAmnesia ? accept({ fault: 'amnesia', checks }) : refuse('no-contradiction');
}

function isBySomebodyElse(statement: Statement, seat: number): boolean {
  return statement.kind === 'proposal' && statement.block.author !== seat;
}

/** Two of one kind and round; that they differ in what is signed is for the caller to see. */
function isEquivocation(a: Statement, b: Statement): boolean {
  return a.kind === b.kind && roundOfStatement(a) === roundOfStatement(b);
}

function roundOfStatement(statement: Statement): number {
  return statement.kind === 'proposal' ? statement.block.round : statement.round;
}

/** What binds a seat to a round: its own for a commit vote, its block's parent's for a vote. */
type Bond =
  | { readonly kind: 'commit'; readonly round: number }
  | { readonly kind: 'vote'; readonly round: number; readonly parentRound: number };

/**
 * A timeout that reports a lower QC than the seat had bound itself to, in a commit vote or by what
 * it voted for, in that round or an earlier one. Wrong in either order: whoever timed out a round
 * votes and commit-votes for none up to it.
 */
export function forgets(
  bond: Bond,
  timeout: { readonly round: number; readonly highQcRound: number },
): boolean {
  const lock = bond.kind === 'commit' ? bond.round : bond.parentRound;
  return timeout.round >= bond.round && timeout.highQcRound < lock;
}

function contradictsBond(bond: Statement, timeout: Statement): boolean {
  if (timeout.kind !== 'timeout') return false;
  return (bond.kind === 'commit' || bond.kind === 'vote') && forgets(bond, timeout);
}

/** A signed block that breaks a rule by itself, or builds on a certificate that does not hold. */
function proofOfInvalid(
  seats: Electorate,
  statement: Statement,
  claim: SignatureCheck,
): Checked<Proof> {
  if (statement.kind !== 'proposal') return refuse('no-contradiction');
  const { block } = statement;
  if (block.author !== claim.seat) return refuse('not-author');
  const proof = { fault: 'invalid-proposal', checks: [claim] } as const;
  if (checkHeader(seats, block) !== undefined) return accept(proof);
  const certificate = checksOfQc(seats, block.qc);
  return accept(certificate.ok ? { ...proof, refuted: certificate.value } : proof);
}

function signedOf(domain: Domain, statement: Statement): Omit<SignatureCheck, 'seat'> {
  const { sig } = statement;
  switch (statement.kind) {
    case 'proposal':
      return { message: proposalSigningBytes(domain, blockId(statement.block)), signature: sig };
    case 'vote':
      return { message: voteSigningBytes(domain, statement), signature: sig };
    case 'timeout':
      return { message: timeoutSigningBytes(domain, statement), signature: sig };
    case 'commit':
      return { message: commitSigningBytes(domain, statement), signature: sig };
  }
}
