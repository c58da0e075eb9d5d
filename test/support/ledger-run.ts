/** A ledger under test: blocks go in, states and events come out, refusals are assertions. */
import assert from 'node:assert/strict';
import type { CheckedRecord } from '../../src/job/ledger/check-record.ts';
import type { LedgerEvent } from '../../src/job/ledger/events.ts';
import { executeRecords } from '../../src/job/ledger/execute-records.ts';
import { type LedgerState, ledgerGenesis } from '../../src/job/ledger/ledger-state.ts';
import { agreeingWorkers, shardDisputes, viewShard } from '../../src/job/ledger/read-ledger.ts';
import { type TestJob, unwrap } from './job-factory.ts';

export class LedgerRun {
  readonly job: TestJob;
  state: LedgerState;
  readonly events: LedgerEvent[] = [];

  constructor(job: TestJob) {
    this.job = job;
    this.state = ledgerGenesis(job.plan);
  }

  /** Executes one block and gives its events. */
  block(...records: readonly CheckedRecord[]): readonly LedgerEvent[] {
    const execution = unwrap(executeRecords(this.job.plan, this.state, records));
    this.state = execution.state;
    this.events.push(...execution.events);
    return execution.events;
  }

  /** Asserts that the record has no place in a block here. */
  refuses(record: CheckedRecord): void {
    const execution = executeRecords(this.job.plan, this.state, [record]);
    assert.equal(execution.ok, false, `a ${record.kind} should have no effect here`);
    assert.equal(execution.ok || execution.reason, 'no-effect');
  }

  /** Roster indexes in the order in which a shard's workers are entitled. */
  order(shard: number): number[] {
    const { placement, workers } = this.job.plan;
    return placement.order(shard).map((candidate) => workers[candidate]!);
  }

  standings(shard: number): string[] {
    return viewShard(this.job.plan, this.state, shard).workers.map(({ standing }) => standing);
  }

  workers(shard: number): number[] {
    return viewShard(this.job.plan, this.state, shard).workers.map(({ worker }) => worker);
  }

  agreeing(shard: number): number[] {
    return agreeingWorkers(this.job.plan, this.state, shard);
  }

  disputes(): [number, number, string][] {
    return shardDisputes(this.state).map(({ shard, worker, kind }) => [shard, worker, kind]);
  }
}
