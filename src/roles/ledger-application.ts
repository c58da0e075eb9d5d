/**
 * The job ledger in the form that consensus runs: payloads are checked records, a state is the
 * ledger with the events of its last block, so that whoever sees a block commit can act on it.
 */
import { accept, refuse } from '../base/verdict.ts';
import type { Application, Payload } from '../consensus/application.ts';
import type { CheckedRecord } from '../job/ledger/check-record.ts';
import type { LedgerEvent } from '../job/ledger/events.ts';
import { executeRecords, isUrgent, selectRecords } from '../job/ledger/execute-records.ts';
import { isFinal, type LedgerState, ledgerGenesis } from '../job/ledger/ledger-state.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { type LedgerHistory, ledgerSnapshots, rootsAfter } from './ledger-snapshots.ts';

export interface JobState {
  readonly ledger: LedgerState;
  /** What led here. */
  readonly history: LedgerHistory | undefined;
  /** What the block that led here changed. */
  readonly events: readonly LedgerEvent[];
}

/** Where an epoch begins. */
export interface EpochStart {
  readonly epoch: number;
  /** What the epoch before ended with. */
  readonly state: JobState;
}

export function jobGenesis(plan: OpenPlan): JobState {
  return { ledger: ledgerGenesis(plan), events: [], history: undefined };
}

/** A record as consensus carries it. */
export function payloadOf(record: CheckedRecord, bytes: Uint8Array): Payload {
  return { id: record.id, bytes, value: record };
}

const recordOf = (payload: Payload): CheckedRecord => payload.value as CheckedRecord;

/** Once a seat went to a stand-in nothing more belongs to this epoch. */
export function ledgerApplication(plan: OpenPlan, start?: EpochStart): Application<JobState> {
  const epoch = start?.epoch ?? 0;
  const isOver = ({ ledger }: JobState) => ledger.standIns.length > epoch;
  return {
    genesis: start?.state ?? jobGenesis(plan),
    execute: (state, payloads) => {
      if (payloads.length > 0 && isOver(state)) return refuse('epoch-over');
      const executed = executeRecords(plan, state.ledger, payloads.map(recordOf));
      if (!executed.ok) return executed;
      const { state: ledger, events } = executed.value;
      const records = payloads.map(({ bytes }) => bytes);
      const history = records.length === 0 ? state.history : { records, before: state.history };
      return accept({ state: { ledger, events, history }, ...rootsAfter(plan, epoch, ledger) });
    },
    snapshots: ledgerSnapshots(plan, epoch),
    isFinal: (state) => isFinal(state.ledger) || isOver(state),
    select: (state, pending) => {
      const chosen = new Set(selectRecords(plan, state.ledger, pending.map(recordOf)));
      const byRecord = new Map(pending.map((payload) => [recordOf(payload), payload]));
      return [...chosen].map((record) => byRecord.get(record)!);
    },
    urgent: (state, pending) => isUrgent(plan, state.ledger, pending.map(recordOf)),
  };
}
