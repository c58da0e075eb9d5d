/**
 * The worker role: judges assignments, keeps one `WorkerJob` per live plan, within limits. Every
 * refusal has a reason that the requester sees (step 6 of the life of a job).
 */

import { toHex } from '../base/bytes.ts';
import { asKadreError, type KadreError } from '../base/errors.ts';
import { type Digest, type PeerId, peerIdOf } from '../base/ids.ts';
import type { Timer } from '../base/ports.ts';
import { RecentSet } from '../base/recent.ts';
import type { WantedChunks } from '../blob/serve.ts';
import type { EpochLink } from '../certificate/epochs.ts';
import { signTagged } from '../crypto/portable/signed.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import type { RefusalReason } from '../job/records.ts';
import { unpackShards } from '../job/shard-list.ts';
import type { RecoveredWork } from '../store/work-store.ts';
import { TAGS } from '../wire/tags.ts';
import { claimBody, encodeMessage, type JobRequest, refusedAnswer } from './job-messages.ts';
import { judgesOf } from './judges.ts';
import type { PlanCache } from './plan-cache.ts';
import type { WorkGate } from './work-gate.ts';
import { type WorkerComponents, WorkerJob } from './worker-job.ts';

export interface WorkerRoleComponents extends WorkerComponents {
  readonly plans: PlanCache;
  /** Whether plans are taken that are new here. */
  readonly gate: WorkGate;
}

export interface WorkerInit {
  /** Live plans at once, and of one requester (job.md section 4.7). */
  readonly plansMax: number;
  readonly plansPerRequesterMax: number;
  /** Input bytes that a shard may make this worker hold in memory; a plan's lie on disk. */
  readonly inputBytesMax: number;
  /** A plan is forgotten this long after its last assignment even if nobody ends it. */
  readonly planLifetimeMs: number;
}

export const WORKER_DEFAULTS: WorkerInit = {
  plansMax: 64,
  plansPerRequesterMax: 8,
  inputBytesMax: 2 * 1024 ** 3,
  planLifetimeMs: 24 * 3_600_000,
};

/** Ended plans remembered, so that an assignment that comes late starts nothing. */
const ENDED_MAX = 1_024;

interface LivePlan {
  readonly plan: OpenPlan;
  readonly job: WorkerJob;
  readonly expiry: Timer;
  /** Judges that said the plan has ended. */
  readonly endedBy: Set<PeerId>;
}

export interface Assignment {
  readonly wave: number;
  /** Packed; empty for the first wave, which the worker computes for itself. */
  readonly shards: Uint8Array;
}

export class Worker {
  readonly name = 'worker';
  readonly #components: WorkerRoleComponents;
  readonly #init: WorkerInit;
  readonly #plans = new Map<string, LivePlan>();
  readonly #ended = new RecentSet<string>(ENDED_MAX);
  #draining = false;
  #plansTaken = 0;

  constructor(components: WorkerRoleComponents, init: WorkerInit = WORKER_DEFAULTS) {
    this.#components = components;
    this.#init = init;
  }

  /** Plans taken since the start. */
  get plansTaken(): number {
    return this.#plansTaken;
  }

