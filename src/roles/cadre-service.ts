/**
 * The cadre role: takes seats within limits, opens plans when the cadre is complete, and routes
 * records and consensus messages to the plan they are for (steps 4, 5 and 10 of the life of a job).
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { asKadreError } from '../base/errors.ts';
import { type Digest, type PeerId, peerIdOf } from '../base/ids.ts';
import type {
  BlobStore,
  Clock,
  Logger,
  Network,
  Random,
  SignatureVerifier,
  Signer,
  Timer,
} from '../base/ports.ts';
import type { Checked } from '../base/verdict.ts';
import { signTagged } from '../crypto/portable/signed.ts';
import type { CheckedRecord } from '../job/ledger/check-record.ts';
import { type OpenPlan, openDraft, type PlanChecks } from '../job/open-plan.ts';
import { type CadreEntry, cadreEntryBody, type PlanPackage } from '../job/plan.ts';
import type { PlanStore, StoredPlan } from '../store/plan-store.ts';
import { TAGS } from '../wire/tags.ts';
import { CadreMember } from './cadre-member.ts';
import { encodeMessage, type JobRequest, refusedAnswer } from './job-messages.ts';
import { makeDriver } from './make-driver.ts';
import type { PlanCache } from './plan-cache.ts';

export interface CadreServiceComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signer: Signer;
  readonly verifier: SignatureVerifier;
  readonly blobs: BlobStore;
  readonly plans: PlanCache;
  readonly store: PlanStore;
  readonly checks: PlanChecks;
  /** A fresh key for one plan, and the signer of a stored one. */
  readonly keys: { generate(): Uint8Array; signer(seed: Uint8Array): Signer };
}

export interface CadreServiceInit {
  /** Live plans at once, and of one requester (job.md section 4.7). */
  readonly plansMax: number;
  readonly plansPerRequesterMax: number;
  /** A seat that was taken and never opened is given up after this. */
  readonly draftLifetimeMs: number;
  /** A finished plan's replica and files are kept this long for members that lag. */
  readonly archiveAfterMs: number;
}

export const CADRE_DEFAULTS: CadreServiceInit = {
  plansMax: 64,
  plansPerRequesterMax: 8,
  draftLifetimeMs: 30_000,
  archiveAfterMs: 600_000,
};

/** Records that arrive between a seat's convening and its opening. */
const EARLY_RECORDS_MAX = 256;

interface Draft {
  readonly package: PlanPackage;
  readonly seat: number;
  readonly keySeed: Uint8Array;
  readonly requester: PeerId;
  readonly expiry: Timer;
  readonly early: { readonly bytes: Uint8Array }[];
  opening: Promise<Uint8Array> | undefined;
}

interface Live {
  readonly member: CadreMember;
  readonly requester: PeerId;
  ended: boolean;
  archive: Timer | undefined;
}

interface BeginInit {
  readonly seat: number;
  readonly planKey: Signer;
  readonly requester: PeerId;
  readonly keyIsNew: boolean;
}

export class CadreService {
  readonly name = 'cadre';
  readonly #components: CadreServiceComponents;
  readonly #init: CadreServiceInit;
  readonly #drafts = new Map<string, Draft>();
  readonly #live = new Map<string, Live>();
  #unhandle: (() => void) | undefined;
  #stopped = false;

  constructor(components: CadreServiceComponents, init: CadreServiceInit = CADRE_DEFAULTS) {
    this.#components = components;
    this.#init = init;
  }

