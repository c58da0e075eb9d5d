/**
 * One job at its requester: plan, announce, wait for the outcome, fetch the certificate, collect
 * (steps 3 to 5 and 10 to 12 of the life of a job). It may also begin later than at the beginning:
 * after a restart, or for a job that somebody picks up by its id. Nothing that arrives is believed
 * unverified: outcomes need f + 1 judges, certificates and outputs are checked here.
 */

import { equalBytes, toHex } from '../base/bytes.ts';
import { asKadreError, type ErrorJson, KadreError } from '../base/errors.ts';
import { type Digest, type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Signer } from '../base/ports.ts';
import { anySignal } from '../base/signals.ts';
import { buildCancel, encodeRecord } from '../job/build-record.ts';
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { computationIdOf, type JobSpec, jobIdOf, type SignedJobSpec } from '../job/spec.ts';
import type { JobStage } from '../job/why.ts';
import type { StoredJob } from '../store/job-store.ts';
import { announcePlan, reopenPlan } from './announce-plan.ts';
import { collect } from './collect.ts';
import { detachInputs } from './detach-inputs.ts';
import { type Ending, EndWatch } from './end-watch.ts';
import type { FinishedJob } from './finished-job.ts';
import { encodeMessage, type JobNotice, type Outcome } from './job-messages.ts';
import {
  certifiedResults,
  fetchCertificate,
  type JobResults,
  localResults,
} from './job-results.ts';
import type { JobStart } from './job-start.ts';
import { timesOf } from './job-times.ts';
import { JudgeList, sendRecord } from './judges.ts';
import type { LocalJudge } from './local-judge.ts';
import { type MakePlanComponents, makePlan } from './make-plan.ts';
import { type NextInstance, nextInstance } from './next-instance.ts';
import { outcomeOf } from './outcome.ts';
import type { BelievedOutcome } from './outcome-votes.ts';
import { ReplayLog } from './replay-log.ts';
import { failureOf, type RequesterEvent, readOutcome } from './requester-events.ts';

export interface RequesterComponents extends MakePlanComponents {
  readonly signer: Signer;
  readonly clock: Clock;
}

export interface RequesterJobInit {
  readonly job: SignedJobSpec;
  readonly waitPeersMs: number;
  /** Default false. A detached job goes on when its requester leaves. */
  readonly detached?: boolean;
}

/** What the job wants remembered; durable when it resolves. */
export type RecordChange = (
  change: Partial<StoredJob> | { readonly end: Outcome; readonly certificate: Uint8Array | null },
) => Promise<void>;

/** Events kept for late readers; a job of a million shards makes a few hundred. */
const EVENTS_MAX = 10_000;
/** A cancel waits this long for judges to take it; what they do then does not depend on us. */
const CANCEL_MS = 1_000;

export class RequesterJob {
  readonly id: string;
  readonly computationId: string;
  readonly events = new ReplayLog<RequesterEvent>({ max: EVENTS_MAX });
  readonly #components: RequesterComponents;
  readonly #init: RequesterJobInit;
  readonly #record: RecordChange;
  readonly #cancelled = new AbortController();
  readonly #ending = Promise.withResolvers<void>();
  readonly #detachable = Promise.withResolvers<void>();
  #start: JobStart;
  #hasEnded = false;
  #hasLeft = false;
  #isQueued = false;
  readonly #kernelMs = new Map<PeerId, number>();
  readonly #marks = { startMs: 0, announcedMs: 0, computedMs: 0, outcomeMs: 0, collectedMs: 0 };
  #plan: OpenPlan | undefined;
  /** Of the plan that is followed. */
  #watch: EndWatch | undefined;
  #accepted = 0;
  #error: ErrorJson | undefined;

  constructor(
    components: RequesterComponents,
    init: RequesterJobInit,
    begin: { readonly start: JobStart; readonly record: RecordChange },
  ) {
    this.#components = components;
    this.#init = init;
    this.#start = begin.start;
    this.#record = begin.record;
    this.id = toHex(jobIdOf(init.job.spec));
    this.computationId = toHex(computationIdOf(init.job.spec));
    this.#detachable.promise.catch(() => {});
  }

  /** Of the plan once it exists; messages are routed by it. */
  get planId(): Uint8Array | undefined {
    return this.#plan?.planId;
  }

  get judge(): LocalJudge | undefined {
    return this.#watch?.judge;
  }

