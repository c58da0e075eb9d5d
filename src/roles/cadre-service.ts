/**
 * The cadre role: takes seats within limits, opens plans when the cadre is complete, and routes
 * records and consensus messages to the plan they are for (steps 4, 5 and 10 of the life of a job).
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import type { EarlyMessages } from '../base/early-messages.ts';
import { asKadreError, type KadreError } from '../base/errors.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import type {
  BlobRef,
  Clock,
  Logger,
  Network,
  Random,
  SignatureVerifier,
  Signer,
  Timer,
} from '../base/ports.ts';
import type { Checked } from '../base/verdict.ts';
import type { CheckedRecord } from '../job/ledger/check-record.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { PlanPackage } from '../job/plan.ts';
import { computationOf } from '../job/reuse.ts';
import type { PlanStore, RecoveredPlan } from '../store/plan-store.ts';
import { CadreDrafts, type Draft } from './cadre-drafts.ts';
import { CADRE_DEFAULTS, type CadreServiceInit } from './cadre-limits.ts';
import { CadreMember } from './cadre-member.ts';
import type { EndedPlans } from './ended-plans.ts';
import { openEnvelope } from './envelope.ts';
import { handoverAnswer } from './handover.ts';
import type { InputHolder } from './input-holder.ts';
import { encodeMessage, type JobRequest, KNOWN_JOBS_MAX, refusedAnswer } from './job-messages.ts';
import type { JobProvider } from './job-provider.ts';
import { makeDriver } from './make-driver.ts';
import { PlanArchive } from './plan-archive.ts';
import type { PlanCache } from './plan-cache.ts';
import { joinSeat, openSeat, resumeSeat, type TakenSeat } from './take-seat.ts';

export interface CadreServiceComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signer: Signer;
  readonly verifier: SignatureVerifier;
  readonly plans: PlanCache;
  readonly store: PlanStore;
  readonly ended: EndedPlans;
  /** Makes jobs findable by their ids. */
  readonly provider: JobProvider;
  readonly holder: InputHolder;
  /** A fresh key for one plan, and the signer of a stored one. */
  readonly keys: { generate(): Uint8Array; signer(seed: Uint8Array): Signer };
}

interface Live {
  readonly member: CadreMember;
  readonly requester: PeerId;
  /** Emptied once the replica runs. */
  early: EarlyMessages<CadreMember> | undefined;
  ended: boolean;
  /** When it is forgotten: long after it began, or some time after it ended. */
  expiry: Timer;
}

export class CadreService {
  readonly name = 'cadre';
  readonly #components: CadreServiceComponents;
  readonly #init: CadreServiceInit;
  readonly #drafts: CadreDrafts;
  readonly #live = new Map<string, Live>();
  /** Job id to the key of its live plan; a later plan of a job takes its place. */
  readonly #byJob = new Map<string, string>();
  readonly #archive: PlanArchive;
  #unhandle: (() => void) | undefined;
  #stopped = false;