  get load(): { shards: number; plans: number } {
    let shards = 0;
    for (const { job } of this.#plans.values()) shards += job.queued;
    return { shards, plans: this.#plans.size };
  }

  /** Goes on with every plan that was live when this node last stopped. Errors: DISK_FAILED. */
  async start(): Promise<void> {
    const { work, log } = this.#components;
    const onDamaged = ({ code, message }: KadreError) =>
      log.log('error', 'work-not-resumed', { code, message });
    for (const recovered of await work.recover(onDamaged)) {
      try {
        await this.#resume(recovered);
      } catch (cause) {
        onDamaged(asKadreError(cause, 'DATA_DIR_DAMAGED', toHex(recovered.plan.planId)));
      }
    }
  }

  /** Plans stay on disk: this node may be back before they end. */
  async stop(): Promise<void> {
    this.#draining = true;
    const live = [...this.#plans.values()];
    this.#plans.clear();
    for (const { expiry } of live) expiry.cancel();
    await Promise.allSettled(live.map(({ job }) => job.leave()));
  }

  /** Claims or refuses an assignment that came from `from`; the answer's bytes. */
  assign(from: PeerId, plan: OpenPlan, assignment: Assignment): Uint8Array {
    const candidate = plan.candidateOf(this.#components.signer.nodeId);
    const judges = this.#plans.get(toHex(plan.planId))?.job.judges ?? judgesOf(plan);
    const isJudge = judges.peers.includes(from);
    if (!isJudge && from !== peerIdOf(plan.spec.requester)) return refusedAnswer('not-entitled');
    if (candidate === undefined) return refusedAnswer('not-entitled', 'no worker of this plan');
    if (this.#ended.has(toHex(plan.planId))) return refusedAnswer('not-entitled', 'it has ended');
    const shards = this.#entitledShards(plan, candidate, assignment);
    if (shards === undefined) return refusedAnswer('not-entitled', 'no such shards for this node');
    const live = this.#plans.get(toHex(plan.planId)) ?? this.#admit(plan, assignment.wave, shards);
    if ('refused' in live) return refusedAnswer(live.refused, live.detail);
    live.job.assign(assignment.wave, shards);
    return this.#claim(plan, assignment.wave, shards.length);
  }

  closed(judge: PeerId, planId: Uint8Array, wave: number, packed: Uint8Array): void {
    const live = this.#plans.get(toHex(planId));
    if (live === undefined) return;
    const shards = unpackShards(packed, live.plan.spec.shards);
    if (shards.ok) live.job.closed(judge, wave, shards.value);
  }

  /** A judge says, provably, who judges from now on. */
  cadre(from: PeerId, planId: Uint8Array, links: readonly EpochLink[]): void {
    const taken = this.#plans.get(toHex(planId))?.job.cadre(from, links);
    if (taken?.ok === false) this.#components.network.penalise(from, taken.penalty, taken.reason);
  }

  /** The requester may end a plan; so may f + 1 judges, because one of them could lie. */
  ended(from: PeerId, planId: Uint8Array): void {
    const live = this.#plans.get(toHex(planId));
    if (live === undefined) return;
    const { judges } = live.job;
    if (judges.has(from)) live.endedBy.add(from);
    const byJudges = [...live.endedBy].filter((peer) => judges.has(peer));
    const byRequester = from === peerIdOf(live.plan.spec.requester);
    if (byRequester || byJudges.length >= judges.believed) this.#forget(toHex(planId));
  }

  /** A plan that is live here, to hold inputs for; only its requester may ask. */
  livePlan(from: PeerId, planId: Uint8Array): OpenPlan | undefined {
    const plan = this.#plans.get(toHex(planId))?.plan;
    return plan !== undefined && from === peerIdOf(plan.spec.requester) ? plan : undefined;
  }

  /** Of the plans that are live here: those that read this blob say whether they owe it. */
  async provide(from: PeerId, wanted: WantedChunks): Promise<void> {
    const root = toHex(wanted.ref.root);
    const readers = [...this.#plans.values()].filter(({ plan }) =>
      plan.spec.inputs.some((input) => toHex(input.root) === root),
    );
    await Promise.all(readers.map(({ job }) => job.provide(from, wanted)));
  }

  /** Roots of outputs of live plans. */
  *roots(): Generator<Digest> {
    for (const { job } of this.#plans.values()) yield* job.roots();
  }

  /** True while this plan is worked on here. */
  worksOn(planId: Uint8Array): boolean {
    return this.#plans.has(toHex(planId));
  }

  /** What is being done about shards of a plan, for its requester; undefined for other plans. */
  doing(from: PeerId, request: Extract<JobRequest, { t: 'doing' }>): Uint8Array | undefined {
    const live = this.#plans.get(toHex(request.planId));
    if (live === undefined) return undefined;
    const { spec } = live.plan;
    if (from !== peerIdOf(spec.requester)) return refusedAnswer('not-the-requester');
    const shards = unpackShards(request.shards, spec.shards);
    if (!shards.ok) return refusedAnswer(shards.reason);
    return encodeMessage({ t: 'doing', rows: live.job.doing(shards.value) });
  }

  /** First-wave shards follow from placement; later ones must lie within the shard's order. */
  #entitledShards(plan: OpenPlan, candidate: number, wanted: Assignment): number[] | undefined {
    if (wanted.shards.length === 0) {
      const own = wanted.wave === 0 ? plan.placement.shardsOf(candidate) : [];
      return own.length > 0 ? [...own] : undefined;
    }
    const shards = unpackShards(wanted.shards, plan.spec.shards);
    if (!shards.ok) return undefined;
    // As many workers a shard can have, each of them in one wave at most.
    const reach = 2 * plan.policy.replicas + 1;
    if (wanted.wave > reach) return undefined;
    const inReach = (shard: number) =>
      plan.placement.order(shard).slice(0, reach).includes(candidate);
    return shards.value.every(inReach) ? shards.value : undefined;
  }

  #admit(
    plan: OpenPlan,
    wave: number,
    shards: readonly number[],
  ): LivePlan | { refused: RefusalReason; detail: string } {
    const { clock, work } = this.#components;
    const { planId, package: pkg } = plan;
    const taken = { planId, takenMs: clock.wallMs(), package: pkg };
    const job = new WorkerJob(this.#components, plan, work.create(taken));
    const refusal = this.#refusalOf(plan, shards);
    if (refusal !== undefined) {
      job.refuse(wave, shards, refusal.refused, refusal.detail);
      return refusal;
    }
    return this.#hold(plan, job, this.#init.planLifetimeMs);
  }

  #hold(plan: OpenPlan, job: WorkerJob, lifetimeMs: number): LivePlan {
    const key = toHex(plan.planId);
    const expiry = this.#components.clock.setTimer(lifetimeMs, () => this.#forget(key));
    const live = { plan, job, expiry, endedBy: new Set<PeerId>() };
    this.#plans.set(key, live);
    this.#plansTaken += 1;
    return live;
  }

  /** What is too old, or no longer holds, is let go. */
  async #resume({ plan: taken, records, log }: RecoveredWork): Promise<void> {
    const { clock, plans } = this.#components;
    const leftMs = taken.takenMs + this.#init.planLifetimeMs - clock.wallMs();
    const plan = plans.open(taken.package);
    if (leftMs <= 0 || !plan.ok) return log.remove();
    const job = new WorkerJob(this.#components, plan.value, log);
    this.#hold(plan.value, job, leftMs);
    await job.restore(records);
  }

  #refusalOf(
    plan: OpenPlan,
    shards: readonly number[],
  ): { refused: RefusalReason; detail: string } | undefined {
    const { plansMax, plansPerRequesterMax, inputBytesMax } = this.#init;
    const { closedFor } = this.#components.gate;
    if (this.#draining) return { refused: 'draining', detail: 'this node is stopping' };
    if (closedFor !== undefined) return { refused: 'draining', detail: closedFor };
    if (!this.#components.executor.backend.kernels.includes(plan.spec.kernel)) {
      return { refused: 'unknown-kernel', detail: plan.spec.kernel };
    }
    if (this.#plans.size >= plansMax) return { refused: 'busy', detail: `${plansMax} plans` };
    const requester = peerIdOf(plan.spec.requester);
    const ofRequester = [...this.#plans.values()].filter(
      (live) => peerIdOf(live.plan.spec.requester) === requester,
    ).length;
    if (ofRequester >= plansPerRequesterMax) {
      return { refused: 'over-limits', detail: `${plansPerRequesterMax} plans of one requester` };
    }
    if (plan.spec.inputs.length === 0) return undefined;
    const { diskBytes, memoryBytes } = inputBytesOf(plan, shards);
    const { bytesMax } = this.#components.blobs.usage;
    if (memoryBytes > inputBytesMax) {
      return { refused: 'over-limits', detail: `${memoryBytes} input bytes of one shard` };
    }
    return diskBytes > bytesMax
      ? { refused: 'over-limits', detail: `${diskBytes} input bytes, and a store of ${bytesMax}` }
      : undefined;
  }

  #claim(plan: OpenPlan, wave: number, shards: number): Uint8Array {
    const { signer } = this.#components;
    const claim = { planId: plan.planId, worker: signer.nodeId, wave, shards };
    const signature = signTagged(signer, TAGS.signClaim, claimBody(claim));
    return encodeMessage({ t: 'claim', ...claim, signature });
  }

  #forget(key: string): void {
    const live = this.#plans.get(key);
    if (live === undefined) return;
    this.#plans.delete(key);
    this.#ended.add(key);
    live.expiry.cancel();
    live.job.end();
  }
}

/** What the shards need of their inputs: on disk over time, and in memory at once. */
function inputBytesOf(
  plan: OpenPlan,
  shards: readonly number[],
): { diskBytes: number; memoryBytes: number } {
  const reach = new Map<string, number>();
  let memoryBytes = 0;
  for (const shard of shards) {
    let shardBytes = 0;
    for (const { input, offset, length } of plan.kernel.reads(plan.spec.shards, shard)) {
      reach.set(input, Math.max(reach.get(input) ?? 0, offset + length));
      shardBytes += length;
    }
    memoryBytes = Math.max(memoryBytes, shardBytes);
  }
  return { diskBytes: [...reach.values()].reduce((sum, bytes) => sum + bytes, 0), memoryBytes };
}
