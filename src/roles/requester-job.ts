/**
 * One job at its requester: plan, announce, wait for the outcome, fetch the certificate, collect
 * (steps 3 to 5 and 10 to 12 of the life of a job). Nothing that arrives is believed unverified:
 * outcomes need f + 1 judges, certificates and outputs are checked here.
 */
import { toHex } from '../base/bytes.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Signer } from '../base/ports.ts';
import { buildCancel, encodeRecord } from '../job/build-record.ts';
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { computationIdOf, jobIdOf, type SignedJobSpec } from '../job/spec.ts';
import { announcePlan } from './announce-plan.ts';
import { CadreWatch } from './cadre-watch.ts';
import { collect } from './collect.ts';
import { encodeMessage, type JobNotice } from './job-messages.ts';
import { fetchCertificate, type JobResults, localResults } from './job-results.ts';
import { judgesOf, sendRecord } from './judges.ts';
import { LocalJudge } from './local-judge.ts';
import { type MakePlanComponents, makePlan } from './make-plan.ts';
import { outcomeOf } from './outcome.ts';
import { type BelievedOutcome, OutcomeVotes } from './outcome-votes.ts';
import { ReplayLog } from './replay-log.ts';
import { failureOf, type RequesterEvent, readOutcome } from './requester-events.ts';

export interface RequesterComponents extends MakePlanComponents {
  readonly signer: Signer;
  readonly clock: Clock;
}

export interface RequesterJobInit {
  readonly job: SignedJobSpec;
  readonly waitPeersMs: number;
}

/** Milliseconds of each phase, as the requester saw them. */
export interface JobTimes {
  readonly total: number;
  readonly plan: number;
  readonly compute: number;
  readonly commit: number;
  readonly collect: number;
}

export interface FinishedJob {
  readonly plan: OpenPlan;
  /** Bytes of each output, in the kernel's output order. */
  readonly outputs: readonly Uint8Array[];
  readonly results: JobResults;
  readonly outcome: ReturnType<typeof readOutcome>;
  readonly kernelMs: ReadonlyMap<PeerId, number>;
  readonly times: JobTimes;
}

/** Events kept for late readers; a job of a million shards makes a few hundred. */
const EVENTS_MAX = 10_000;

export class RequesterJob {
  readonly id: string;
  readonly computationId: string;
  readonly events = new ReplayLog<RequesterEvent>({ max: EVENTS_MAX });
  readonly #components: RequesterComponents;
  readonly #init: RequesterJobInit;
  readonly #cancelled = new AbortController();
  readonly #ending = Promise.withResolvers<void>();
  #hasEnded = false;
  readonly #kernelMs = new Map<PeerId, number>();
  readonly #computedShards = new Map<PeerId, number>();
  readonly #marks = { startMs: 0, announcedMs: 0, computedMs: 0, outcomeMs: 0 };
  #plan: OpenPlan | undefined;
  #votes: OutcomeVotes | undefined;
  #judge: LocalJudge | undefined;
  #watch: CadreWatch | undefined;
  #settle:
    | { resolve(end: BelievedOutcome | LedgerState): void; reject(cause: unknown): void }
    | undefined;
  #accepted = 0;

  constructor(components: RequesterComponents, init: RequesterJobInit) {
    this.#components = components;
    this.#init = init;
    this.id = toHex(jobIdOf(init.job.spec));
    this.computationId = toHex(computationIdOf(init.job.spec));
  }

  /** Of the plan once it exists; messages are routed by it. */
  get planId(): Uint8Array | undefined {
    return this.#plan?.planId;
  }

  get judge(): LocalJudge | undefined {
    return this.#judge;
  }

  get plan(): OpenPlan | undefined {
    return this.#plan;
  }

