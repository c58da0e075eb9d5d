import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerState } from '../../../src/job/ledger/ledger-state.ts';
import { PAGE_LOOKS_MAX, pageShards } from '../../../src/job/ledger/page-ledger.ts';
import { PHASES, ShardTable } from '../../../src/job/ledger/shard-table.ts';

/** A ledger of so many shards, all accepted but the given ones. */
function ledgerOf(shards: number, open: readonly number[]): LedgerState {
  const table = ShardTable.empty(shards, 1);
  for (let shard = 0; shard < shards; shard++) {
    table.setPhase(shard, open.includes(shard) ? PHASES.revealing : PHASES.accepted);
  }
  return { table } as LedgerState;
}

test('a page passes over accepted shards, or does not, and says where to go on', () => {
  const ledger = ledgerOf(6, [1, 4, 5]);
  const ask = (first: number, count: number, open: boolean) =>
    pageShards(ledger, { first, count, open });
  assert.deepEqual(ask(0, 2, true), { shards: [1, 4], next: 5 });
  assert.deepEqual(ask(5, 2, true), { shards: [5], next: 6 });
  assert.deepEqual(ask(2, 2, false), { shards: [2, 3], next: 4 });
  assert.deepEqual(ask(6, 2, true), { shards: [], next: 6 });
  assert.deepEqual(ask(1_048_576, 2, true), { shards: [], next: 6 });
});

test('one question looks at a bounded part of a large job', () => {
  const last = PAGE_LOOKS_MAX + 3;
  const ledger = ledgerOf(last + 1, [last]);
  const page = pageShards(ledger, { first: 0, count: 64, open: true });
  assert.deepEqual(page, { shards: [], next: PAGE_LOOKS_MAX });
  const rest = pageShards(ledger, { first: page.next, count: 64, open: true });
  assert.deepEqual(rest, { shards: [last], next: last + 1 });
});
