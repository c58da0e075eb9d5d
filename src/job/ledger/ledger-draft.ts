/**
 * One block in the making: a fork of a ledger state that the rules write to, and the log of what
 * they changed. The state it came from is never touched.
 */
import type { Digest } from '../../base/ids.ts';
import type { OpenPlan } from '../open-plan.ts';
import type { CadreEntry } from '../plan.ts';
import type { CheckedReveal, CheckedSeal } from './check-record.ts';
import { EventLog, type FailedEvent, type LedgerFailureCode } from './events.ts';
import type { LedgerState, Voucher } from './ledger-state.ts';
import type { MarkBook } from './mark-book.ts';
import type { ShardTable } from './shard-table.ts';

export class LedgerDraft {
  readonly plan: OpenPlan;
  readonly table: ShardTable;
  readonly marks: MarkBook;
  readonly log = new EventLog();
  readonly seals: CheckedSeal[];
  readonly reveals: CheckedReveal[];
  deadlineSeats: readonly number[];
  readonly standIns: CadreEntry[];
  vouchers: readonly Voucher[];
  acceptedCount: number;
  awaitedSeals: number;
  awaitedReveals: number;
  /** Seals and reveals of the parent or of this block that are no longer awaited. */
  settledSeals = 0;
  settledReveals = 0;
  failure: FailedEvent | undefined;
  readonly #parent: LedgerState;

  constructor(plan: OpenPlan, parent: LedgerState) {
    this.plan = plan;
    this.#parent = parent;
    this.table = parent.table.fork();
    this.marks = parent.marks.fork();
    this.seals = [...parent.seals];
    this.reveals = [...parent.reveals];
    this.deadlineSeats = parent.deadlineSeats;
    this.standIns = [...parent.standIns];
    this.vouchers = parent.vouchers;
    this.acceptedCount = parent.acceptedCount;
    this.awaitedSeals = parent.awaitedSeals;
    this.awaitedReveals = parent.awaitedReveals;
    this.failure = parent.failure;
  }

  /** Every shard is accepted and everyone who sealed in time is judged. */
  get isDone(): boolean {
    return this.acceptedCount === this.plan.spec.shards && this.awaitedReveals === 0;
  }

  get isFinal(): boolean {
    return this.failure !== undefined || this.isDone;
  }

  /** A stand-in took a seat in this block: nothing may follow in this epoch. */
  get isEpochOver(): boolean {
    return this.standIns.length > this.#parent.standIns.length;
  }

  /** Roster index of a slot's worker: events name workers so. */
  workerAt(shard: number, slot: number): number {
    return this.plan.workers[this.table.candidate(shard, slot)]!;
  }

  settleSeal(): void {
    this.awaitedSeals -= 1;
    this.settledSeals += 1;
  }

  settleReveal(): void {
    this.awaitedReveals -= 1;
    this.settledReveals += 1;
  }

  /** What the one before said in this seat counts no more: its successor may say it, or not. */
  replace(entry: CadreEntry): void {
    const { seat, node } = entry;
    this.standIns.push(entry);
    this.vouchers = [];
    this.marks.forget(seat);
    this.deadlineSeats = this.deadlineSeats.filter((marked) => marked !== seat);
    this.log.replaced({ epoch: this.standIns.length, seat, node });
  }

  fail(code: LedgerFailureCode, shard?: number): void {
    this.failure = { kind: 'failed', code, ...(shard === undefined ? {} : { shard }) };
    this.log.failed(code, shard);
  }

  /** The state after this block. The draft must not be written afterwards. */
  finish(roots: { readonly stateRoot: Digest; readonly resultsRoot: Digest }): LedgerState {
    return {
      ...roots,
      table: this.table,
      marks: this.marks,
      deadlineSeats: this.deadlineSeats,
      standIns: this.standIns,
      vouchers: this.vouchers,
      seals: this.seals,
      reveals: this.reveals,
      disputes: [...this.#parent.disputes, ...this.log.disputes()],
      retries: [...this.#parent.retries, ...this.log.retries()],
      acceptedCount: this.acceptedCount,
      awaitedSeals: this.awaitedSeals,
      awaitedReveals: this.awaitedReveals,
      failure: this.failure,
      isDone: this.isDone,
    };
  }
}
