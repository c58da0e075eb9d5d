/**
 * A page of a ledger state for whoever asks where a job stands: bounded rows and a bounded look, so
 * that one question costs the same for any job (docs/protocol/job-messages.md section 2.8).
 */
import type { LedgerState } from './ledger-state.ts';
import { PHASES } from './shard-table.ts';

export interface LedgerQuestion {
  /** Shard to begin with. */
  readonly first: number;
  /** Rows at most. */
  readonly count: number;
  /** Passes over accepted shards. */
  readonly open: boolean;
}

/** Shards that one question looks at. */
export const PAGE_LOOKS_MAX = 65_536;

/** Shards for the rows, ascending, and the one to go on with: the shard count when none is left. */
export function pageShards(
  { table }: LedgerState,
  { first, count, open }: LedgerQuestion,
): { readonly shards: readonly number[]; readonly next: number } {
  const shards: number[] = [];
  const end = Math.min(table.shardCount, first + PAGE_LOOKS_MAX);
  let shard = first;
  for (; shard < end && shards.length < count; shard++) {
    if (!open || table.phase(shard) !== PHASES.accepted) shards.push(shard);
  }
  return { shards, next: Math.min(shard, table.shardCount) };
}