  /** Plans that still need this node. */
  get plans(): number {
    return [...this.#live.values()].filter(({ ended }) => !ended).length;
  }

  /** Takes part again in every plan that was open when this node last stopped. */
  async start(): Promise<void> {
    const { store, network, log } = this.#components;
    this.#unhandle = network.handle('consensus', {
      message: (from, body) => this.#consensus(from, body),
    });
    for (const stored of await store.list()) {
      try {
        await this.#resume(stored);
      } catch (cause) {
        const { code, message } = asKadreError(cause, 'DATA_DIR_DAMAGED', 'plan not resumed');
        log.log('error', 'plan-not-resumed', { planId: toHex(stored.planId), code, message });
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unhandle?.();
    for (const { expiry } of this.#drafts.values()) expiry.cancel();
    this.#drafts.clear();
    const live = [...this.#live.values()];
    this.#live.clear();
    for (const { archive } of live) archive?.cancel();
    await Promise.allSettled(live.map(({ member }) => member.stop()));
  }

  /** Takes a seat: makes a key for this plan and signs it, or says why not. */
  convene(from: PeerId, seat: number, pkg: PlanPackage): Uint8Array {
    const { checks, signer, keys, clock, network } = this.#components;
    const draft = openDraft(pkg, checks, signer.nodeId);
    if (!draft.ok) {
      network.penalise(from, draft.penalty, draft.reason);
      return refusedAnswer(draft.reason, draft.detail ?? '');
    }
    const requester = peerIdOf(draft.value.spec.requester);
    if (from !== requester) return refusedAnswer('not-the-requester');
    if (seat >= draft.value.policy.cadre) return refusedAnswer('bad-seat');
    const busy = this.#busyReason(requester);
    if (busy !== undefined) return refusedAnswer(busy);
    const { planId } = draft.value;
    const key = toHex(planId);
    if (this.#live.has(key)) return refusedAnswer('already-open');
    const known = this.#drafts.get(key);
    known?.expiry.cancel();
    // Asked again, for another seat even: the same plan keeps its one key.
    const keySeed = known?.keySeed ?? keys.generate();
    const expiry = clock.setTimer(this.#init.draftLifetimeMs, () => this.#drafts.delete(key));
    const early = known?.early ?? [];
    this.#drafts.set(key, {
      package: pkg,
      seat,
      keySeed,
      requester,
      expiry,
      early,
      opening: undefined,
    });
    const publicKey = keys.signer(keySeed).publicKey;
    const body = cadreEntryBody(planId, seat, publicKey);
    const signature = signTagged(signer, TAGS.signCadreEntry, body);
    const entry: CadreEntry = { seat, node: signer.nodeId, key: publicKey, signature };
    return encodeMessage({ t: 'entry', entry });
  }

  /** The cadre is complete: begins, once. */
  async open(from: PeerId, request: Extract<JobRequest, { t: 'open' }>): Promise<Uint8Array> {
    const key = toHex(request.planId);
    if (this.#live.has(key)) return encodeMessage({ t: 'ok' });
    const draft = this.#drafts.get(key);
    if (draft === undefined) return refusedAnswer('unknown-plan');
    if (from !== draft.requester) return refusedAnswer('not-the-requester');
    draft.opening ??= this.#openDraft(key, draft, request);
    return draft.opening;
  }

  /** A ledger record for one of our plans; undefined when the plan is none of ours. */
  record(planId: Digest, bytes: Uint8Array): Checked<CheckedRecord | undefined> | undefined {
    const key = toHex(planId);
    const live = this.#live.get(key);
    if (live !== undefined) return live.member.record(bytes);
    const draft = this.#drafts.get(key);
    if (draft === undefined) return undefined;
    // A quick worker is ahead of the requester's `open`: kept, judged when the plan is.
    if (draft.early.length < EARLY_RECORDS_MAX) draft.early.push({ bytes });
    return { ok: true, value: undefined };
  }

  suspect(from: PeerId, planId: Digest, node: Uint8Array): void {
    const live = this.#live.get(toHex(planId));
    if (live?.requester === from) live.member.suspect(node);
  }

  repeatClosed(from: PeerId, planId: Digest): void {
    this.#live.get(toHex(planId))?.member.repeatClosed(from);
  }

  async #openDraft(
    key: string,
    draft: Draft,
    request: Extract<JobRequest, { t: 'open' }>,
  ): Promise<Uint8Array> {
    const { plans, store, signer, log } = this.#components;
    const { skipped, cadre } = request;
    const pkg = { ...draft.package, skipped, cadre };
    const plan = plans.open(pkg);
    if (!plan.ok) return refusedAnswer(plan.reason, plan.detail ?? '');
    const seat = plan.value.seatOf(signer.nodeId);
    if (seat === undefined) return refusedAnswer('not-seated');
    const planKey = this.#components.keys.signer(draft.keySeed);
    if (!equalBytes(plan.value.seats[seat]!.key, planKey.publicKey)) {
      return refusedAnswer('wrong-key');
    }
    const { planId } = plan.value;
    const stored = { planId, keySeed: draft.keySeed, package: pkg };
    // Losing this file loses the seat, never safety: the key is gone with it.
    store.save(stored).catch((cause: unknown) => {
      log.log('error', 'plan-not-saved', { planId: key, cause: String(cause) });
    });
    const requester = draft.requester;
    const live = await this.#begin(plan.value, { seat, planKey, requester, keyIsNew: true });
    draft.expiry.cancel();
    this.#drafts.delete(key);
    for (const { bytes } of draft.early) live.member.record(bytes);
    return encodeMessage({ t: 'ok' });
  }

  async #resume(stored: StoredPlan): Promise<void> {
    const { plans, signer, keys, store } = this.#components;
    const plan = plans.open(stored.package);
    const seat = plan.ok ? plan.value.seatOf(signer.nodeId) : undefined;
    if (!plan.ok || seat === undefined) return store.remove(stored.planId);
    const requester = peerIdOf(plan.value.spec.requester);
    const planKey = keys.signer(stored.keySeed);
    await this.#begin(plan.value, { seat, planKey, requester, keyIsNew: false });
  }

  async #begin(plan: OpenPlan, init: BeginInit): Promise<Live> {
    const { seat, planKey, requester, keyIsNew } = init;
    const log = await this.#components.store.openLog(plan.planId);
    const key = toHex(plan.planId);
    const member = new CadreMember(this.#components, {
      plan,
      seat,
      planKey,
      driver: (member) =>
        makeDriver(this.#components, { plan, seat, planKey, log, member, keyIsNew }),
      onEnd: () => this.#ended(key),
    });
    const live: Live = { member, requester, ended: false, archive: undefined };
    this.#live.set(key, live);
    await member.start();
    return live;
  }

  #ended(key: string): void {
    const live = this.#live.get(key);
    if (live === undefined || this.#stopped) return;
    live.ended = true;
    live.archive = this.#components.clock.setTimer(this.#init.archiveAfterMs, () => {
      this.#live.delete(key);
      void live.member.stop().then(() => this.#components.store.remove(live.member.plan.planId));
    });
  }

  #busyReason(requester: PeerId): string | undefined {
    const { plansMax, plansPerRequesterMax } = this.#init;
    if (this.#stopped) return 'draining';
    if (this.plans + this.#drafts.size >= plansMax) return 'busy';
    const live = [...this.#live.values()].filter((plan) => !plan.ended);
    const own = [...live, ...this.#drafts.values()].filter((plan) => plan.requester === requester);
    return own.length >= plansPerRequesterMax ? 'over-limits' : undefined;
  }

  /** planId, then a consensus message; only seats are heard. */
  #consensus(from: PeerId, body: Uint8Array): void {
    const live = this.#live.get(toHex(body.subarray(0, 32)));
    const seat = live?.member.plan.seats.findIndex((entry) => peerIdOf(entry.node) === from) ?? -1;
    if (live === undefined || seat < 0) return;
    live.member.consensus(seat, body.subarray(32));
  }
}
