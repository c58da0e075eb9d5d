/** The replica's step, one situation at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex, utf8 } from '../../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../../src/base/ids.ts';
import type { Effect } from '../../../src/consensus/effects.ts';
import { evidenceOf, holdEvidence } from '../../../src/consensus/evidence.ts';
import type { Input } from '../../../src/consensus/inputs.ts';
import { leaderOf, NO_RECORD } from '../../../src/consensus/leader.ts';
import { blockId, type Message } from '../../../src/consensus/messages.ts';
import { PACEMAKER_DEFAULTS } from '../../../src/consensus/pacemaker.ts';
import { step } from '../../../src/consensus/replica.ts';
import {
  initialReplica,
  type ReplicaConfig,
  type ReplicaState,
  roundOf,
} from '../../../src/consensus/replica-state.ts';
import { genesisQc } from '../../../src/consensus/seats.ts';
import type { Block, Verified } from '../../../src/consensus/types.ts';
import { markVerified } from '../../../src/consensus/types.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import {
  electorate,
  makeBlock,
  makeCommitCert,
  makeProposal,
  makeQc,
  makeTimeout,
  makeVote,
  penOf,
} from './fixtures.ts';
import { type Tally, tallyApplication, textPayload } from './world.ts';

/** A seat that does not lead round 1, so that others' proposals can be shown to it. */
const seats = electorate(4, leaderOf(electorate(4).order, NO_RECORD, 2));
const config: ReplicaConfig<Tally> = {
  pen: penOf(seats),
  application: tallyApplication(10),
  pacemaker: PACEMAKER_DEFAULTS,
};

interface Run {
  readonly state: ReplicaState<Tally>;
  readonly effects: readonly Effect<Tally>[];
}

function feed(run: Run | undefined, ...inputs: readonly Input[]): Run {
  let state = run?.state ?? initialReplica(config);
  const effects: Effect<Tally>[] = [];
  for (const input of inputs) {
    const result = step(config, state, input, 1_000);
    state = result.state;
    effects.push(...result.effects);
  }
  return { state, effects };
}

/** Messages that wait for a record, or that reveal nothing. */
function sent(run: Run): Message[] {
  return run.effects.flatMap((effect) => {
    if (effect.kind === 'send') return [effect.message];
    if (effect.kind !== 'persist') return [];
    return effect.release.flatMap((item) => (item.kind === 'send' ? [item.message] : []));
  });
}

const kinds = (run: Run) => sent(run).map((message) => message.kind);
const ofKind = (run: Run, kind: Effect<Tally>['kind']) =>
  run.effects.filter((effect) => effect.kind === kind);

const payload = textPayload('a');
/** The root that the toy ledger has after payload `a`. */
const rootAfterA = sha256(Uint8Array.of(...ZERO_DIGEST, ...payload.id));

function blockOne(over: Partial<Block> = {}): Block {
  const refs = { payloadRefs: [payload.id], stateRoot: rootAfterA };
  return makeBlock(seats, 1, genesisQc(seats), { ...refs, ...over });
}

const proposalOf = (block: Block): Input => ({
  kind: 'proposal',
  message: makeProposal(seats, block),
});
const havePayload: Input = { kind: 'payload', payload };
const syncOf = (parts: Record<string, unknown>): Input => ({
  kind: 'sync',
  from: (seats.self + 1) % 4,
  message: markVerified({ kind: 'sync', highQc: genesisQc(seats), ...parts }) as never,
});

test('a valid proposal is voted for once its payload is held, and stored before', () => {
  const waiting = feed(undefined, proposalOf(blockOne()));
  assert.deepEqual(kinds(waiting), []);
  assert.equal(ofKind(waiting, 'fetch-payloads').length, 1);
  const voted = feed(waiting, havePayload);
  assert.deepEqual(kinds(voted), ['vote']);
  const persist = voted.effects.find((effect) => effect.kind === 'persist');
  assert.deepEqual(persist?.kind === 'persist' && persist.records.map((record) => record.kind), [
    'payload',
    'block',
    'signed',
  ]);
});

test('asked again for the same block it sends the stored vote, byte for byte', () => {
  const voted = feed(undefined, havePayload, proposalOf(blockOne()));
  const again = feed(voted, proposalOf(blockOne()));
  assert.deepEqual(sent(again), sent(voted));
});

