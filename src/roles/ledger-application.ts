/**
 * The job ledger in the form that consensus runs: payloads are checked records, a state is the
 * ledger with the events of its last block, so that whoever sees a block commit can act on it.
 */
import { accept } from '../base/verdict.ts';
import type { Application, Payload } from '../consensus/application.ts';
import type { CheckedRecord } from '../job/ledger/check-record.ts';
import type { LedgerEvent } from '../job/ledger/events.ts';
import { executeRecords, isUrgent, selectRecords } from '../job/ledger/execute-records.ts';
import { isFinal, type LedgerState, ledgerGenesis } from '../job/ledger/ledger-state.ts';
import type { OpenPlan } from '../job/open-plan.ts';

export interface JobState {
  readonly ledger: LedgerState;
  /** What the block that led here changed. */
  readonly events: readonly LedgerEvent[];
}

/** A record as consensus carries it. */
export function payloadOf(record: CheckedRecord, bytes: Uint8Array): Payload {
  return { id: record.id, bytes, value: record };
}

const recordOf = (payload: Payload): CheckedRecord => payload.value as CheckedRecord;

export function ledgerApplication(plan: OpenPlan): Application<JobState> {
  return {
    genesis: { ledger: ledgerGenesis(plan), events: [] },
    execute: (state, payloads) => {
      const executed = executeRecords(plan, state.ledger, payloads.map(recordOf));
      if (!executed.ok) return executed;
      const { state: ledger, stateRoot, resultsRoot, events } = executed.value;
      return accept({ state: { ledger, events }, stateRoot, resultsRoot });
    },
    isFinal: (state) => isFinal(state.ledger),
    select: (state, pending) => {
      const chosen = new Set(selectRecords(plan, state.ledger, pending.map(recordOf)));
      const byRecord = new Map(pending.map((payload) => [recordOf(payload), payload]));
      return [...chosen].map((record) => byRecord.get(record)!);
    },
    urgent: (state, pending) => isUrgent(plan, state.ledger, pending.map(recordOf)),
  };
}
