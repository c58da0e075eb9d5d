/** What a replica takes from a snapshot and the headers of its era, and what it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { isExecutedOn } from '../../../src/consensus/block-tree.ts';
import { ERA_BLOCKS } from '../../../src/consensus/eras.ts';
import { evidenceOf, faultName, holdEvidence } from '../../../src/consensus/evidence.ts';
import { checkSnapshot } from '../../../src/consensus/install-snapshot.ts';
import { blockId } from '../../../src/consensus/messages.ts';
import { PACEMAKER_DEFAULTS } from '../../../src/consensus/pacemaker.ts';
import { step } from '../../../src/consensus/replica.ts';
import { initialReplica, type ReplicaConfig } from '../../../src/consensus/replica-state.ts';
import { seatsOf } from '../../../src/consensus/seats.ts';
import type { Snapshot } from '../../../src/consensus/snapshot.ts';
import type { Block } from '../../../src/consensus/types.ts';
import { TALLY, type Tally, tallyPayload } from '../../../src/sim/cadre/tally.ts';
import {
  electorate,
  makeBlock,
  makeCommitCert,
  makeQc,
  makeVote,
  namedId,
  penOf,
} from './fixtures.ts';

const seats = electorate(4);
const config: ReplicaConfig<Tally> = {
  pen: penOf(seats),
  application: TALLY,
  pacemaker: PACEMAKER_DEFAULTS,
};
const votes = ['a', 'b'].map((name) => {
  return makeVote(seats, 2, { round: 3, blockId: namedId(name), parentRound: 2 });
});
const held = holdEvidence(seats, evidenceOf(seats, 2, [votes[0]!, votes[1]!]), 'equivocation');
const PAYLOAD = tallyPayload('in its era');
const executed = TALLY.execute(TALLY.genesis, [tallyPayload('before'), PAYLOAD]);
assert.ok(executed.ok);
const { stateRoot, resultsRoot } = executed.value;

/** Blocks from the beginning of era 1 to a few beyond its end; newest first. */
const headers: readonly Block[] = (() => {
  const chain: Block[] = [];
  let qc = makeQc(seats, ERA_BLOCKS - 1, ERA_BLOCKS - 2);
  for (let height = ERA_BLOCKS; height < 2 * ERA_BLOCKS + 3; height++) {
    const block = makeBlock(seats, height, qc, {
      ...{ height, stateRoot, resultsRoot },
      payloadRefs: height === ERA_BLOCKS + 7 ? [PAYLOAD.id] : [],
      evidence: height === ERA_BLOCKS + 9 ? [held.id] : [],
    });
    chain.push(block);
    qc = makeQc(seats, height, height - 1, blockId(block));
  }
  return chain.reverse();
})();
const good: Snapshot = {
  cert: makeCommitCert(seats, headers[0]!),
  headers,
  evidence: [held],
  executed: executed.value,
};

test('what decides about later blocks follows from the headers of the era', () => {
  const { state, effects } = step(
    config,
    initialReplica(config),
    { kind: 'snapshot', snapshot: good },
    0,
  );
  const { root } = state.tree;
  assert.equal(root.height, 2 * ERA_BLOCKS - 1);
  assert.deepEqual(root.state, executed.value.state);
  assert.ok(isExecutedOn(state.tree, [], toHex(PAYLOAD.id)), 'it may not be executed again');
  assert.ok(!isExecutedOn(state.tree, [], toHex(tallyPayload('another').id)));
  const fault = { seat: 2, name: faultName(held), round: ERA_BLOCKS + 9, height: ERA_BLOCKS + 9 };
  assert.deepEqual(state.leaders.faults, [fault]);
  assert.equal(state.leaders.finalRound, root.round);
  const newest = headers
    .filter(({ height }) => height <= root.height)
    .slice(0, 12)
    .reverse();
  assert.deepEqual(
    state.leaders.marks,
    newest.map(({ round, height, qc }) => ({ round, height, signers: seatsOf(qc.signers, 4) })),
  );
  const persist = effects.find((effect) => effect.kind === 'persist')!;
  assert.ok(persist.records.every(({ kind }) => kind === 'snapshot'));
  const [release] = persist.release;
  assert.ok(release?.kind === 'deliver');
  assert.equal(release.commit.links.length, 3);
});

test('a snapshot below what is final here changes nothing', () => {
  const { state } = step(config, initialReplica(config), { kind: 'snapshot', snapshot: good }, 0);
  const again = step(config, state, { kind: 'snapshot', snapshot: good }, 0);
  assert.equal(again.state.tree.root, state.tree.root);
  assert.deepEqual(again.effects, []);
});

test('every claim is checked, and what does not hold is not taken', () => {
  const bent = (at: number, change: Partial<Block>) =>
    headers.map((header, i) => (i === at ? { ...header, ...change } : header));
  const cases: readonly [string, Partial<Snapshot>][] = [
    ['snapshot-chain', { headers: bent(0, { timeMs: 1 }) }],
    ['snapshot-chain', { headers: bent(300, { payloadRefs: [PAYLOAD.id] }) }],
    ['snapshot-chain', { headers: headers.toSpliced(5, 1) }],
    ['snapshot-chain', { headers: headers.toReversed() }],
    ['snapshot-chain', { cert: makeCommitCert(seats, headers[1]!) }],
    ['snapshot-span', { headers: [] }],
    ['snapshot-span', { headers: headers.slice(0, -1) }],
    ['snapshot-span', { headers: headers.slice(0, 3) }],
    ['snapshot-state', { executed: { ...executed.value, stateRoot: namedId('other') } }],
    ['snapshot-state', { executed: { ...executed.value, resultsRoot: namedId('other') } }],
    ['snapshot-evidence', { evidence: [] }],
  ];
  for (const [reason, change] of cases) {
    const snapshot = { ...good, ...change };
    const checked = checkSnapshot(snapshot);
    assert.equal(checked.ok ? 'holds' : checked.reason, reason);
    const { state } = step(config, initialReplica(config), { kind: 'snapshot', snapshot }, 0);
    assert.equal(state.tree.root.height, 0);
  }
  assert.ok(checkSnapshot(good).ok);
});
