/**
 * Writes test/vectors/consensus.json, the golden bytes of docs/protocol/consensus.md: four seats
 * with keys from known seeds, one message of every kind, and messages that must be refused.
 * Run: node scripts/vectors/consensus.ts
 */
import { writeFileSync } from 'node:fs';
import { concatBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../src/base/ids.ts';
import { encodeEvidence, evidenceOf, holdEvidence, proofOf } from '../../src/consensus/evidence.ts';
import { leaderOrder } from '../../src/consensus/leader.ts';
import {
  blockId,
  type CommitVote,
  commitSigningBytes,
  encodeMessage,
  type Message,
  type Proposal,
  proposalSigningBytes,
  type SignedMessage,
  type Timeout,
  timeoutSigningBytes,
  voteSigningBytes,
} from '../../src/consensus/messages.ts';
import { bitmapOf, type Domain, genesisId, genesisQc } from '../../src/consensus/seats.ts';
import { type Electorate, signedPart } from '../../src/consensus/signature-checks.ts';
import type { Block, CommitCert, Qc, Tc, Vote } from '../../src/consensus/types.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';

const SEED_BYTES = 32;
const seeds = [1, 2, 3, 4].map((byte) => new Uint8Array(SEED_BYTES).fill(byte));
const signers = seeds.map(signerFromSeed);
const domain: Domain = {
  planId: sha256(utf8('a plan')),
  epoch: 0,
  cadreRoot: sha256(utf8('a cadre')),
};
const order = leaderOrder(domain, signers.length);
const quorum = [0, 2, 3];
const electorate: Electorate = {
  ...domain,
  self: 0,
  order,
  seats: signers.map(({ nodeId, peerId, publicKey }) => ({ nodeId, peerId, key: publicKey })),
};

function sign(seat: number, message: Uint8Array): Uint8Array {
  return signers[seat]!.sign(message);
}

function signAll(messageOf: (seat: number) => Uint8Array) {
  const sigs = concatBytes(quorum.map((seat) => sign(seat, messageOf(seat))));
  return { signers: bitmapOf(quorum, signers.length), sigs };
}

function block(round: number, height: number, qc: Qc): Block {
  return {
    version: 1,
    planId: domain.planId,
    epoch: 0,
    round,
    height,
    parentId: qc.blockId,
    qc,
    author: order[(round - 1) % order.length]!,
    payloadRefs: [sha256(utf8(`payload of ${round}`))],
    evidence: [],
    resultsRoot: ZERO_DIGEST,
    stateRoot: sha256(utf8(`state after ${round}`)),
    timeMs: 1_700_000_000_000 + round,
  };
}

function qcOf(of: Block): Qc {
  const body = { round: of.round, blockId: blockId(of), parentRound: of.qc.round };
  return { epoch: 0, ...body, ...signAll(() => voteSigningBytes(domain, body)) };
}

function proposal(of: Block, tc?: Tc, cc?: CommitCert): Proposal {
  const sig = sign(of.author, proposalSigningBytes(domain, blockId(of)));
  return { kind: 'proposal', block: of, sig, ...(tc && { tc }), ...(cc && { cc }) };
}

function vote(of: Block, voter: number): Vote {
  const body = { round: of.round, blockId: blockId(of), parentRound: of.qc.round };
  return {
    kind: 'vote',
    epoch: 0,
    ...body,
    voter,
    sig: sign(voter, voteSigningBytes(domain, body)),
  };
}

function timeout(round: number, voter: number, highQc: Qc, tc?: Tc): Timeout {
  const body = { round, highQcRound: highQc.round };
  const sig = sign(voter, timeoutSigningBytes(domain, body));
  return { kind: 'timeout', epoch: 0, ...body, voter, sig, highQc, ...(tc && { tc }) };
}

function bodyOf(of: Block) {
  const { round, height, stateRoot, resultsRoot } = of;
  return { round, height, blockId: blockId(of), stateRoot, resultsRoot };
}

function commitVote(of: Block, voter: number): CommitVote {
  const body = bodyOf(of);
  const sig = sign(voter, commitSigningBytes(domain, body));
  return { kind: 'commit', epoch: 0, ...body, voter, sig, qc: qcOf(of) };
}

const first = block(1, 1, genesisQc(domain));
const firstQc = qcOf(first);
const tc2: Tc = {
  epoch: 0,
  round: 2,
  highQcRounds: [1, 0, 1],
  highQc: firstQc,
  ...signAll((seat) => timeoutSigningBytes(domain, { round: 2, highQcRound: seat === 2 ? 0 : 1 })),
};
const third = block(3, 2, firstQc);
const firstBody = bodyOf(first);
const firstCc: CommitCert = {
  epoch: 0,
  ...firstBody,
  ...signAll(() => commitSigningBytes(domain, firstBody)),
};

const otherBody = { round: 1, blockId: ZERO_DIGEST, parentRound: 0 };
const otherVote: Vote = {
  ...vote(first, 2),
  ...otherBody,
  sig: sign(2, voteSigningBytes(domain, otherBody)),
};
const twoVotes = [vote(first, 2), otherVote] as const;

/** Evidence against seat 2, and what it proves. */
const evidence: [string, readonly [SignedMessage, SignedMessage?]][] = [
  ['two votes of one round', twoVotes],
  ['a commit vote, then a timeout below it', [commitVote(first, 2), timeoutBelow()]],
  ['a block of a seat that does not lead', [proposal({ ...first, author: notLeading() })]],
];

/** A timeout of round 2 that reports genesis, by seat 2. */
function timeoutBelow(): Timeout {
  return timeout(2, 2, genesisQc(domain), tc2);
}

function notLeading(): number {
  return order[0] === 2 ? order[1]! : 2;
}

const messages: [string, Message][] = [
  ['proposal on genesis', proposal(first)],
  ['proposal after a timeout certificate', proposal(third, tc2, firstCc)],
  ['vote', vote(first, 2)],
  ['timeout on the QC before', timeout(2, 0, firstQc)],
  ['timeout with a timeout certificate', timeout(3, 0, firstQc, tc2)],
  ['commit vote', commitVote(first, 3)],
  ['sync', { kind: 'sync', highQc: firstQc, highTc: tc2, highCc: firstCc }],
  ['want-blocks', { kind: 'want-blocks', blockId: blockId(first), count: 64 }],
  ['blocks', { kind: 'blocks', blockId: blockId(first), blocks: [first] }],
  ['want-payloads', { kind: 'want-payloads', ids: [first.payloadRefs[0]!] }],
  ['payload', { kind: 'payload', id: first.payloadRefs[0]!, bytes: utf8('payload of 1') }],
  ['payload not found', { kind: 'payload', id: first.payloadRefs[0]! }],
  ['want-snapshot', { kind: 'want-snapshot', blockId: blockId(first), offset: 524_288 }],
  [
    'snapshot',
    { kind: 'snapshot', blockId: blockId(first), offset: 0, total: 9, bytes: utf8('snapshot!') },
  ],
  [
    'snapshot not found',
    { kind: 'snapshot', blockId: blockId(first), offset: 0, total: 0, bytes: new Uint8Array() },
  ],
  ['evidence', { kind: 'evidence', evidence: encodeEvidence(evidenceOf(domain, 2, twoVotes)) }],
  ['want-seen', { kind: 'want-seen' }],
  ['seen', { kind: 'seen', messages: [encodeMessage(vote(first, 2))] }],
];

const wrongLeader = order[1]!;
const flipped = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
const twice = [first.payloadRefs[0]!, first.payloadRefs[0]!];
const tcLow: Tc = { ...tc2, highQc: genesisQc(domain) };
/** Name of the refusal, the sending seat, the message. */
const refused: [string, number, Message][] = [
  ['not-the-sender', 1, vote(first, 2)],
  ['wrong-epoch', 2, { ...vote(first, 2), epoch: 1 }],
  ['round-order', 2, { ...vote(first, 2), parentRound: 1 }],
  ['not-leader', wrongLeader, proposal({ ...first, author: wrongLeader })],
  ['wrong-plan', first.author, proposal({ ...first, planId: ZERO_DIGEST })],
  ['parent-link', first.author, proposal({ ...first, parentId: ZERO_DIGEST })],
  ['height-above-round', first.author, proposal({ ...first, height: 2 })],
  ['repeated-payload', first.author, proposal({ ...first, payloadRefs: twice })],
  ['round-unproven', third.author, proposal(third)],
  ['needless-tc', order[1]!, proposal(block(2, 2, firstQc), tc2)],
  ['qc-below-tc', third.author, proposal(block(3, 1, genesisQc(domain)), tc2)],
  ['bad-genesis', 0, timeout(1, 0, { ...genesisQc(domain), blockId: ZERO_DIGEST })],
  ['no-quorum', 0, timeout(2, 0, { ...firstQc, signers: bitmapOf([0, 2], 4) })],
  ['bad-bitmap', 0, timeout(2, 0, { ...firstQc, signers: Uint8Array.of(0xfd) })],
  ['signature-count', 0, timeout(2, 0, { ...firstQc, sigs: firstQc.sigs.subarray(64) })],
  ['qc-parent-round', 0, timeout(2, 0, { ...firstQc, parentRound: 1 })],
  ['high-qc-round', 0, { ...timeout(2, 0, firstQc), highQcRound: 0 }],
  ['tc-round-count', 0, timeout(3, 0, firstQc, { ...tc2, highQcRounds: [1, 0] })],
  ['tc-round-order', 0, timeout(3, 0, firstQc, { ...tc2, highQcRounds: [1, 2, 1] })],
  ['tc-high-qc', 0, timeout(3, 0, firstQc, tcLow)],
  ['qc-mismatch', 3, { ...commitVote(first, 3), blockId: ZERO_DIGEST }],
  ['bad-signature', 2, { ...vote(first, 2), sig: flipped(vote(first, 2).sig) }],
  ['bad-signature', 2, { ...vote(first, 2), blockId: ZERO_DIGEST }],
  ['bad-signature', 0, timeout(2, 0, { ...firstQc, sigs: flipped(firstQc.sigs) })],
  [
    'bad-signature',
    0,
    { kind: 'sync', highQc: firstQc, highCc: { ...firstCc, height: 1, round: 2 } },
  ],
];

const signed = messages.flatMap(([name, message]) => {
  const { kind } = message;
  if (kind !== 'proposal' && kind !== 'vote' && kind !== 'timeout' && kind !== 'commit') return [];
  const part = signedPart(domain, message);
  return [{ name, seat: part.seat, signedBytes: toHex(part.message) }];
});

const golden = {
  seeds: seeds.map(toHex),
  keys: signers.map((signer) => toHex(signer.publicKey)),
  planId: toHex(domain.planId),
  epoch: 0,
  cadreRoot: toHex(domain.cadreRoot),
  genesisId: toHex(genesisId(domain)),
  leaderOrder: order,
  blockIds: [first, third].map((of) => toHex(blockId(of))),
  messages: messages.map(([name, message]) => ({ name, bytes: toHex(encodeMessage(message)) })),
  signed,
  evidence: evidence.map(([name, said]) => {
    const [a] = said;
    const found = evidenceOf(domain, a.kind === 'proposal' ? a.block.author : 2, said);
    const proof = proofOf(electorate, found);
    if (!proof.ok) throw new Error(`${name}: ${proof.reason}`);
    const held = holdEvidence(domain, found, proof.value.fault);
    return { name, fault: held.fault, id: held.key, bytes: toHex(held.bytes) };
  }),
  refused: refused.map(([reason, from, message]) => ({
    reason,
    from,
    bytes: toHex(encodeMessage(message)),
  })),
};
const target = new URL('../../test/vectors/consensus.json', import.meta.url);
writeFileSync(target, `${JSON.stringify(golden, null, 1)}\n`);
