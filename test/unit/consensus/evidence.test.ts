/** What counts as proof of a fault, what does not, and how it gets into the chain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeEvidence,
  type Evidence,
  encodeEvidence,
  evidenceOf,
} from '../../../src/consensus/evidence.ts';
import { LEADER_LAG_ROUNDS, leaderOf, NO_RECORD } from '../../../src/consensus/leader.ts';
import { commitSigningBytes, type SignedMessage } from '../../../src/consensus/messages.ts';
import { SyncEvidence } from '../../../src/consensus/sync-evidence.ts';
import { type CommitCert, markVerified } from '../../../src/consensus/types.ts';
import { Cluster } from './cluster.ts';
import {
  electorate,
  makeBlock,
  makeProposal,
  makeQc,
  makeTimeout,
  makeVote,
  namedId,
  signAs,
  single,
} from './fixtures.ts';
import { expectDelivered, startAll } from './storm.ts';
import { fakeVerifier } from './world.ts';

const seats = electorate(4);

function court(): SyncEvidence {
  return new SyncEvidence({
    seats,
    check: async (checks) => {
      const held = await Promise.all(
        checks
          .map(single)
          .map(({ seat, message, signature }) =>
            fakeVerifier.verify(seats.seats[seat]!.key, message, signature),
          ),
      );
      return held.every((holds) => holds);
    },
    knows: () => false,
  });
}

const vote = (round: number, name: string, parentRound: number) =>
  makeVote(seats, 1, { round, blockId: namedId(name), parentRound });
const timeout = (round: number, highQcRound: number) =>
  makeTimeout(seats, 1, round, { highQc: makeQc(seats, highQcRound, highQcRound - 1) });
function commit(round: number, over: Partial<CommitCert> = {}): SignedMessage {
  const roots = { stateRoot: namedId('s'), resultsRoot: namedId('r') };
  const body = { round, height: 1, blockId: namedId('b'), ...roots, ...over };
  const sig = signAs(seats, 1, commitSigningBytes(seats, body));
  return markVerified({
    kind: 'commit',
    epoch: 0,
    ...body,
    voter: 1,
    sig,
    qc: makeQc(seats, round, 0),
  });
}
function proposal(round: number, over = {}): SignedMessage {
  const qc = makeQc(seats, round - 1, round - 2);
  return makeProposal(seats, makeBlock(seats, round, qc, { author: 1, ...over }));
}
/** The round that seat 1 leads first. */
const ledByOne = [1, 2, 3, 4].find((round) => leaderOf(seats.order, NO_RECORD, round) === 1)!;

/** The fault that these messages of seat 1 prove, or why they prove none. */
async function judge(...messages: [SignedMessage, SignedMessage?]): Promise<string> {
  const proven = await court().prove(evidenceOf(seats, 1, messages));
  return proven.ok ? proven.value.fault : proven.reason;
}

test('two messages of one kind and round that differ are equivocation', async () => {
  assert.equal(await judge(vote(3, 'a', 2), vote(3, 'b', 2)), 'equivocation');
  assert.equal(await judge(vote(3, 'a', 2), vote(3, 'a', 1)), 'equivocation');
  assert.equal(await judge(timeout(5, 3), timeout(5, 4)), 'equivocation');
  assert.equal(await judge(commit(3), commit(3, { stateRoot: namedId('t') })), 'equivocation');
  const two = [proposal(ledByOne), proposal(ledByOne, { timeMs: 7 })] as const;
  assert.equal(await judge(...two), 'equivocation');
});

test('a timeout below what the seat was bound to is amnesia, in either order', async () => {
  for (const pair of [
    [commit(3), timeout(3, 2)],
    [commit(3), timeout(9, 2)],
    [vote(4, 'a', 3), timeout(4, 2)],
    [vote(4, 'a', 3), timeout(9, 2)],
  ] as const) {
    assert.equal(await judge(pair[0], pair[1]), 'amnesia');
    assert.equal(await judge(pair[1], pair[0]), 'amnesia');
  }
});

test('what honest seats do proves nothing', async () => {
  for (const pair of [
    [vote(3, 'a', 2), vote(4, 'b', 3)],
    [vote(3, 'a', 2), timeout(3, 2)],
    [commit(3), timeout(4, 3)],
    [commit(3), timeout(2, 1)],
    [vote(4, 'a', 3), timeout(3, 2)],
    [vote(3, 'a', 2), commit(3)],
  ] as const) {
    assert.equal(await judge(pair[0], pair[1]), 'no-contradiction');
  }
  assert.equal(await judge(vote(3, 'a', 2), vote(3, 'a', 2)), 'evidence-order');
  assert.equal(await judge(vote(3, 'a', 2)), 'no-contradiction');
  assert.equal(await judge(proposal(ledByOne)), 'no-contradiction');
});

