/**
 * Ended plans that a member no longer keeps a log of, for as long as their results stay: who asks
 * for the job by its id still learns how it ended, and gets plan and certificate (job.md section
 * 5). Bounded by age and number, oldest first.
 */
import { toHex } from '../base/bytes.ts';
import type { KadreError } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { BlobRef, BlobStore, Clock, Logger } from '../base/ports.ts';
import { planPackageShape } from '../job/plan.ts';
import { computationIdOf } from '../job/spec.ts';
import type { EndedPlan, EndedPlanStore } from '../store/ended-plan-store.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import type { CadreMember } from './cadre-member.ts';
import { encodeMessage, JOB_MESSAGE_BYTES_MAX, outcomeShape } from './job-messages.ts';
import { RESULTS_KEPT_MS } from './job-records.ts';

export interface EndedPlansComponents {
  readonly store: EndedPlanStore;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Plans remembered at most a busy member's day. */
const PLANS_MAX = 16_384;

export class EndedPlans {
  readonly #components: EndedPlansComponents;
  /** Oldest first. */
  #batches: (readonly EndedPlan[])[] = [];
  readonly #byJob = new Map<string, EndedPlan>();
  readonly #byPlan = new Map<string, EndedPlan>();
  /** Each oldest first. */
  readonly #byComputation = new Map<string, Set<EndedPlan>>();

  constructor(components: EndedPlansComponents) {
    this.#components = components;
  }

  async load(): Promise<void> {
    const { store, log } = this.#components;
    const onDamaged = ({ code, message }: KadreError) =>
      log.log('error', 'ended-plans-not-read', { code, message });
    for (const batch of await store.load(onDamaged)) this.#hold(batch);
    await this.trim();
  }

  /** Job ids in hex, newest first. */
  get jobs(): readonly EndedPlan[] {
    return [...this.#byJob.values()].reverse();
  }

  /** Keeps what these members know; durable when it resolves. Errors: DISK_FAILED. */
  async add(members: readonly CadreMember[]): Promise<void> {
    if (members.length === 0) return;
    const { blobs, store, clock } = this.#components;
    const made = members.map((member) => {
      const certificate = member.certificate();
      return [encodeCanonical(member.plan.package), ...(certificate ? [certificate] : [])];
    });
    const refs = await blobs.putMany(made.flat());
    const endedMs = clock.wallMs();
    let at = 0;
    const batch = members.map((member, i): EndedPlan => {
      const [pkg, certificate] = refs.slice(at, at + made[i]!.length);
      at += made[i]!.length;
      const { jobId, planId, spec } = member.plan;
      return {
        jobId,
        computationId: computationIdOf(spec),
        planId,
        endedMs,
        package: pkg!,
        ...(certificate === undefined ? {} : { certificate }),
        outcome: encodeCanonical(member.outcome),
      };
    });
    await store.put(batch);
    this.#hold(batch);
    await this.trim();
  }

  knows(planId: Digest): boolean {
    return this.#byPlan.has(toHex(planId));
  }

  certificateOf(planId: Digest): BlobRef | undefined {
    return this.#byPlan.get(toHex(planId))?.certificate;
  }

  /** The answer to `find`; undefined for a job that did not end here. */
  async find(jobId: Digest, wantsPlan: boolean): Promise<Uint8Array | undefined> {
    const ended = this.#byJob.get(toHex(jobId));
    if (ended === undefined) return undefined;
    const outcome = decodeCanonical(ended.outcome, outcomeShape, JOB_MESSAGE_BYTES_MAX);
    if (!outcome.ok) return undefined;
    const pkg = wantsPlan ? await this.#packageOf(ended) : undefined;
    return encodeMessage({
      t: 'job',
      planId: ended.planId,
      state: 'ended',
      accepted: pkg?.job.spec.shards ?? 0,
      outcome: outcome.value,
      ...(pkg === undefined ? {} : { package: pkg }),
    });
  }

  /** Certified jobs of a computation, newest first. */
  jobsOf(computationId: Digest): readonly Digest[] {
    const plans = [...(this.#byComputation.get(toHex(computationId)) ?? [])].reverse();
    return plans.flatMap(({ certificate, jobId }) => (certificate === undefined ? [] : [jobId]));
  }

  /** Roots of blobs that must stay. */
  *roots(): Generator<Digest> {
    for (const { package: pkg, certificate } of this.#byPlan.values()) {
      yield pkg.root;
      if (certificate !== undefined) yield certificate.root;
    }
  }

  async #packageOf({ package: ref }: EndedPlan) {
    const content = await this.#components.blobs.read(ref.root, 0, ref.bytes);
    const pkg = content && decodeCanonical(content, planPackageShape, LIMITS.planBytesMax);
    return pkg?.ok === true ? pkg.value : undefined;
  }

  #hold(batch: readonly EndedPlan[]): void {
    this.#batches.push(batch);
    for (const plan of batch) {
      this.#byJob.set(toHex(plan.jobId), plan);
      this.#byPlan.set(toHex(plan.planId), plan);
      const computation = toHex(plan.computationId);
      const others = this.#byComputation.get(computation) ?? new Set();
      this.#byComputation.set(computation, others.add(plan));
    }
  }

  /** Lets go what is too old or too much, in whole batches: all of one are about as old. */
  async trim(): Promise<readonly EndedPlan[]> {
    const { store, clock, log } = this.#components;
    const oldestMs = clock.wallMs() - RESULTS_KEPT_MS;
    const gone: EndedPlan[] = [];
    let count = this.#batches.reduce((sum, batch) => sum + batch.length, 0);
    while (this.#batches.length > 0) {
      const [oldest] = this.#batches;
      if (count <= PLANS_MAX && oldest!.every(({ endedMs }) => endedMs >= oldestMs)) break;
      this.#batches.shift();
      count -= oldest!.length;
      gone.push(...oldest!);
      for (const plan of oldest!) this.#forget(plan);
      await store.remove(oldest!).catch((cause) => {
        log.log('warn', 'ended-plans-not-removed', { cause: String(cause) });
      });
    }
    return gone;
  }

  /** Unless a later plan of the same job took its place. */
  #forget(plan: EndedPlan): void {
    const [jobKey, planKey] = [toHex(plan.jobId), toHex(plan.planId)];
    if (this.#byJob.get(jobKey) === plan) this.#byJob.delete(jobKey);
    if (this.#byPlan.get(planKey) === plan) this.#byPlan.delete(planKey);
    const computation = toHex(plan.computationId);
    const others = this.#byComputation.get(computation);
    others?.delete(plan);
    if (others?.size === 0) this.#byComputation.delete(computation);
  }
}
