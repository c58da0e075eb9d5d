/** Hand-made certificates and blocks over the test seats, signed with their keyed hashes. */
import assert from 'node:assert/strict';
import { concatBytes, toHex } from '../../../src/base/bytes.ts';
import { type Digest, ZERO_DIGEST } from '../../../src/base/ids.ts';
import type { TreeEntry } from '../../../src/consensus/block-tree.ts';
import { leaderOf, leaderOrder, NO_RECORD } from '../../../src/consensus/leader.ts';
import {
  blockId,
  commitSigningBytes,
  type Proposal,
  proposalSigningBytes,
  type Timeout,
  timeoutSigningBytes,
  voteSigningBytes,
} from '../../../src/consensus/messages.ts';
import type { Pen } from '../../../src/consensus/safety-rules.ts';
import { bitmapOf, genesisQc, quorumOf } from '../../../src/consensus/seats.ts';
import type { Check, Electorate, SignatureCheck } from '../../../src/consensus/signature-checks.ts';
import {
  type Block,
  type CommitCert,
  markVerified,
  type Qc,
  type Tc,
  type Verified,
  type Vote,
} from '../../../src/consensus/types.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import { fakeSign, testSeats } from './world.ts';

export function electorate(seatCount: number, self = 0): Electorate {
  const seats = testSeats(seatCount, self);
  return { ...seats, order: leaderOrder(seats, seatCount) };
}

/** Checks of a scheme whose signatures can be told apart. */
export function single(check: Check): SignatureCheck {
  assert.ok('signature' in check, 'a list of signatures');
  return check;
}

export function penOf(seats: Electorate): Pen {
  return { seats, sign: (message) => fakeSign(seats.seats[seats.self]!.key, message) };
}

export function signAs(seats: Electorate, seat: number, message: Uint8Array): Uint8Array {
  return fakeSign(seats.seats[seat]!.key, message);
}

export function quorumSeats(seats: Electorate): number[] {
  return Array.from({ length: quorumOf(seats.seats.length) }, (_, seat) => seat);
}

export function makeBlock(
  seats: Electorate,
  round: number,
  qc: Qc,
  over: Partial<Block> = {},
): Block {
  return {
    version: 1,
    planId: seats.planId,
    epoch: 0,
    round,
    height: 1,
    parentId: qc.blockId,
    qc,
    author: leaderOf(seats.order, NO_RECORD, round),
    payloadRefs: [],
    evidence: [],
    resultsRoot: ZERO_DIGEST,
    stateRoot: ZERO_DIGEST,
    timeMs: 0,
    ...over,
  };
}

export function makeProposal(seats: Electorate, block: Block, tc?: Tc): Verified<Proposal> {
  const sig = signAs(seats, block.author, proposalSigningBytes(seats, blockId(block)));
  return markVerified({ kind: 'proposal', block, sig, ...(tc && { tc }) });
}

export function makeVote(
  seats: Electorate,
  voter: number,
  body: Pick<Vote, 'round' | 'blockId' | 'parentRound'>,
): Verified<Vote> {
  const sig = signAs(seats, voter, voteSigningBytes(seats, body));
  return markVerified({ kind: 'vote', epoch: 0, ...body, voter, sig });
}

/** A QC of any round over a block named by a text, or over `id`. */
export function makeQc(
  seats: Electorate,
  round: number,
  parentRound: number,
  id: Digest = namedId(`block ${round}`),
): Verified<Qc> {
  if (round === 0) return genesisQc(seats);
  const body = { round, blockId: id, parentRound };
  const signers = quorumSeats(seats);
  const message = voteSigningBytes(seats, body);
  const sigs = concatBytes(signers.map((seat) => signAs(seats, seat, message)));
  const bitmap = bitmapOf(signers, seats.seats.length);
  return markVerified({ epoch: 0, ...body, signers: bitmap, sigs });
}

export function makeTc(seats: Electorate, round: number, highQc: Qc): Verified<Tc> {
  const signers = quorumSeats(seats);
  const message = timeoutSigningBytes(seats, { round, highQcRound: highQc.round });
  return markVerified({
    epoch: 0,
    round,
    signers: bitmapOf(signers, seats.seats.length),
    highQcRounds: signers.map(() => highQc.round),
    sigs: concatBytes(signers.map((seat) => signAs(seats, seat, message))),
    highQc,
  });
}

export function makeTimeout(
  seats: Electorate,
  voter: number,
  round: number,
  certs: { readonly highQc: Qc; readonly tc?: Tc },
): Verified<Timeout> {
  const highQcRound = certs.highQc.round;
  const sig = signAs(seats, voter, timeoutSigningBytes(seats, { round, highQcRound }));
  return markVerified({ kind: 'timeout', epoch: 0, round, highQcRound, voter, sig, ...certs });
}

export function makeCommitCert(seats: Electorate, block: Block): Verified<CommitCert> {
  const { round, height, stateRoot, resultsRoot } = block;
  const body = { round, height, blockId: blockId(block), stateRoot, resultsRoot };
  const signers = quorumSeats(seats);
  const message = commitSigningBytes(seats, body);
  const sigs = concatBytes(signers.map((seat) => signAs(seats, seat, message)));
  return markVerified({ epoch: 0, ...body, signers: bitmapOf(signers, seats.seats.length), sigs });
}

/** A tree entry as execution would leave it. */
export function makeEntry(block: Block): TreeEntry<null> {
  const id = blockId(block);
  const names = { id, key: toHex(id), parentKey: toHex(block.parentId) };
  const { round, height } = block;
  return {
    ...names,
    block,
    round,
    height,
    payloads: [],
    payloadKeys: [],
    evidence: [],
    state: null,
    stored: false,
  };
}

export function namedId(name: string): Digest {
  return sha256(new TextEncoder().encode(name));
}