  constructor(components: CadreServiceComponents, init: CadreServiceInit = CADRE_DEFAULTS) {
    this.#components = components;
    this.#init = init;
    this.#drafts = new CadreDrafts(components, {
      lifetimeMs: init.draftLifetimeMs,
      busyReason: (requester) => this.#busyReason(requester),
      isLive: (key) => this.#live.has(key),
    });
    this.#archive = new PlanArchive(components, {
      keepMs: init.archiveAfterMs,
      plansMax: init.archivedMax,
      retire: (member) => this.#retire(member),
    });
  }

  /** Plans that still need this node. */
  get plans(): number {
    return [...this.#live.values()].filter(({ ended }) => !ended).length;
  }

  /** Takes part again in every plan that was open when this node last stopped. */
  async start(): Promise<void> {
    const { store, network, log, ended, provider } = this.#components;
    await ended.load();
    for (const job of ended.jobs) provider.add(job, 'later');
    this.#unhandle = network.handle('consensus', {
      message: (from, body) => this.#consensus(from, body),
    });
    const onDamaged = ({ code, message }: KadreError) =>
      log.log('error', 'plan-not-resumed', { code, message });
    for (const recovered of await store.recover(onDamaged)) {
      try {
        await this.#resume(recovered);
      } catch (cause) {
        onDamaged(asKadreError(cause, 'DATA_DIR_DAMAGED', toHex(recovered.plan.planId)));
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unhandle?.();
    this.#components.provider.stop();
    this.#components.holder.stop();
    this.#drafts.stop();
    const live = [...this.#live.values()];
    this.#live.clear();
    for (const { expiry } of live) expiry.cancel();
    await this.#archive.stop();
    await Promise.allSettled(live.map(({ member }) => member.stop()));
  }

  /** Takes a seat: makes a key for this plan and signs it, or says why not. */
  convene(from: PeerId, seat: number, pkg: PlanPackage): Uint8Array {
    return this.#drafts.convene(from, seat, pkg);
  }

  /** Takes a silent member's seat, or says why not. */
  standIn(from: PeerId, request: Extract<JobRequest, { t: 'stand-in' }>): Uint8Array {
    return this.#drafts.standIn(from, request);
  }

  /** How the newest epoch of a plan began, for those that are to sit in it. */
  handover(
    from: PeerId,
    { planId, offset }: Extract<JobRequest, { t: 'handover' }>,
  ): Uint8Array | undefined {
    const member = this.#live.get(toHex(planId))?.member;
    const handover = member?.handover;
    if (member === undefined || handover === undefined) return undefined;
    if (!member.mayJudge(from)) return refusedAnswer('not-a-member');
    return handoverAnswer(handover, offset);
  }

  /** The cadre is complete: begins, once. */
  async open(from: PeerId, request: Extract<JobRequest, { t: 'open' }>): Promise<Uint8Array> {
    const key = toHex(request.planId);
    const isOurs = this.#live.has(key) || this.#components.ended.knows(request.planId);
    if (isOurs) return encodeMessage({ t: 'ok' });
    const draft = this.#drafts.get(key);
    if (draft === undefined || draft.standIn !== undefined) return refusedAnswer('unknown-plan');
    if (from !== draft.requester) return refusedAnswer('not-the-requester');
    draft.opening ??= this.#openDraft(draft, request);
    try {
      const answer = await draft.opening;
      // Refused: a better `open` may follow.
      draft.opening = undefined;
      return answer;
    } catch (cause) {
      // Nothing was signed yet: the requester may ask again, and the seat is free meanwhile.
      this.#drafts.drop(draft);
      throw cause;
    }
  }

  /** A ledger record for one of our plans; undefined when the plan is none of ours. */
  record(
    from: PeerId,
    planId: Digest,
    bytes: Uint8Array,
  ): Checked<CheckedRecord | undefined> | undefined {
    const key = toHex(planId);
    const live = this.#live.get(key);
    if (live !== undefined && live.early === undefined) return live.member.record(from, bytes);
    const early = live?.early ?? this.#drafts.get(key)?.early;
    if (early === undefined) return undefined;
    // A quick worker is ahead of the requester's `open`: kept, judged when the plan is.
    early.keep(bytes, (member, kept) => member.record(from, kept));
    return { ok: true, value: undefined };
  }

  /** What this node knows of a job, for whoever asks; undefined when that is nothing. */
  async find(jobId: Digest, wantsPlan: boolean): Promise<Uint8Array | undefined> {
    const live = this.#live.get(this.#byJob.get(toHex(jobId)) ?? '');
    if (live === undefined) return this.#components.ended.find(jobId, wantsPlan);
    return encodeMessage(live.member.describe(wantsPlan));
  }

  /** Certified jobs of a computation that this node judged, newest first. */
  known(computationId: Digest): Uint8Array {
    const live = [...this.#live.values()].reverse().filter(({ member }) => {
      return member.isDone && equalBytes(computationOf(member.plan.spec), computationId);
    });
    const ids = [
      ...live.map(({ member }) => member.plan.jobId),
      ...this.#components.ended.jobsOf(computationId),
    ];
    const jobs = [...new Map(ids.map((id) => [toHex(id), id])).values()];
    return encodeMessage({ t: 'known', jobs: jobs.slice(0, KNOWN_JOBS_MAX) });
  }

  /** The plan that is live here, to hold inputs for; only its requester may ask. */
  livePlan(from: PeerId, planId: Digest): OpenPlan | undefined {
    const live = this.#live.get(toHex(planId));
    return live?.requester === from ? live.member.plan : undefined;
  }

  /** True while this node holds a seat of the plan, and for a while after its end. */
  knows(planId: Digest): boolean {
    const key = toHex(planId);
    return this.#live.has(key) || this.#drafts.get(key) !== undefined;
  }

  /** Of a finished plan: the bytes, or where the blob store has them; undefined for any other. */
  certificate(planId: Digest): Uint8Array | BlobRef | undefined {
    const live = this.#live.get(toHex(planId));
    if (live === undefined) return this.#components.ended.certificateOf(planId);
    return live.member.certificate();
  }

  /** Ended plans whose results are gone need not be known, nor found. */
  async forgetOld(): Promise<void> {
    const { ended, provider } = this.#components;
    for (const { jobId } of await ended.trim()) provider.remove(jobId);
  }

  /** Roots of blobs that late askers may still want. */
  roots(): Iterable<Digest> {
    return this.#components.ended.roots();
  }

  suspect(from: PeerId, planId: Digest, node: Uint8Array): void {
    const live = this.#live.get(toHex(planId));
    if (live?.requester === from) live.member.suspect(node);
  }

  /** Where a plan's ledger stands here: for its requester, once the replica runs. */
  why(from: PeerId, request: Extract<JobRequest, { t: 'why' }>): Uint8Array | undefined {
    const live = this.#live.get(toHex(request.planId));
    if (live === undefined || live.early !== undefined) return undefined;
    return from === live.requester ? live.member.why(request) : refusedAnswer('not-the-requester');
  }

  /** Somebody lost notices. */
  repeat(from: PeerId, planId: Digest): void {
    this.#live.get(toHex(planId))?.member.repeat(from);
  }

  async #openDraft(draft: Draft, request: Extract<JobRequest, { t: 'open' }>): Promise<Uint8Array> {
    const taken = await openSeat(this.#components, draft, request);
    if (taken instanceof Uint8Array) return taken;
    await this.#takeUp(draft, taken);
    return encodeMessage({ t: 'ok' });
  }

  /** A member speaks in an epoch that we are to sit in: joins it, once. */
  #join(draft: Draft, from: PeerId): void {
    if (draft.opening !== undefined) return;
    const { log } = this.#components;
    draft.opening = this.#joinDraft(draft, from);
    draft.opening
      .catch((cause: unknown) => log.log('debug', 'not-joined', { peer: from, cause: `${cause}` }))
      .finally(() => {
        draft.opening = undefined;
      });
  }

  /** The answer is nobody's: nobody asked. */
  async #joinDraft(draft: Draft, from: PeerId): Promise<Uint8Array> {
    const taken = await joinSeat(this.#components, draft, from);
    if (taken === undefined) return refusedAnswer('not-seated');
    await this.#takeUp(draft, taken);
    return encodeMessage({ t: 'ok' });
  }

  async #takeUp(draft: Draft, taken: TakenSeat): Promise<void> {
    const begun = this.#begin(taken);
    this.#drafts.drop(draft);
    await begun;
  }

  async #resume(recovered: RecoveredPlan): Promise<void> {
    const { store } = this.#components;
    const { log, plan } = recovered;
    let taken: TakenSeat | undefined;
    try {
      taken = await resumeSeat(this.#components, recovered);
    } catch (cause) {
      await log.wal.close();
      throw cause;
    }
    if (taken !== undefined) return this.#begin(taken);
    await log.wal.close();
    await store.remove(plan.planId);
  }

  async #begin({ plan, seat, planKey, requester, stored, first, early }: TakenSeat): Promise<void> {
    const { detached } = stored;
    const key = toHex(plan.planId);
    const member = new CadreMember(this.#components, {
      plan,
      seat,
      planKey,
      detached,
      first,
      nextLog: (handover) => this.#components.store.begin(stored, handover),
      driver: (member, at) => makeDriver(this.#components, { plan, seat, planKey, member, at }),
      onEnd: () => this.#ended(key),
      onReplaced: () => void this.#forget(key),
    });
    const lifetimeMs = Math.max(this.#init.planLifetimeMs, 2 * plan.policy.deadlineMs);
    const expiry = this.#forgetAfter(key, lifetimeMs);
    const live: Live = { member, requester, early, ended: false, expiry };
    this.#live.set(key, live);
    const jobKey = toHex(plan.jobId);
    this.#supersede(this.#byJob.get(jobKey), plan);
    this.#byJob.set(jobKey, key);
    // What an earlier process held for this plan must not expire meanwhile.
    if (detached) this.#components.holder.take(plan);
    try {
      await member.start();
    } catch (cause) {
      expiry.cancel();
      this.#drop(key);
      await member.stop();
      throw cause;
    }
    live.early = undefined;
    const job = { jobId: plan.jobId, computationId: computationOf(plan.spec) };
    if (!live.ended) this.#components.provider.add(job, detached ? 'now' : 'later');
    early.deliverTo(member);
  }

  /** Its requester gave an earlier instance up: the seat there is of no use to anybody. */
  #supersede(earlierKey: string | undefined, plan: OpenPlan): void {
    const earlier = this.#live.get(earlierKey ?? '');
    if (earlierKey === undefined || earlier === undefined || earlier.ended) return;
    const { instance } = plan.package.plan;
    if (earlier.member.plan.package.plan.instance < instance) void this.#forget(earlierKey);
  }

  #forgetAfter(key: string, delayMs: number): Timer {
    return this.#components.clock.setTimer(delayMs, () => void this.#forget(key));
  }

  async #forget(key: string): Promise<void> {
    const { store, log } = this.#components;
    const live = this.#live.get(key);
    if (live === undefined) return;
    this.#drop(key);
    try {
      await live.member.stop();
      await store.remove(live.member.plan.planId);
    } catch (cause) {
      log.log('warn', 'plan-not-removed', { planId: key, cause: String(cause) });
    }
  }

  async #retire(member: CadreMember): Promise<void> {
    const key = toHex(member.plan.planId);
    const live = this.#live.get(key);
    this.#drop(key);
    await live?.member.stop();
  }

  #drop(key: string): void {
    const plan = this.#live.get(key)?.member.plan;
    if (plan === undefined) return;
    this.#live.delete(key);
    const jobKey = toHex(plan.jobId);
    if (this.#byJob.get(jobKey) === key) this.#byJob.delete(jobKey);
    this.#components.holder.release(plan.planId);
  }

  #ended(key: string): void {
    const live = this.#live.get(key);
    if (live === undefined || this.#stopped) return;
    live.ended = true;
    live.expiry.cancel();
    this.#archive.add(live.member);
  }

  #busyReason(requester: PeerId): string | undefined {
    const { plansMax, plansPerRequesterMax } = this.#init;
    if (this.#stopped) return 'draining';
    if (this.plans + this.#drafts.size >= plansMax) return 'busy';
    const live = [...this.#live.values()].filter((plan) => !plan.ended);
    const own = [...live, ...this.#drafts.all].filter((plan) => plan.requester === requester);
    return own.length >= plansPerRequesterMax ? 'over-limits' : undefined;
  }

  /** An envelope; only those who have, had or may have a seat are heard. */
  #consensus(from: PeerId, body: Uint8Array): void {
    const envelope = openEnvelope(body);
    if (envelope === undefined) return;
    const { epoch, message } = envelope;
    const key = toHex(envelope.planId);
    const live = this.#live.get(key);
    const draft = live === undefined ? this.#drafts.get(key) : undefined;
    if (draft?.standIn !== undefined) {
      if (epoch > 0) this.#join(draft, from);
      return;
    }
    const early = live === undefined ? draft?.early : live.early;
    if (early === undefined) live?.member.consensus(from, epoch, message);
    else early.keep(message, (member, kept) => member.consensus(from, epoch, kept));
  }
}
