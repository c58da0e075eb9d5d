/**
 * A judge's answer to `why`: a page of its own ledger, for the plan's requester only
 * (docs/protocol/job-messages.md section 2.8).
 */
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import { type LedgerQuestion, pageShards } from '../job/ledger/page-ledger.ts';
import { viewShard } from '../job/ledger/read-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { encodeMessage } from './job-messages.ts';

export function whyAnswer(
  plan: OpenPlan,
  state: LedgerState,
  question: LedgerQuestion,
): Uint8Array {
  const { shards, next } = pageShards(state, question);
  const rows = shards.map((shard) => {
    const { phase, wave, workers } = viewShard(plan, state, shard);
    const slots = workers.map(({ worker, ...slot }) => ({ node: worker, ...slot }));
    return { shard, phase, wave, workers: slots };
  });
  const failure = state.failure?.code ?? '';
  return encodeMessage({ t: 'why', accepted: state.acceptedCount, failure, next, rows });
}
