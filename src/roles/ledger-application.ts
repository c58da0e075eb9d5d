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
import { type LedgerHistory, ledgerSnapshots } from './ledger-snapshots.ts';

export interface JobState {
  readonly ledger: LedgerState;
  /** What led here. */
  readonly history: LedgerHistory | undefined;
  /** What the block that led here changed. */
  readonly events: readonly LedgerEvent[];
}

export function jobGenesis(plan: OpenPlan): JobState {
  return { ledger: ledgerGenesis(plan), events: [], history: undefined };
}

/** A record as consensus carries it. */
export function payloadOf(record: CheckedRecord, bytes: Uint8Array): Payload {
  return { id: record.id, bytes, value: record };
}

const recordOf = (payload: Payload): CheckedRecord => payload.value as CheckedRecord;

export function ledgerApplication(plan: OpenPlan): Application<JobState> {
  return {
    genesis: jobGenesis(plan),
    execute: (state, payloads) => {
      const executed = executeRecords(plan, state.ledger, payloads.map(recordOf));
      if (!executed.ok) return executed;
      const { state: ledger, stateRoot, resultsRoot, events } = executed.value;
      const records = payloads.map(({ bytes }) => bytes);
      const history = records.length === 0 ? state.history : { records, before: state.history };
      return accept({ state: { ledger, events, history }, stateRoot, resultsRoot });
    },
    snapshots: ledgerSnapshots(plan),
    isFinal: (state) => isFinal(state.ledger),
    select: (state, pending) => {
      const chosen = new Set(selectRecords(plan, state.ledger, pending.map(recordOf)));
      const byRecord = new Map(pending.map((payload) => [recordOf(payload), payload]));
      return [...chosen].map((record) => byRecord.get(record)!);
    },
    urgent: (state, pending) => isUrgent(plan, state.ledger, pending.map(recordOf)),
  };
}
