/** Who takes part and what is included (federated-rules.md, section 7). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex, u32 } from '../../../src/base/bytes.ts';
import {
  EMPTY_INCLUSION,
  type InclusionRules,
  includeBlock,
  type RoundRecord,
} from '../../../src/federated/round/inclusion.ts';
import { drawClients } from '../../../src/federated/round/participation.ts';

const rules: InclusionRules = {
  round: 7,
  roster: new Set([0, 1, 2, 3, 4].map((i) => toHex(u32(i)))),
  weightMax: 100,
  stalenessMax: 2,
  quorum: 3,
  seats: 4,
  faults: 1,
};

function commit(client: number, change = {}): RoundRecord {
  const fields = { client: u32(client), weight: 10, root: u32(1000 + client), baseRound: 7 };
  return { kind: 'commitment', commitment: { ...fields, ...change } };
}

const mark = (seat: number): RoundRecord => ({ kind: 'deadline', seat });
const reasonsOf = (records: readonly RoundRecord[], before = EMPTY_INCLUSION) => {
  const { state, verdicts } = includeBlock(rules, before, records);
  return { state, reasons: verdicts.map((one) => (one.ok ? 'ok' : one.reason)) };
};

test('each bad commitment is refused for its own reason and changes nothing', () => {
  const { state, reasons } = reasonsOf([
    commit(0),
    commit(9),
    commit(1, { weight: 0 }),
    commit(1, { weight: 101 }),
    commit(1, { weight: 1.5 }),
    commit(1, { weight: Number.NaN }),
    commit(1, { baseRound: 8 }),
    commit(1, { baseRound: 4 }),
    commit(0),
    commit(0, { root: u32(5) }),
    commit(1, { root: u32(1000) }),
    commit(1, { baseRound: 5 }),
    commit(2, { root: u32(1001) }),
    mark(4),
    mark(-1),
    mark(0.5),
  ]);
  assert.deepEqual(reasons, [
    'ok',
    'not-drawn',
    'bad-weight',
    'bad-weight',
    'bad-weight',
    'bad-weight',
    'future-base',
    'too-stale',
    'repeated',
    'equivocation',
    'duplicate-root',
    'ok',
    'duplicate-root',
    'not-a-seat',
    'not-a-seat',
    'not-a-seat',
  ]);
  assert.deepEqual([...state.included.keys()], [toHex(u32(0)), toHex(u32(1))]);
  assert.equal(state.phase, 'open');
});

test('a silent client delays a round until f + 1 seats have marked the deadline, and no longer', () => {
  const first = reasonsOf([commit(0), commit(1), commit(2), commit(3), mark(2), mark(2), mark(2)]);
  assert.equal(first.state.phase, 'open', 'one seat alone decides nothing, however often');
  const second = reasonsOf([mark(0), commit(4)], first.state);
  assert.equal(second.state.phase, 'closed');
  assert.equal(
    second.state.included.size,
    5,
    'a record of the closing block counts, behind the mark too',
  );
  const late = reasonsOf([commit(4), mark(3)], second.state);
  assert.deepEqual(late.reasons, ['round-closed', 'round-closed']);
  assert.deepEqual(late.state, second.state);
});

test('a round with everybody closes without a mark; one below its quorum is skipped', () => {
  const all = reasonsOf([0, 1, 2, 3, 4].map((client) => commit(client)));
  assert.equal(all.state.phase, 'closed');
  const few = reasonsOf([commit(0), commit(1), mark(0), mark(1)]);
  assert.equal(few.state.phase, 'skipped');
  assert.equal(reasonsOf([commit(2)], few.state).state.phase, 'skipped');
});

test('participations of clients that are always there differ by at most one', () => {
  const counts = new Array<number>(13).fill(0);
  for (let round = 0; round < 60; round++) {
    const seed = new Uint8Array(32).fill(round);
    const clients = counts.map((drawn, i) => ({ drawn, isAvailable: i !== 12 }));
    const drawn = drawClients({ clients, count: 5, seed });
    assert.equal(new Set(drawn).size, 5);
    for (const client of drawn) counts[client]! += 1;
    const others = counts.slice(0, 12);
    assert.ok(Math.max(...others) - Math.min(...others) <= 1);
  }
  assert.equal(counts[12], 0, 'a client without budget is never drawn');
});

test('chance decides among equals: no client is always first', () => {
  const firsts = Array.from({ length: 50 }, (_, round) => {
    const clients = Array.from({ length: 10 }, () => ({ drawn: 0, isAvailable: true }));
    return drawClients({ clients, count: 1, seed: new Uint8Array(32).fill(round) })[0];
  });
  assert.ok(new Set(firsts).size >= 8);
});