test('an invalid block gets no vote, and the round ends by its timer', () => {
  const bad = textPayload('bad');
  const cases: [string, Block, readonly Input[]][] = [
    ['claimed state root', blockOne({ stateRoot: ZERO_DIGEST }), [havePayload]],
    ['claimed results root', blockOne({ resultsRoot: rootAfterA }), [havePayload]],
    ['wrong height', blockOne({ height: 2 }), [havePayload]],
    ['bad-payload', blockOne({ payloadRefs: [bad.id] }), [{ kind: 'payload', payload: bad }]],
  ];
  for (const [reason, block, before] of cases) {
    const run = feed(undefined, ...before, proposalOf(block));
    assert.deepEqual(kinds(run), [], reason);
    const refused = run.effects.find(
      (effect) => effect.kind === 'log' && effect.event === 'consensus.block-refused',
    );
    assert.equal(refused?.kind === 'log' && refused.fields.reason, reason);
    const timedOut = feed(run, { kind: 'timer', name: 'round', round: 1 });
    assert.deepEqual(kinds(timedOut), ['timeout']);
  }
});

test('a payload is executed at most once on a chain', () => {
  const one = blockOne();
  const qc = makeQc(seats, 1, 0, blockId(one));
  const twice = sha256(Uint8Array.of(...rootAfterA, ...payload.id));
  const two = makeBlock(seats, 2, qc, { ...one, round: 2, height: 2, qc, parentId: blockId(one) });
  const block = { ...two, author: leaderOf(seats.order, NO_RECORD, 2), stateRoot: twice };
  const run = feed(undefined, havePayload, proposalOf(one), syncOf({ highQc: qc }));
  assert.equal(feed(run, { kind: 'block', block }).state.tree.entries.size, 2);
});

test('of two proposals of one round the first gets the vote, the pair is evidence', () => {
  const first = feed(undefined, havePayload, proposalOf(blockOne()));
  const second = feed(first, proposalOf(blockOne({ timeMs: 5 })));
  const [evidence] = ofKind(second, 'evidence');
  assert.ok(evidence?.kind === 'evidence');
  const { seat, fault } = evidence.held;
  assert.deepEqual([seat, fault], [leaderOf(seats.order, NO_RECORD, 1), 'equivocation']);
  assert.deepEqual(kinds(second), ['evidence'], 'the others are told');
});

test('a block gets no vote that proves a fault which its chain or itself has proven', () => {
  const votes = ['x', 'y', 'z'].map((name) =>
    makeVote(seats, 3, { round: 9, blockId: sha256(utf8(name)), parentRound: 8 }),
  );
  const held = [1, 2].map((other) =>
    holdEvidence(seats, evidenceOf(seats, 3, [votes[0]!, votes[other]!]), 'equivocation'),
  );
  const [one, two] = held.map((item): Input => ({ kind: 'evidence', held: item, found: false }));
  const ids = held.map((item) => item.id);
  const asked = feed(undefined, havePayload, proposalOf(blockOne({ evidence: [ids[0]!] })));
  assert.equal(ofKind(asked, 'fetch-payloads').length, 1, 'what it refers to is fetched');
  assert.deepEqual(kinds(feed(asked, one!)), ['vote']);
  const both = blockOne({ evidence: ids });
  const refused = feed(undefined, havePayload, proposalOf(both), one!, two!);
  assert.deepEqual(kinds(refused), []);
});

test('two certified blocks in one round stop the replica for good', () => {
  const one = makeQc(seats, 2, 0);
  const other = makeQc(seats, 2, 0, sha256(utf8('another')));
  const run = feed(undefined, syncOf({ highQc: one }), syncOf({ highQc: other }));
  assert.equal(ofKind(run, 'breach').length, 1);
  const after = feed(run, havePayload, { kind: 'timer', name: 'round', round: 3 });
  assert.deepEqual(after.effects, []);
});

test('a certified block that does not execute is a breach', () => {
  const block = blockOne({ stateRoot: ZERO_DIGEST });
  const highQc = makeQc(seats, 1, 0, blockId(block));
  const run = feed(undefined, syncOf({ highQc }), havePayload, { kind: 'block', block });
  assert.equal(ofKind(run, 'breach').length, 1);
});

