/**
 * The cadre is off: the requester alone runs the same ledger over the same records, one at a time,
 * and no certificate comes out (`--cadre 0`). Nothing else about a job changes.
 */
import { toHex } from '../base/bytes.ts';
import type { NodeId, PeerId } from '../base/ids.ts';
import type { Clock, Logger, Network } from '../base/ports.ts';
import type { Checked } from '../base/verdict.ts';
import { buildDeadline, buildOverdue, encodeRecord, type Marker } from '../job/build-record.ts';
import { type CheckedRecord, checkRecord } from '../job/ledger/check-record.ts';
import type { LedgerEvent } from '../job/ledger/events.ts';
import { executeRecords, selectRecords } from '../job/ledger/execute-records.ts';
import { isFinal, type LedgerState, ledgerGenesis } from '../job/ledger/ledger-state.ts';
import type { LedgerQuestion } from '../job/ledger/page-ledger.ts';
import { type Awaited, awaitedOf } from '../job/ledger/read-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { recordBatches } from '../job/shard-list.ts';
import { Announcer } from './announcer.ts';
import { checkSentRecord } from './judges.ts';
import { OverdueWatch } from './overdue-watch.ts';
import { whyAnswer } from './why-answer.ts';

export interface LocalJudgeComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Without seats, marks are the requester's own and carry no signature. */
const MARKER: Marker = { seat: 0, signer: undefined };

/** Records held at most, of all and of one worker; who sent a dropped one sends it again. */
const PENDING_MAX = 4_096;
const PENDING_PER_WORKER_MAX = 512;

export class LocalJudge {
  readonly #plan: OpenPlan;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #announcer: Announcer;
  readonly #watch: OverdueWatch;
  readonly #onEnd: (state: LedgerState) => void;
  #state: LedgerState;
  /** By id, so that what is sent again takes no more room. */
  readonly #pending = new Map<string, CheckedRecord>();
  /** Ids of executed records: sent again, they would wait for ever. */
  readonly #executed = new Set<string>();
  #scheduled = false;

  constructor(
    components: LocalJudgeComponents,
    init: { readonly plan: OpenPlan; readonly onEnd: (state: LedgerState) => void },
  ) {
    const { plan, onEnd } = init;
    this.#plan = plan;
    this.#clock = components.clock;
    this.#log = components.log;
    this.#onEnd = onEnd;
    this.#state = ledgerGenesis(plan);
    const onUnreachable = (worker: number) => this.#watch.suspect(worker);
    this.#announcer = new Announcer({ ...components, onUnreachable }, { plan, detached: false });
    this.#watch = new OverdueWatch(
      {
        ...components,
        onOverdue: (late) => this.#markOverdue(late),
        assign: (late) => this.#announcer.assign(late),
        remind: (late) => this.#announcer.remind(late),
        onDeadline: () => this.#feed(encodeRecord(buildDeadline(MARKER, plan.planId)).bytes),
      },
      plan,
    );
  }

  start(): void {
    this.#watch.start();
    this.#watch.update(awaitedOf(this.#plan, this.#state));
  }

  stop(): void {
    this.#watch.stop();
  }

  /** Takes a record from a worker; the refusal says why it is none. */
  record(from: PeerId, bytes: Uint8Array): Checked<CheckedRecord> {
    const checked = checkSentRecord(this.#plan, from, bytes);
    // Marks may only come from our own clock: they are not signed here.
    if (checked.ok && !isMark(checked.value)) this.#enqueue(checked.value);
    return checked;
  }

  suspect(node: NodeId): void {
    const worker = this.#plan.rosterIndexOf(node);
    if (worker !== undefined) this.#watch.suspect(worker);
  }

  /** Where the ledger stands, as an answer to `why`. */
  why(question: LedgerQuestion): Uint8Array {
    return whyAnswer(this.#plan, this.#state, question);
  }

  /** A worker lost notices: tells it again what is closed. */
  repeat(from: PeerId): void {
    this.#announcer.repeat(from);
  }

  #markOverdue({ phase, worker, wave, shards }: Awaited): void {
    const late = { worker: this.#plan.nodes[worker]!, phase };
    for (const batch of recordBatches(shards)) {
      const scope = { planId: this.#plan.planId, wave, shards: batch };
      this.#feed(encodeRecord(buildOverdue(MARKER, scope, late)).bytes);
    }
  }

  #feed(bytes: Uint8Array): void {
    const checked = checkRecord(this.#plan, bytes);
    if (checked.ok) this.#enqueue(checked.value);
    else this.#log.log('error', 'own-mark-refused', { reason: checked.reason });
  }

  /** Records that arrive in one turn are executed together. */
  #enqueue(record: CheckedRecord): void {
    const id = toHex(record.id);
    if (isFinal(this.#state) || this.#executed.has(id)) return;
    // Our own marks are few, and nobody would send them again.
    if (!isMark(record) && this.#isFull(record)) return;
    this.#pending.set(id, record);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.setTimer(0, () => {
      this.#scheduled = false;
      this.#execute();
    });
  }

  #isFull({ candidate }: CheckedRecord): boolean {
    if (this.#pending.size >= PENDING_MAX) return true;
    let ofWorker = 0;
    for (const other of this.#pending.values()) if (other.candidate === candidate) ofWorker += 1;
    return ofWorker >= PENDING_PER_WORKER_MAX;
  }

  #execute(): void {
    if (isFinal(this.#state)) return;
    const chosen = selectRecords(this.#plan, this.#state, [...this.#pending.values()]);
    if (chosen.length === 0) return;
    const executed = executeRecords(this.#plan, this.#state, chosen);
    if (!executed.ok) {
      this.#log.log('error', 'selected-records-refused', { reason: executed.reason });
      this.#pending.clear();
      return;
    }
    const { state, events } = executed.value;
    for (const record of chosen) {
      const id = toHex(record.id);
      this.#pending.delete(id);
      this.#executed.add(id);
    }
    this.#state = state;
    this.#act(events);
    // What was waiting for this (a reveal for its closed set) may be executable now.
    if (this.#pending.size > 0) this.#execute();
  }

  #act(events: readonly LedgerEvent[]): void {
    this.#announcer.announce(events);
    if (!isFinal(this.#state)) {
      this.#watch.update(awaitedOf(this.#plan, this.#state));
      return;
    }
    this.#watch.stop();
    this.#announcer.end(this.#state);
    this.#onEnd(this.#state);
  }
}

function isMark(record: CheckedRecord): boolean {
  return record.kind === 'overdue' || record.kind === 'deadline';
}
