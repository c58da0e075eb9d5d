/**
 * The ledger's state after some block: immutable, shared between forks of the chain
 * (docs/protocol/ledger.md, "State"). What outsiders read of it is in `read-ledger.ts`.
 */

import { assert } from '../../base/errors.ts';
import { type Digest, ZERO_DIGEST } from '../../base/ids.ts';
import type { OpenPlan } from '../open-plan.ts';
import type { CadreEntry } from '../plan.ts';
import type { CheckedReveal, CheckedSeal } from './check-record.ts';
import { type DisputeEvent, type FailedEvent, genesisRoot, type RetryEvent } from './events.ts';
import { MarkBook } from './mark-book.ts';
import { ShardTable } from './shard-table.ts';

/** A member's word for a stand-in; one for every pair of the two in an epoch. */
export interface Voucher {
  readonly seat: number;
  /** Hex of the stand-in's node id. */
  readonly node: string;
  readonly entryKey: string;
}

export interface LedgerState {
  /** Commits to every record and event so far. */
  readonly stateRoot: Digest;
  /** 32 zero bytes until the job is done. */
  readonly resultsRoot: Digest;
  readonly table: ShardTable;
  readonly marks: MarkBook;
  /** Seats whose deadline mark is in. */
  readonly deadlineSeats: readonly number[];
  /** Who took whose seat, one per epoch that ended, oldest first. */
  readonly standIns: readonly CadreEntry[];
  /** Who speaks for whom as the next stand-in, in this epoch. */
  readonly vouchers: readonly Voucher[];
  /** Records that count for at least one shard, in the order of execution. */
  readonly seals: readonly CheckedSeal[];
  readonly reveals: readonly CheckedReveal[];
  readonly disputes: readonly DisputeEvent[];
  readonly retries: readonly RetryEvent[];
  readonly acceptedCount: number;
  /** Seals that some open set still waits for, counted per shard and worker. */
  readonly awaitedSeals: number;
  /** Reveals of closed seals that are neither in nor given up. */
  readonly awaitedReveals: number;
  readonly failure: FailedEvent | undefined;
  readonly isDone: boolean;
}

/** Workers that one shard may use: 2R + 1, or all there are. */
export function slotCountOf(plan: OpenPlan): number {
  return Math.min(2 * plan.policy.replicas + 1, plan.workers.length);
}

/** Wave 0 of every shard is open: its first wave by placement is entitled. */
export function ledgerGenesis(plan: OpenPlan): LedgerState {
  const { shards, policy } = plan.spec;
  const slotCount = slotCountOf(plan);
  assert(slotCount < 256 && plan.workers.length < 65_536, 'slots and candidates fit their fields');
  const table = ShardTable.empty(shards, slotCount);
  for (let shard = 0; shard < shards; shard++) {
    table.openWave(shard, 0, policy.replicas);
    for (const candidate of plan.placement.firstWave(shard)) table.addSlot(shard, candidate);
  }
  return {
    stateRoot: genesisRoot(plan.planId),
    resultsRoot: ZERO_DIGEST,
    table,
    marks: new MarkBook(shards * slotCount),
    deadlineSeats: [],
    standIns: [],
    vouchers: [],
    seals: [],
    reveals: [],
    disputes: [],
    retries: [],
    acceptedCount: 0,
    awaitedSeals: shards * policy.replicas,
    awaitedReveals: 0,
    failure: undefined,
    isDone: false,
  };
}

/** True when no record can change anything any more. */
export function isFinal(state: LedgerState): boolean {
  return state.isDone || state.failure !== undefined;
}