test('a commit certificate delivers its chain oldest first, under that certificate', () => {
  const one = blockOne();
  const qc = makeQc(seats, 1, 0, blockId(one));
  const two = makeBlock(seats, 3, qc, { height: 2, stateRoot: rootAfterA });
  const highCc = makeCommitCert(seats, two);
  const run = feed(
    undefined,
    havePayload,
    { kind: 'block', block: one },
    { kind: 'block', block: two },
    syncOf({ highCc }),
  );
  const commits = run.effects.flatMap((effect) =>
    effect.kind === 'persist'
      ? effect.release.flatMap((item) => (item.kind === 'deliver' ? [item.commit] : []))
      : [],
  );
  assert.deepEqual(
    commits.map((commit) => commit.height),
    [1, 2],
  );
  assert.deepEqual(
    commits.map((commit) => commit.links.length),
    [1, 0],
  );
  assert.ok(commits.every((commit) => commit.cert === highCc));
  assert.equal(run.state.tree.entries.size, 1);
  assert.equal(run.state.payloads.size, 0);
});

test('a commit certificate over other roots, or off the final chain, is a breach', () => {
  const one = blockOne();
  const known = feed(undefined, havePayload, { kind: 'block', block: one });
  const lying = { ...makeCommitCert(seats, one), resultsRoot: rootAfterA };
  assert.equal(ofKind(feed(known, syncOf({ highCc: lying })), 'breach').length, 1);
  const final = feed(known, syncOf({ highCc: makeCommitCert(seats, one) }));
  const other = { ...makeCommitCert(seats, { ...one, round: 5, timeMs: 9 }) };
  assert.equal(ofKind(feed(final, syncOf({ highCc: other })), 'breach').length, 1);
});

test('a QC that forms after this seat timed out still moves it on', () => {
  const timedOut = feed(undefined, havePayload, { kind: 'timer', name: 'round', round: 1 });
  assert.deepEqual(kinds(timedOut), ['timeout']);
  const body = { round: 1, blockId: blockId(blockOne()), parentRound: 0 };
  const others = [0, 1, 2, 3].filter((seat) => seat !== seats.self);
  const votes = others.map(
    (seat): Input => ({ kind: 'vote', message: makeVote(seats, seat, body) }),
  );
  const run = feed(timedOut, ...votes);
  assert.equal(roundOf(run.state), 2);
  assert.equal(run.state.safety.lastVotedRound, 1);
  assert.ok(!kinds(run).includes('commit'), 'no commit vote for a round that was timed out');
});

test('certificates skip rounds; a timer of an earlier round is ignored', () => {
  const run = feed(undefined, syncOf({ highQc: makeQc(seats, 41, 40) }));
  assert.equal(roundOf(run.state), 42);
  const late = feed(run, { kind: 'timer', name: 'round', round: 1 });
  assert.deepEqual(kinds(late), []);
  assert.equal(ofKind(run, 'fetch-block').length, 1);
});

test('a peer with fewer certificates gets ours; an equal one gets nothing', () => {
  const highQc = makeQc(seats, 4, 3);
  const ahead = feed(undefined, syncOf({ highQc }));
  const stale = makeTimeout(seats, (seats.self + 1) % 4, 1, { highQc: genesisQc(seats) });
  const helped = feed(ahead, { kind: 'timeout', message: stale });
  assert.deepEqual(kinds(helped), ['sync']);
  assert.deepEqual(kinds(feed(ahead, syncOf({ highQc }))), []);
});

test('a step changes nothing in the state that it was given', () => {
  const before = feed(undefined, havePayload, proposalOf(blockOne())).state;
  const copy = structuredClone({ ...before, choice: undefined });
  const vote: Verified<Parameters<typeof makeVote>[2]> = markVerified({
    round: 1,
    blockId: blockId(blockOne()),
    parentRound: 0,
  });
  const inputs: Input[] = [
    { kind: 'vote', message: makeVote(seats, 3, vote) },
    { kind: 'timer', name: 'round', round: 1 },
    syncOf({ highCc: makeCommitCert(seats, blockOne()) }),
    { kind: 'payload', payload: textPayload('b') },
  ];
  for (const input of inputs) {
    const first = step(config, before, input, 1);
    const second = step(config, before, input, 1);
    assert.deepEqual(first, second, 'the same input gives the same step');
    assert.deepEqual(structuredClone({ ...before, choice: undefined }), copy);
  }
});

test('an observer follows and never signs', () => {
  const state: ReplicaState<Tally> = { ...initialReplica(config), signing: 'observer' };
  const block = blockOne();
  const run = feed(
    { state, effects: [] },
    havePayload,
    proposalOf(block),
    { kind: 'timer', name: 'round', round: 1 },
    syncOf({ highQc: makeQc(seats, 1, 0, blockId(block)), highCc: makeCommitCert(seats, block) }),
  );
  assert.deepEqual(kinds(run), []);
  assert.equal(toHex(run.state.tree.root.id), toHex(blockId(block)));
});
