/**
 * Seats that this node has agreed to take and that nobody has opened yet: asked for by the
 * requester of a plan, or by members whose colleague fell silent. Each is a key made for the plan,
 * signed for, and forgotten after a while.
 */
import { toHex } from '../base/bytes.ts';
import { EarlyMessages } from '../base/early-messages.ts';
import { type Digest, type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Network, Signer, Timer } from '../base/ports.ts';
import type { Refusal } from '../base/verdict.ts';
import { signTagged } from '../crypto/portable/signed.ts';
import { standInsLeft } from '../job/cadre.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { type CadreEntry, cadreEntryBody, type PlanPackage } from '../job/plan.ts';
import { TAGS } from '../wire/tags.ts';
import type { CadreMember } from './cadre-member.ts';
import { openLinks } from './handover.ts';
import { encodeMessage, type JobRequest, refusedAnswer } from './job-messages.ts';
import type { PlanCache } from './plan-cache.ts';

export interface Draft {
  readonly planId: Digest;
  readonly package: PlanPackage;
  readonly seat: number;
  readonly keySeed: Uint8Array;
  readonly requester: PeerId;
  readonly expiry: Timer;
  readonly early: EarlyMessages<CadreMember>;
  /** Present for a seat that has been somebody else's: the plan runs already. */
  readonly standIn: { readonly plan: OpenPlan; readonly detached: boolean } | undefined;
  /** A second draft meanwhile could lead to a second replica with the same key. */
  opening: Promise<Uint8Array> | undefined;
}

export interface CadreDraftsComponents {
  readonly network: Network;
  readonly clock: Clock;
  readonly signer: Signer;
  readonly plans: PlanCache;
  readonly keys: { generate(): Uint8Array; signer(seed: Uint8Array): Signer };
}

export interface CadreDraftsInit {
  readonly lifetimeMs: number;
  /** Why a plan of this requester is not taken on now. */
  readonly busyReason: (requester: PeerId) => string | undefined;
  readonly isLive: (key: string) => boolean;
}

export class CadreDrafts {
  readonly #components: CadreDraftsComponents;
  readonly #init: CadreDraftsInit;
  /** By the plan's key. */
  readonly #drafts = new Map<string, Draft>();

  constructor(components: CadreDraftsComponents, init: CadreDraftsInit) {
    this.#components = components;
    this.#init = init;
  }

  get all(): Iterable<Draft> {
    return this.#drafts.values();
  }

  get size(): number {
    return this.#drafts.size;
  }

  get(key: string): Draft | undefined {
    return this.#drafts.get(key);
  }

  /** Only this very draft: another may have come for the plan since. */
  drop(draft: Draft): void {
    draft.expiry.cancel();
    const key = toHex(draft.planId);
    if (this.#drafts.get(key) === draft) this.#drafts.delete(key);
  }

  stop(): void {
    for (const draft of [...this.#drafts.values()]) this.drop(draft);
  }

  /** Takes a seat of a new plan: makes a key for it and signs it, or says why not. */
  convene(from: PeerId, seat: number, pkg: PlanPackage): Uint8Array {
    const { plans, signer } = this.#components;
    const draft = plans.openDraft(pkg, signer.nodeId);
    if (!draft.ok) return this.#refuse(from, draft);
    const { planId, spec, policy } = draft.value;
    const requester = peerIdOf(spec.requester);
    if (from !== requester) return refusedAnswer('not-the-requester');
    if (seat >= policy.cadre) return refusedAnswer('bad-seat');
    return this.#keep({ planId, package: pkg, seat, requester, standIn: undefined });
  }

  /** Takes the seat of a member that its colleagues hold to be silent. */
  standIn(from: PeerId, request: Extract<JobRequest, { t: 'stand-in' }>): Uint8Array {
    const { plans, signer } = this.#components;
    const { seat, detached, package: pkg, links } = request;
    const opened = plans.open(pkg);
    if (!opened.ok) return this.#refuse(from, opened);
    const plan = opened.value;
    const proven = links.length === 0 ? undefined : openLinks(plan, links);
    if (proven?.ok === false) return this.#refuse(from, proven);
    const seats = proven?.value.cadre.seats ?? plan.seats;
    if (!seats.some(({ node }) => peerIdOf(node) === from)) return refusedAnswer('not-a-member');
    if (seat >= seats.length) return refusedAnswer('bad-seat');
    const left = standInsLeft(
      plan,
      links.map(({ entry }) => entry),
    );
    if (!left.some((index) => peerIdOf(plan.nodes[index]!) === peerIdOf(signer.nodeId))) {
      return refusedAnswer('outside-window');
    }
    const { planId, spec } = plan;
    const requester = peerIdOf(spec.requester);
    return this.#keep({ planId, package: pkg, seat, requester, standIn: { plan, detached } });
  }

  /** The signed entry. */
  #keep(wanted: Pick<Draft, 'planId' | 'package' | 'seat' | 'requester' | 'standIn'>): Uint8Array {
    const { clock, keys } = this.#components;
    const { lifetimeMs, busyReason, isLive } = this.#init;
    const key = toHex(wanted.planId);
    const known = this.#drafts.get(key);
    if (isLive(key) || known?.opening !== undefined) return refusedAnswer('already-open');
    const busy = known === undefined ? busyReason(wanted.requester) : undefined;
    if (busy !== undefined) return refusedAnswer(busy);
    known?.expiry.cancel();
    const draft: Draft = {
      ...wanted,
      // Asked again, for another seat even: the same plan keeps its one key.
      keySeed: known?.keySeed ?? keys.generate(),
      expiry: clock.setTimer(lifetimeMs, () => this.drop(draft)),
      early: known?.early ?? new EarlyMessages(),
      opening: undefined,
    };
    this.#drafts.set(key, draft);
    return encodeMessage({ t: 'entry', entry: this.#entryOf(draft) });
  }

  #entryOf({ planId, seat, keySeed }: Draft): CadreEntry {
    const { signer, keys } = this.#components;
    const { publicKey } = keys.signer(keySeed);
    const signature = signTagged(
      signer,
      TAGS.signCadreEntry,
      cadreEntryBody(planId, seat, publicKey),
    );
    return { seat, node: signer.nodeId, key: publicKey, signature };
  }

  #refuse(from: PeerId, refusal: Refusal): Uint8Array {
    const { penalty, reason, detail } = refusal;
    this.#components.network.penalise(from, penalty, reason);
    return refusedAnswer(reason, detail ?? '');
  }
}