  get plan(): OpenPlan | undefined {
    return this.#plan;
  }

  get spec(): JobSpec {
    return this.#init.job.spec;
  }

  /** Shards accepted, as far as this requester was told. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Why it failed or was cancelled; undefined for any other job. */
  get error(): ErrorJson | undefined {
    return this.#error;
  }

  /** How far the job is. */
  get stage(): JobStage {
    if (this.#hasEnded) return this.#marks.collectedMs > 0 ? 'done' : 'failed';
    if (this.#plan === undefined) return 'finding-peers';
    if (this.#marks.announcedMs === 0) return 'announcing';
    return this.#marks.outcomeMs === 0 ? 'computing' : 'collecting';
  }

  /** Roots of its inputs, which peers fetch from here. */
  roots(): Digest[] {
    return this.#init.job.spec.inputs.map(({ root }) => root);
  }

  get isDetached(): boolean {
    return this.#init.detached === true;
  }

  /**
   * Settles once the job needs its requester no more: enough others hold the inputs of a detached
   * job, or it is done. Rejects with what ended it before. Never settles for other jobs before
   * their end. Never unhandled.
   */
  get detachable(): Promise<void> {
    return this.#detachable.promise;
  }

  /**
   * Runs the job to its end. `onPlanned` is called before anybody else hears of a plan; again when
   * its cadre is lost, or was found dead after a restart. Errors: every code with exit 3 to 6.
   */
  async run(onPlanned: (plan: OpenPlan) => void): Promise<FinishedJob> {
    const { clock } = this.#components;
    const { signal } = this.#cancelled;
    this.#marks.startMs = clock.monotonicMs();
    try {
      const { plan, end } = await this.#untilEnd(onPlanned, signal);
      const finished = await this.#finish(plan, end, signal);
      this.#detachable.resolve();
      this.events.push({ type: 'done' });
      return finished;
    } catch (cause) {
      const error = asKadreError(
        signal.aborted ? signal.reason : cause,
        signal.aborted ? 'INTERRUPTED' : 'PEER_UNREACHABLE',
        'the job failed',
      );
      this.#error = error.toJSON();
      if (!this.#hasLeft) this.events.push({ type: 'failed', error: this.#error });
      this.#detachable.reject(error);
      throw error;
    } finally {
      this.#hasEnded = true;
      this.#watch?.stop();
      if (!this.#hasLeft) this.#dismissWorkers();
      this.events.close();
      this.#ending.resolve();
    }
  }

  /** Resolves when `run` has come to its end, whichever. */
  get ended(): Promise<void> {
    return this.#ending.promise;
  }

  /**
   * Cancels: workers stop, judges get the signed record, `run` rejects with JOB_CANCELLED. Errors:
   * NOT_THE_REQUESTER when this job is somebody else's.
   */
  async cancel(): Promise<void> {
    if (this.#hasEnded || this.#cancelled.signal.aborted) return;
    const { signer } = this.#components;
    if (!equalBytes(signer.nodeId, this.#init.job.spec.requester)) {
      const requester = peerIdOf(this.#init.job.spec.requester);
      throw new KadreError({ code: 'NOT_THE_REQUESTER' }, `the job belongs to ${requester}`);
    }
    await this.#giveUp(new KadreError({ code: 'JOB_CANCELLED' }, 'cancelled by the requester'));
  }

  /** Ends it like `cancel`; `run` rejects with this reason. */
  async fail(reason: KadreError): Promise<void> {
    if (!this.#hasEnded && !this.#cancelled.signal.aborted) await this.#giveUp(reason);
  }

  /** Nobody goes on with it; `run` rejects with the reason. */
  async #giveUp(reason: KadreError): Promise<void> {
    const { signer, clock } = this.#components;
    const plan = this.#plan;
    // First those whose work costs something; a judge that does not answer must not hold this up.
    this.#dismissWorkers();
    if (plan !== undefined && plan.seats.length > 0) {
      const record = encodeRecord(buildCancel(signer, plan.planId)).bytes;
      const late = new AbortController();
      const timer = clock.setTimer(CANCEL_MS, () => late.abort());
      const judges = this.#watch?.judges ?? new JudgeList(plan);
      await sendRecord(this.#components, judges, record, late.signal);
      timer.cancel();
    }
    this.#cancelled.abort(reason);
  }

  /** Stops following a job that goes on; `run` rejects with STOPPED and nobody else is told. */
  leave(): void {
    if (this.#hasEnded) return;
    this.#hasLeft = true;
    this.#cancelled.abort(new KadreError({ code: 'STOPPED' }, 'this node stopped following it'));
  }

  /** A notice from a peer about this plan. */
  notice(from: PeerId, notice: JobNotice): void {
    if (notice.t === 'computed') this.#computed(from, notice.micros);
    this.#watch?.notice(from, notice);
  }

  /** Whatever the beginning, up to an outcome that is believed; as many plans as that takes. */
  async #untilEnd(
    onPlanned: (plan: OpenPlan) => void,
    signal: AbortSignal,
  ): Promise<{ plan: OpenPlan; end: Ending }> {
    for (;;) {
      const plan = await this.#planToFollow(signal);
      onPlanned(plan);
      const end = await this.#follow(plan, signal);
      if (!('instance' in end)) return { plan, end };
      this.#watch?.stop();
      this.#dismissWorkers();
      this.#accepted = 0;
      this.#start = { kind: 'plan', instance: end.instance };
    }
  }

  /** One plan up to its end, or up to what has to be tried after it. */
  async #follow(plan: OpenPlan, signal: AbortSignal): Promise<Ending | NextInstance> {
    const start = this.#start;
    if (start.kind === 'collect') return { outcome: start.outcome, judges: [] };
    const ended = this.#awaitEnd(plan, signal);
    ended.catch(() => {});
    try {
      const found = await this.#open(plan, signal);
      // Nobody ever ran it: no cadre was lost.
      if (found === 'gone') return { instance: plan.package.plan.instance + 1, members: [] };
      this.#marks.announcedMs = this.#components.clock.monotonicMs();
      const over = new AbortController();
      const onEnd = () => over.abort();
      ended.then(onEnd, onEnd);
      await this.#detach(plan, signal, over.signal);
      return await ended;
    } catch (cause) {
      const next = signal.aborted ? undefined : this.#nextInstance(plan, cause);
      if (next === undefined) throw cause;
      return next;
    }
  }

  /** A new plan is announced; whether one from before a restart still runs is asked. */
  async #open(plan: OpenPlan, signal: AbortSignal): Promise<'open' | 'gone' | 'unknown'> {
    const { kind } = this.#start;
    if (kind === 'reopen') return reopenPlan(this.#components, plan, this.isDetached, { signal });
    if (kind !== 'plan') return 'unknown';
    const init = { ...this.#answers(), detached: this.isDetached };
    await announcePlan(this.#components, plan, init, { signal });
    return 'open';
  }

  /** The cadre is lost: whether another one is drawn, which is told and made possible here. */
  #nextInstance(plan: OpenPlan, cause: unknown): NextInstance | undefined {
    const elapsedMs = this.#components.clock.monotonicMs() - this.#marks.startMs;
    const isOurs = this.#start.kind === 'plan' || this.#start.kind === 'reopen';
    const next = nextInstance(cause, { plan, isOurs, elapsedMs });
    for (const peer of next?.members ?? []) this.#components.book.forget(peer);
    if (next !== undefined) this.events.push({ type: 'replanned', ...next });
    return next;
  }

  /** A new one is frozen, seated, and remembered before any member or worker acts on it. */
  async #planToFollow(signal: AbortSignal): Promise<OpenPlan> {
    const start = this.#start;
    if (start.kind !== 'plan') {
      this.#plan = start.plan;
      return start.plan;
    }
    const { instance } = start;
    const onFull = (reasons: readonly string[]) => this.#queued(reasons);
    const init = { ...this.#init, instance, onFull };
    const made = await makePlan(this.#components, init, { signal });
    this.#emitPlanned(made);
    await this.#record({ plan: made.plan.package, instance });
    this.#plan = made.plan;
    return made.plan;
  }

  /** Told once, however long it waits. */
  #queued(reasons: readonly string[]): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.events.push({ type: 'queued', reasons });
  }

  /** The cadre is open; a detached job also needs its inputs elsewhere. */
  async #detach(plan: OpenPlan, signal: AbortSignal, over: AbortSignal): Promise<void> {
    if (this.#start.kind !== 'plan' && this.#start.kind !== 'reopen') return;
    if (!this.isDetached) {
      // Only saves a question after a restart, so nothing waits for it.
      this.#record({ isAnnounced: true }).catch((cause) => {
        this.#components.log.log('warn', 'job-not-recorded', { cause: String(cause) });
      });
      return;
    }
    try {
      const options = { signal: anySignal(signal, over) };
      const holders = await detachInputs(this.#components, plan, options);
      await this.#record({ isAnnounced: true, isDetachable: true });
      this.events.push({ type: 'detachable', holders });
      this.#detachable.resolve();
    } catch (cause) {
      // What has ended needs nobody any more, whoever holds its inputs.
      if (over.aborted) return;
      // A job that cannot go on alone was not what was asked for.
      if (!signal.aborted) await this.#giveUp(asKadreError(cause, 'DETACH_REFUSED', 'inputs'));
      throw cause;
    }
  }

  /** Settles with the judges' believed outcome, or with our own ledger when there is no cadre. */
  #awaitEnd(plan: OpenPlan, signal: AbortSignal): Promise<Ending> {
    const watch = new EndWatch(this.#components, {
      plan,
      onProgress: (accepted) => this.#progress(accepted),
      onReplaced: (peer) => this.events.push({ type: 'replaced', peer }),
    });
    this.#watch = watch;
    watch.start(this.#start.kind === 'plan' ? undefined : 0);
    return watch.ended(signal);
  }

  async #finish(plan: OpenPlan, end: Ending, signal: AbortSignal): Promise<FinishedJob> {
    const { clock } = this.#components;
    this.#marks.outcomeMs = clock.monotonicMs();
    const believed = 'outcome' in end ? end : undefined;
    const said = believed?.outcome ?? outcomeOf(plan, end as LedgerState);
    const outcome = readOutcome(plan, said);
    for (const dispute of outcome.disputes) this.events.push({ type: 'dispute', ...dispute });
    for (const retry of outcome.retries) this.events.push({ type: 'retry', ...retry });
    const failure = failureOf(outcome);
    if (failure !== undefined) throw failure;
    this.#progress(plan.spec.shards);
    const results = await this.#results(plan, believed, { end, signal });
    const certifiedMs = clock.monotonicMs();
    if (results.certificate !== null) {
      this.events.push({ type: 'certified', bytes: results.certificate.length });
    }
    if (this.#start.kind !== 'collect') {
      await this.#record({ end: said, certificate: results.certificate });
    }
    const outputs = await collect(this.#components, plan.kernel.outputs, results.pieces, {
      signal,
    });
    const bytes = outputs.reduce((sum, output) => sum + output.length, 0);
    this.events.push({ type: 'collected', bytes });
    this.#marks.collectedMs = clock.monotonicMs();
    const times = timesOf({ ...this.#marks, certifiedMs });
    return { plan, outputs, results, outcome, kernelMs: this.#kernelMs, times };
  }

  #results(
    plan: OpenPlan,
    believed: BelievedOutcome | undefined,
    { end, signal }: { readonly end: Ending; readonly signal: AbortSignal },
  ): Promise<JobResults> | JobResults {
    if (this.#start.kind === 'collect') return certifiedResults(plan, this.#start.certificate);
    if (believed === undefined) return localResults(plan, end as LedgerState);
    return fetchCertificate(this.#components, this.#watch!.judges, believed, { signal });
  }

  #answers() {
    return {
      onClaimed: (peer: PeerId, shards: number) =>
        this.events.push({ type: 'claimed', peer, shards }),
      onRefused: (peer: PeerId, reason: string) =>
        this.events.push({ type: 'refused', peer, reason }),
    };
  }

  /** Only of the plan's workers: anybody can say something. */
  #computed(from: PeerId, micros: number): void {
    const isWorker = this.#plan?.workers.some((at) => peerIdOf(this.#plan!.nodes[at]!) === from);
    if (isWorker !== true) return;
    this.#marks.computedMs = this.#components.clock.monotonicMs();
    this.#kernelMs.set(from, (this.#kernelMs.get(from) ?? 0) + micros / 1000);
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

  /** However the job ends, its workers need not go on; only the requester's word counts there. */
  #dismissWorkers(): void {
    const plan = this.#plan;
    const { network, signer } = this.#components;
    if (plan === undefined || !equalBytes(signer.nodeId, plan.spec.requester)) return;
    const ended = encodeMessage({ t: 'ended', planId: plan.planId });
    for (const worker of plan.workers) network.send(peerIdOf(plan.nodes[worker]!), 'job', ended);
  }
}
