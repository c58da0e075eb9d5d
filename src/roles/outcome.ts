/** How a job ended, in the bytes that judges compare (docs/protocol/job-messages.md). */
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import { shardDisputes } from '../job/ledger/read-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { packShards } from '../job/shard-list.ts';
import { OUTCOME_ROWS_MAX, type Outcome } from './job-messages.ts';

/** A pure function of the final state, so that honest judges give equal bytes. */
export function outcomeOf(plan: OpenPlan, state: LedgerState): Outcome {
  const { planId, nodes } = plan;
  const disputes = shardDisputes(state).map(({ shard, worker, kind, evidence }) => ({
    shard,
    node: nodes[worker]!,
    kind,
    evidence,
  }));
  const retries = state.retries.map(({ shards, worker, reason }) => ({
    shards: packShards(shards),
    node: nodes[worker]!,
    reason,
  }));
  return {
    planId,
    disputes: disputes.slice(0, OUTCOME_ROWS_MAX),
    retries: retries.slice(0, OUTCOME_ROWS_MAX),
    failure: state.failure?.code ?? '',
    failedShard: state.failure?.shard ?? 0,
  };
}