test('a signed block that breaks a rule, or whose certificate does not hold, is evidence', async () => {
  const notLed = ledByOne === 1 ? 2 : ledByOne - 1;
  assert.equal(await judge(proposal(notLed)), 'invalid-proposal');
  assert.equal(await judge(proposal(ledByOne, { height: 9 })), 'invalid-proposal');
  assert.equal(await judge(proposal(ledByOne, { parentId: namedId('x') })), 'invalid-proposal');
  const round = ledByOne + 4;
  const qc = makeQc(seats, round - 1, round - 2);
  const forged = { ...qc, sigs: qc.sigs.map((byte, i) => (i === 70 ? byte ^ 1 : byte)) };
  assert.equal(await judge(proposal(round, { qc: forged })), 'invalid-proposal');
  assert.equal(await judge(proposal(round, { qc })), 'no-contradiction');
});

test('nobody can make evidence against a seat that did not sign', async () => {
  const [first, second] = [vote(3, 'a', 2), vote(3, 'b', 2)];
  const forge = { ...second, sig: first.sig };
  assert.equal(await judge(first, forge), 'bad-signature');
  const others = await court().prove(evidenceOf(seats, 2, [first, second]));
  assert.equal(!others.ok && others.reason, 'bad-signature');
  const byAnother = makeProposal(seats, makeBlock(seats, 1, makeQc(seats, 0, 0), { height: 9 }));
  const blamed = await court().prove(evidenceOf(seats, 1, [byAnother]));
  assert.equal(blamed.ok, byAnother.block.author === 1);
  const unknown = await court().prove({ ...evidenceOf(seats, 1, [first, second]), seat: 4 });
  assert.equal(!unknown.ok && unknown.reason, 'unknown-seat');
  const elsewhere = await court().prove({ ...evidenceOf(seats, 1, [first, second]), epoch: 1 });
  assert.equal(!elsewhere.ok && elsewhere.reason, 'wrong-epoch');
});

test('evidence has one spelling', async () => {
  const evidence = evidenceOf(seats, 1, [vote(3, 'a', 2), vote(3, 'b', 2)]);
  assert.deepEqual(evidence, evidenceOf(seats, 1, [vote(3, 'b', 2), vote(3, 'a', 2)]));
  const swapped = { ...evidence, first: evidence.second!, second: evidence.first } as Evidence;
  const judged = await court().prove(swapped);
  assert.equal(!judged.ok && judged.reason, 'evidence-order');
  const decoded = decodeEvidence(encodeEvidence(evidence));
  assert.deepEqual(decoded.ok && decoded.value, evidence);
  assert.equal(decodeEvidence(new Uint8Array(1 << 17)).ok, false);
});

test('the chain carries each fault of a seat once, and the seat leads no more', async () => {
  const cluster = new Cluster({ seed: 23, seatCount: 4, target: 1_000, twins: [2] });
  startAll(cluster);
  let submitted = 0;
  const commitSome = async (count: number) => {
    for (let i = 0; i < count; i++) {
      submitted += 1;
      cluster.submitAll(`p${submitted}`);
      await expectDelivered(cluster, submitted);
    }
  };
  await commitSome(40);
  for (const { heights } of cluster.honest) {
    const carried = heights.flatMap((final) => final.evidence.map((e) => `${e.seat} ${e.fault}`));
    assert.ok(carried.includes('2 equivocation'), `${carried}`);
    assert.equal(new Set(carried).size, carried.length, 'each fault once');
    assert.ok(
      carried.every((name) => name.startsWith('2 ')),
      `${carried}`,
    );
    const at = heights.findIndex((final) => final.evidence.length > 0);
    const late = heights
      .slice(at)
      .filter(
        ({ block }) =>
          block.round >= Math.max(12, heights[at]!.block.round + 2 * LEADER_LAG_ROUNDS),
      );
    assert.ok(late.length > 8);
    assert.ok(late.every(({ block }) => block.author !== 2));
  }
  // A seat that was away fetches the evidence with the blocks, and one that restarts reads it.
  const [first] = cluster.honest;
  cluster.crash(first!);
  cluster.start(first!);
  await commitSome(2);
  assert.ok(first!.heights.some((final) => final.evidence.length > 0));
});
