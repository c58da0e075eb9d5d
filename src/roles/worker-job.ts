/**
 * One plan at one worker: fetch, run, seal, wait for closed sets, reveal (steps 6 to 9 of the life
 * of a job). Work goes chunk by chunk, so that long assignments show progress and lose little.
 */
import { asKadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { BlobStore, Clock, Logger, Network, Random, Signer, Timer } from '../base/ports.ts';
import type { Executor, ShardResult } from '../compute/executor.ts';
import { buildRefusal, encodeRecord } from '../job/build-record.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { type RefusalReason, SALT_BYTES } from '../job/records.ts';
import { recordBatches } from '../job/shard-list.ts';
import type { WorkerStep } from '../job/why.ts';
import { ClosedVotes } from './closed-votes.ts';
import { InputCache } from './input-cache.ts';
import { encodeMessage } from './job-messages.ts';
import { judgesOf, sendRecord } from './judges.ts';
import { SealedWork } from './sealed-work.ts';

export interface WorkerComponents {
  readonly network: Network;
  readonly executor: Executor;
  readonly blobs: BlobStore;
  readonly signer: Signer;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** Operations per second of a kernel here; sizes the chunks. */
  readonly speedOf: (kernel: string) => number;
}

/** A chunk aims at this much kernel time: seals flow, and a cancel is felt soon. */
const CHUNK_MS = 250;
/**
 * Records are sent again until the job ends, because a judge may have restarted: soon after the
 * last news of the job, then ever more seldom, because all judges may be gone.
 */
const RESEND_MS = 3_000;
const RESEND_MS_MAX = 60_000;
/** Shards sealed in one record at most, whatever they cost. */
const CHUNK_SHARDS_MAX = 16_384;
/** Bytes of one reveal; consensus carries payloads of up to 1 MiB. */
const REVEAL_BYTES_MAX = 950_000;

export class WorkerJob {
  readonly #components: WorkerComponents;
  readonly #plan: OpenPlan;
  readonly #sealed: SealedWork;
  readonly #inputs: InputCache;
  readonly #votes: ClosedVotes;
  readonly #stopping = new AbortController();
  readonly #taken = new Set<string>();
  readonly #queue: { readonly wave: number; readonly shard: number }[] = [];
  /** Shards believed closed before their results were stored. */
  #storing: Promise<unknown> = Promise.resolve();
  /** The shards in hand. */
  #current: { readonly shards: ReadonlySet<number>; readonly step: WorkerStep } | undefined;
  #running = false;
  #resend: Timer | undefined;

  constructor(components: WorkerComponents, plan: OpenPlan) {
    this.#components = components;
    this.#plan = plan;
    const { planId, outputsPerShard } = plan;
    this.#sealed = new SealedWork(components, { planId, outputsPerShard });
    const holders = [peerIdOf(plan.spec.requester)];
    this.#inputs = new InputCache(components, { plan, holders });
    this.#votes = new ClosedVotes(judgesOf(plan).believed, plan.spec.shards);
  }

  /** Shards still to be computed. */
  get queued(): number {
    return this.#queue.length;
  }

  get ended(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Takes shards of a wave, each once; the work goes on in the background. */
  assign(wave: number, shards: readonly number[]): void {
    for (const shard of shards) {
      const key = `${wave}:${shard}`;
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      this.#queue.push({ wave, shard });
    }
    this.#scheduleResend(RESEND_MS);
    if (!this.#running) void this.#work();
  }

  /** What is being done about each of these shards that was assigned here. */
  doing(shards: readonly number[]): { shard: number; wave: number; step: WorkerStep }[] {
    const sealed = this.#sealed.holding(shards);
    const queued = new Set(this.#queue.map(({ shard }) => shard));
    const waves = Array.from({ length: 2 * this.#plan.policy.replicas + 2 }, (_, wave) => wave);
    const stepOf = (shard: number): WorkerStep => {
      if (this.#current?.shards.has(shard)) return this.#current.step;
      if (sealed.has(shard)) return 'sealed';
      return queued.has(shard) ? 'queued' : 'refused';
    };
    return shards.flatMap((shard) => {
      const wave = waves.find((one) => this.#taken.has(`${one}:${shard}`));
      return wave === undefined ? [] : [{ shard, wave, step: stepOf(shard) }];
    });
  }

  /** A judge says that seal sets are closed. */
  closed(judge: PeerId, wave: number, shards: readonly number[]): void {
    if (!judgesOf(this.#plan).peers.includes(judge)) return;
    const believed = this.#votes.add(judge, wave, shards);
    if (believed.length === 0) return;
    if (!this.ended) this.#scheduleResend(RESEND_MS);
    void this.#reveal(wave, believed);
  }

  /** No more is wanted: running kernels are stopped, nothing is sent any more. */
  end(): void {
    this.#stopping.abort();
    this.#resend?.cancel();
    this.#queue.length = 0;
  }

  /** Tells the judges that these shards will not be run here. */
  refuse(wave: number, shards: readonly number[], reason: RefusalReason, detail: string): void {
    for (const batch of recordBatches(shards)) {
      const scope = { planId: this.#plan.planId, wave, shards: batch };
      const record = buildRefusal(this.#components.signer, scope, { reason, detail });
      void this.#send(encodeRecord(record).bytes);
    }
  }

  async #work(): Promise<void> {
    this.#running = true;
    try {
      while (this.#queue.length > 0 && !this.ended) {
        const { wave, shards } = this.#nextChunk();
        await this.#runChunk(wave, shards);
      }
    } finally {
      this.#running = false;
    }
  }

  /** The next shards of one wave, together about CHUNK_MS of estimated kernel time. */
  #nextChunk(): { wave: number; shards: number[] } {
    const { kernel, spec } = this.#plan;
    const speed = Math.max(1, this.#components.speedOf(spec.kernel));
    const wave = this.#queue[0]!.wave;
    const shards: number[] = [];
    let estimatedMs = 0;
    const revealBytes = 4 + SALT_BYTES + 32 * this.#plan.outputsPerShard;
    const shardsMax = Math.min(CHUNK_SHARDS_MAX, Math.floor(REVEAL_BYTES_MAX / revealBytes));
    while (shards.length < shardsMax && this.#queue[0]?.wave === wave) {
      const { shard } = this.#queue[0];
      estimatedMs += (kernel.cost(spec.shards, shard).operations / speed) * 1000;
      if (shards.length > 0 && estimatedMs > CHUNK_MS) break;
      shards.push(shard);
      this.#queue.shift();
    }
    return { wave, shards: shards.sort((a, b) => a - b) };
  }

  async #runChunk(wave: number, shards: readonly number[]): Promise<void> {
    const { executor, clock, log } = this.#components;
    const { spec } = this.#plan;
    const { signal } = this.#stopping;
    const inHand = new Set(shards);
    let reason: RefusalReason = 'input-unavailable';
    this.#current = { shards: inHand, step: 'fetching' };
    try {
      const inputs = await this.#inputs.inputsFor(shards, { signal });
      reason = 'kernel-failed';
      this.#current = { shards: inHand, step: 'running' };
      const startedMs = clock.monotonicMs();
      const results = await executor.run(
        {
          kernel: spec.kernel,
          parameters: spec.parameters,
          inputs,
          shardCount: spec.shards,
          shards,
        },
        { signal },
      );
      this.#report(shards.length, clock.monotonicMs() - startedMs);
      this.#store(results);
      const seal = this.#sealed.seal(wave, results);
      this.#current = undefined;
      await this.#send(seal);
    } catch (cause) {
      this.#current = undefined;
      if (this.ended) return;
      const error = asKadreError(cause, 'KERNEL_FAILED', 'shards could not be run');
      log.log('warn', 'shards-failed', { code: error.code, message: error.message, reason });
      this.refuse(wave, shards, reason, error.message);
    }
  }

  /** Outputs are kept where peers can fetch them, before any of them is revealed. */
  #store(results: readonly ShardResult[]): void {
    const contents = results.flatMap((result) => result.outputs.map((output) => output.content));
    const stored = this.#components.blobs.putMany(contents);
    stored.catch((cause: unknown) => {
      this.#components.log.log('error', 'outputs-not-stored', { cause: String(cause) });
    });
    this.#storing = Promise.all([this.#storing, stored]);
  }

  async #reveal(wave: number, shards: readonly number[]): Promise<void> {
    try {
      await this.#storing;
    } catch {
      return this.refuse(wave, shards, 'over-limits', 'the results could not be stored');
    }
    for (const record of this.#sealed.open(wave, shards)) void this.#send(record);
  }

  async #send(record: Uint8Array): Promise<void> {
    if (this.ended) return;
    await sendRecord(this.#components, this.#plan, record, this.#stopping.signal);
  }

  /** For display only: how long the kernel took here. */
  #report(shards: number, ms: number): void {
    const { network } = this.#components;
    const { planId, spec } = this.#plan;
    const micros = Math.round(ms * 1000);
    const notice = encodeMessage({ t: 'computed', planId, shards, micros });
    network.send(peerIdOf(spec.requester), 'job', notice);
  }

  #scheduleResend(delayMs: number): void {
    this.#resend?.cancel();
    this.#resend = this.#components.clock.setTimer(delayMs, () => {
      for (const record of this.#sealed.records()) void this.#send(record);
      void this.#ask();
      this.#scheduleResend(Math.min(2 * delayMs, RESEND_MS_MAX));
    });
  }

  /** Closed notices may have been lost: asks every judge to say again what is closed. */
  async #ask(): Promise<void> {
    const { network } = this.#components;
    const body = encodeMessage({ t: 'ask', planId: this.#plan.planId });
    const { signal } = this.#stopping;
    await Promise.allSettled(
      judgesOf(this.#plan).peers.map((peer) => network.request(peer, 'job', body, { signal })),
    );
  }
}