  /**
   * Runs the job to its end. `onPlanned` is called once, before anybody else hears of the plan.
   * Errors: every code with exit 3, 4, 5 and 6.
   */
  async run(onPlanned: (plan: OpenPlan) => void): Promise<FinishedJob> {
    const { clock } = this.#components;
    const { signal } = this.#cancelled;
    this.#marks.startMs = clock.monotonicMs();
    try {
      const made = await makePlan(this.#components, this.#init, { signal });
      this.#plan = made.plan;
      this.#emitPlanned(made);
      onPlanned(made.plan);
      const ended = this.#awaitEnd(made.plan, signal);
      ended.catch(() => {});
      await announcePlan(this.#components, made.plan, this.#answers(), { signal });
      this.#marks.announcedMs = clock.monotonicMs();
      const finished = await this.#finish(made.plan, await ended, signal);
      this.events.push({ type: 'done' });
      return finished;
    } catch (cause) {
      const error = asKadreError(
        signal.aborted ? signal.reason : cause,
        signal.aborted ? 'INTERRUPTED' : 'PEER_UNREACHABLE',
        'the job failed',
      );
      this.events.push({ type: 'failed', error: error.toJSON() });
      throw error;
    } finally {
      this.#hasEnded = true;
      this.#judge?.stop();
      this.#watch?.stop();
      this.#dismissWorkers();
      this.events.close();
      this.#ending.resolve();
    }
  }

  /** Resolves when `run` has come to its end, whichever. */
  get ended(): Promise<void> {
    return this.#ending.promise;
  }

  /** Cancels: judges get the signed record, workers stop, `run` rejects with JOB_CANCELLED. */
  async cancel(): Promise<void> {
    if (this.#hasEnded || this.#cancelled.signal.aborted) return;
    const { signer } = this.#components;
    const plan = this.#plan;
    if (plan !== undefined && plan.seats.length > 0) {
      const record = encodeRecord(buildCancel(signer, plan.planId)).bytes;
      await sendRecord(this.#components, plan, record, AbortSignal.timeout(1_000));
    }
    this.#cancelled.abort(new KadreError({ code: 'JOB_CANCELLED' }, 'cancelled by the requester'));
  }

  /** A notice from a peer about this plan. */
  notice(from: PeerId, notice: JobNotice): void {
    if (notice.t === 'computed') this.#computed(from, notice.shards, notice.micros);
    const plan = this.#plan;
    if (plan === undefined || !judgesOf(plan).peers.includes(from)) return;
    if (notice.t === 'progress') this.#progress(notice.accepted);
    if (notice.t === 'outcome') {
      const believed = this.#votes?.add(from, notice.outcome);
      if (believed !== undefined) this.#settle?.resolve(believed);
    }
  }

  /** Settles with the judges' believed outcome, or with our own ledger when there is no cadre. */
  #awaitEnd(plan: OpenPlan, signal: AbortSignal): Promise<BelievedOutcome | LedgerState> {
    this.#votes = new OutcomeVotes(judgesOf(plan).believed);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#watch = new CadreWatch({ ...this.#components, onLost: reject }, plan);
      this.#watch.start();
      if (plan.seats.length > 0) return;
      this.#judge = new LocalJudge(this.#components, { plan, onEnd: resolve });
      this.#judge.start();
    });
  }

  async #finish(
    plan: OpenPlan,
    end: BelievedOutcome | LedgerState,
    signal: AbortSignal,
  ): Promise<FinishedJob> {
    const { clock } = this.#components;
    this.#marks.outcomeMs = clock.monotonicMs();
    const isCertified = 'outcome' in end;
    const outcome = readOutcome(plan, isCertified ? end.outcome : outcomeOf(plan, end));
    for (const dispute of outcome.disputes) this.events.push({ type: 'dispute', ...dispute });
    for (const retry of outcome.retries) this.events.push({ type: 'retry', ...retry });
    const failure = failureOf(outcome);
    if (failure !== undefined) throw failure;
    this.#progress(plan.spec.shards);
    const results = isCertified
      ? await fetchCertificate(this.#components, plan, end, { signal })
      : localResults(plan, end);
    const certifiedMs = clock.monotonicMs();
    if (results.certificate !== null) {
      this.events.push({ type: 'certified', bytes: results.certificate.length });
    }
    const outputs = await collect(this.#components, plan.kernel.outputs, results.pieces, {
      signal,
    });
    const bytes = outputs.reduce((sum, output) => sum + output.length, 0);
    this.events.push({ type: 'collected', bytes });
    const times = this.#times(certifiedMs, clock.monotonicMs());
    return { plan, outputs, results, outcome, kernelMs: this.#kernelMs, times };
  }

  #times(certifiedMs: number, endMs: number): JobTimes {
    const { startMs, announcedMs, computedMs, outcomeMs } = this.#marks;
    // Without a report from any worker all of the waiting counts as compute.
    const computed = computedMs === 0 ? outcomeMs : Math.min(computedMs, outcomeMs);
    return {
      total: endMs - startMs,
      plan: announcedMs - startMs,
      compute: Math.max(0, computed - announcedMs),
      commit: certifiedMs - Math.max(computed, announcedMs),
      collect: endMs - certifiedMs,
    };
  }

  #answers() {
    return {
      onClaimed: (peer: PeerId, shards: number) =>
        this.events.push({ type: 'claimed', peer, shards }),
      onRefused: (peer: PeerId, reason: string) =>
        this.events.push({ type: 'refused', peer, reason }),
    };
  }

  #computed(from: PeerId, shards: number, micros: number): void {
    this.#marks.computedMs = this.#components.clock.monotonicMs();
    this.#kernelMs.set(from, (this.#kernelMs.get(from) ?? 0) + micros / 1000);
    this.#computedShards.set(from, (this.#computedShards.get(from) ?? 0) + shards);
  }

  #progress(accepted: number): void {
    const total = this.#init.job.spec.shards;
    if (accepted <= this.#accepted || accepted > total) return;
    this.#accepted = accepted;
    this.events.push({ type: 'progress', accepted, total });
  }

  #emitPlanned({ plan, skipped }: Awaited<ReturnType<typeof makePlan>>): void {
    const { workers, nodes, seats } = plan;
    const jobId = this.id;
    this.events.push({ type: 'planned', jobId, workers: workers.length, roster: nodes.length });
    const members = seats.map((seat) => peerIdOf(seat.node));
    if (members.length > 0) this.events.push({ type: 'convened', members, skipped: [...skipped] });
  }

  /** However the job ends, its workers need not go on. */
  #dismissWorkers(): void {
    const plan = this.#plan;
    if (plan === undefined) return;
    const ended = encodeMessage({ t: 'ended', planId: plan.planId });
    for (const worker of plan.workers) {
      this.#components.network.send(peerIdOf(plan.nodes[worker]!), 'job', ended);
    }
  }
}
