/**
 * Judges a decoded message without touching a key: is it well formed for this cadre, and which
 * signatures must hold? The driver checks those, then brands the message. Cheap bounds come first,
 * so that a hostile message costs little. Rules: docs/protocol/consensus.md, "Validity".
 */
import { equalBytes } from '../base/bytes.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { settledLeaderOf } from './leader.ts';
import {
  blockId,
  type CommitVote,
  commitSigningBytes,
  type Proposal,
  proposalSigningBytes,
  type SignedMessage,
  type SyncInfo,
  type Timeout,
  timeoutSigningBytes,
  voteSigningBytes,
} from './messages.ts';
import { type CadreSeats, type Domain, formOf, genesisId, quorumOf, seatsOf } from './seats.ts';
import type { Block, CommitCert, Qc, Tc, Vote } from './types.ts';

/** One signature that must hold: seat, the signed bytes, 64 bytes. */
export interface SignatureCheck {
  readonly seat: number;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a certificate carries where its signatures cannot be told apart. */
export interface JoinedCheck {
  readonly signed: readonly { readonly seat: number; readonly message: Uint8Array }[];
  readonly joined: Uint8Array;
}

export type Check = SignatureCheck | JoinedCheck;

type Checks = Checked<readonly Check[]>;

/** Seats and the leader order that follows from them. */
export interface Electorate extends CadreSeats {
  readonly order: readonly number[];
}

/** Round, signer, signed bytes and signature of a message that a seat signs. */
export function signedPart(
  domain: Domain,
  message: SignedMessage,
): SignatureCheck & { readonly round: number } {
  switch (message.kind) {
    case 'proposal': {
      const { author, round } = message.block;
      const bytes = proposalSigningBytes(domain, blockId(message.block));
      return { seat: author, round, message: bytes, signature: message.sig };
    }
    case 'vote':
      return part(message, voteSigningBytes(domain, message));
    case 'timeout':
      return part(message, timeoutSigningBytes(domain, message));
    case 'commit':
      return part(message, commitSigningBytes(domain, message));
  }
}

function part(message: Vote | Timeout | CommitVote, bytes: Uint8Array) {
  return { seat: message.voter, round: message.round, message: bytes, signature: message.sig };
}

/** q distinct signers, in seat order; the i-th signed what `messageOf(i)` gives. */
function checksOfSigners(
  seats: CadreSeats,
  { signers, sigs }: { readonly signers: Uint8Array; readonly sigs: Uint8Array },
  messageOf: (i: number) => Uint8Array,
): Checks {
  const signing = seatsOf(signers, seats.seats.length);
  if (signing === undefined) return refuse('bad-bitmap');
  if (signing.length < quorumOf(seats.seats.length)) return refuse('no-quorum');
  const form = formOf(seats);
  if (sigs.length !== form.joinedBytes(signing.length)) return refuse('signature-count');
  const signed = signing.map((seat, i) => ({ seat, message: messageOf(i) }));
  const parts = form.parts(sigs);
  if (parts === undefined) return accept([{ signed, joined: sigs }]);
  return accept(signed.map((entry, i) => ({ ...entry, signature: parts[i]! })));
}

export function checksOfQc(seats: CadreSeats, qc: Qc): Checks {
  if (qc.epoch !== seats.epoch) return refuse('wrong-epoch', 'ignore');
  if (qc.round === 0) {
    const isGenesis = qc.parentRound === 0 && qc.signers.length === 0 && qc.sigs.length === 0;
    return isGenesis && equalBytes(qc.blockId, genesisId(seats))
      ? accept([])
      : refuse('bad-genesis');
  }
  if (qc.parentRound >= qc.round) return refuse('qc-parent-round');
  const message = voteSigningBytes(seats, qc);
  return checksOfSigners(seats, qc, () => message);
}

export function checksOfTc(seats: CadreSeats, tc: Tc): Checks {
  if (tc.epoch !== seats.epoch) return refuse('wrong-epoch', 'ignore');
  const rounds = tc.highQcRounds;
  const own = checksOfSigners(seats, tc, (i) =>
    timeoutSigningBytes(seats, { round: tc.round, highQcRound: rounds[i] ?? 0 }),
  );
  if (!own.ok) return own;
  if (rounds.length !== signerCount(seats, tc.signers)) return refuse('tc-round-count');
  if (rounds.some((round) => round >= tc.round)) return refuse('tc-round-order');
  if (tc.highQc.round < Math.max(...rounds) || tc.highQc.round >= tc.round) {
    return refuse('tc-high-qc');
  }
  const qc = checksOfQc(seats, tc.highQc);
  if (!qc.ok) return qc;
  return accept([...own.value, ...qc.value]);
}

function signerCount(seats: CadreSeats, signers: Uint8Array): number {
  return seatsOf(signers, seats.seats.length)?.length ?? 0;
}

export function checksOfCommitCert(seats: CadreSeats, cert: CommitCert): Checks {
  if (cert.epoch !== seats.epoch) return refuse('wrong-epoch', 'ignore');
  if (cert.round < cert.height) return refuse('height-above-round');
  const message = commitSigningBytes(seats, cert);
  return checksOfSigners(seats, cert, () => message);
}

/** What a header must satisfy by itself. Who leads later rounds, only the final chain says. */
export function checkHeader(seats: Electorate, block: Block): Refusal | undefined {
  if (block.epoch !== seats.epoch) return refuse('wrong-epoch', 'ignore');
  if (!equalBytes(block.planId, seats.planId)) return refuse('wrong-plan');
  if (block.author >= seats.seats.length) return refuse('unknown-seat');
  const leader = settledLeaderOf(seats.order, block.round);
  if (leader !== undefined && block.author !== leader) return refuse('not-leader');
  if (!equalBytes(block.parentId, block.qc.blockId)) return refuse('parent-link');
  if (block.qc.round >= block.round) return refuse('round-order');
  if (block.round < block.height) return refuse('height-above-round');
  const refs = new Set(block.payloadRefs.map((ref) => String.fromCharCode(...ref)));
  return refs.size === block.payloadRefs.length ? undefined : refuse('repeated-payload');
}

/** Why a round may be entered: the QC of the round before, or a TC that it does not undercut. */
export function checkEntry(round: number, qc: Qc, tc: Tc | undefined): Refusal | undefined {
  if (qc.round + 1 === round) return tc === undefined ? undefined : refuse('needless-tc');
  if (tc === undefined || tc.round + 1 !== round) return refuse('round-unproven');
  return qc.round >= Math.max(...tc.highQcRounds) ? undefined : refuse('qc-below-tc');
}

function gather(...groups: readonly (Checks | undefined)[]): Checks {
  const all: Check[] = [];
  for (const group of groups) {
    if (group === undefined) continue;
    if (!group.ok) return group;
    all.push(...group.value);
  }
  return accept(all);
}

/** What to check of a message from seat `from`; only its own signed messages count. */
export function checksOf(
  seats: Electorate,
  message: SignedMessage | SyncInfo,
  from: number,
): Checks {
  switch (message.kind) {
    case 'proposal':
      return checksOfProposal(seats, message, from);
    case 'vote': {
      if (message.parentRound >= message.round) return refuse('round-order');
      return checksOfOwn(seats, message, from);
    }
    case 'timeout':
      return checksOfTimeout(seats, message, from);
    case 'commit': {
      const { qc } = message;
      if (qc.round !== message.round || !equalBytes(qc.blockId, message.blockId)) {
        return refuse('qc-mismatch');
      }
      if (message.round < message.height) return refuse('height-above-round');
      return gather(checksOfOwn(seats, message, from), checksOfQc(seats, qc));
    }
    case 'sync':
      return gather(
        checksOfQc(seats, message.highQc),
        message.highTc && checksOfTc(seats, message.highTc),
        message.highCc && checksOfCommitCert(seats, message.highCc),
      );
  }
}

function checksOfOwn(
  seats: Electorate,
  message: Vote | Timeout | CommitVote,
  from: number,
): Checks {
  if (message.epoch !== seats.epoch) return refuse('wrong-epoch', 'ignore');
  return message.voter === from ? accept([signedPart(seats, message)]) : refuse('not-the-sender');
}

function checksOfProposal(seats: Electorate, message: Proposal, from: number): Checks {
  const { block, tc, cc } = message;
  if (block.author !== from) return refuse('not-the-sender');
  const problem = checkHeader(seats, block) ?? checkEntry(block.round, block.qc, tc);
  if (problem !== undefined) return problem;
  return gather(
    accept([signedPart(seats, message)]),
    checksOfQc(seats, block.qc),
    tc && checksOfTc(seats, tc),
    cc && checksOfCommitCert(seats, cc),
  );
}

function checksOfTimeout(seats: Electorate, message: Timeout, from: number): Checks {
  const { round, highQc, highQcRound, tc, cc } = message;
  if (highQc.round !== highQcRound || highQcRound >= round) return refuse('high-qc-round');
  const isDirect = highQcRound + 1 === round;
  if (isDirect !== (tc === undefined)) return refuse(isDirect ? 'needless-tc' : 'round-unproven');
  if (tc !== undefined && tc.round + 1 !== round) return refuse('round-unproven');
  return gather(
    checksOfOwn(seats, message, from),
    checksOfQc(seats, highQc),
    tc && checksOfTc(seats, tc),
    cc && checksOfCommitCert(seats, cc),
  );
}
