/**
 * One plan at one worker: fetch, run, seal, wait for closed sets, reveal (steps 6 to 9 of the life
 * of a job). Work goes chunk by chunk, so that long assignments show progress and lose little.
 */
import { toHex } from '../base/bytes.ts';
import { asKadreError } from '../base/errors.ts';
import { type Digest, type PeerId, peerIdOf } from '../base/ids.ts';
import type {
  BlobStore,
  Clock,
  Logger,
  Network,
  Random,
  SignalOption,
  Signer,
  Timer,
} from '../base/ports.ts';
import type { Checked } from '../base/verdict.ts';
import type { WantedChunks } from '../blob/serve.ts';
import type { EpochLink } from '../certificate/epochs.ts';
import type { Executor, ShardResult } from '../compute/executor.ts';
import { buildRefusal, encodeRecord } from '../job/build-record.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { type RefusalReason, SALT_BYTES } from '../job/records.ts';
import { packShards, recordBatches, unpackShards } from '../job/shard-list.ts';
import type { WorkerStep } from '../job/why.ts';
import type { AssignedRecord, SealedRecord, WorkLog, WorkStore } from '../store/work-store.ts';
import { ClosedVotes } from './closed-votes.ts';
import { InputCache } from './input-cache.ts';
import { InputRoom } from './input-room.ts';
import { encodeMessage } from './job-messages.ts';
import { JudgeList, sendRecord } from './judges.ts';
import type { KnownResults, PlanResults, ShardRoots } from './known-results.ts';
import { SealedWork } from './sealed-work.ts';

export interface WorkerComponents {
  readonly network: Network;
  readonly executor: Executor;
  readonly blobs: BlobStore;
  readonly signer: Signer;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** What was sealed is kept here until its plan ends. */
  readonly work: WorkStore;
  /** Operations per second of a kernel here; sizes the chunks. */
  readonly speedOf: (kernel: string) => number;
  readonly known: KnownResults;
}

/** A chunk aims at this much kernel time: seals flow, and a cancel is felt soon. */
const CHUNK_MS = 250;
/**
 * Records are sent again until the job ends, because a judge may have restarted: soon after the
 * last news of the job, then ever more seldom, because all judges may be gone.
 */
const RESEND_MS = 3_000;
/** After a restart: who must reveal soon does not wait long for a judge it could not reach. */
const RESEND_MS_MIN = 500;
const RESEND_MS_MAX = 60_000;
/** What the shards of a chunk read together, unless it is a single one: all of it is in memory. */
const CHUNK_INPUT_BYTES = 256 * 2 ** 20;
/** Shards sealed in one record at most, whatever they cost. */
const CHUNK_SHARDS_MAX = 16_384;
/** Bytes of one reveal; consensus carries payloads of up to 1 MiB. */
const REVEAL_BYTES_MAX = 950_000;

export class WorkerJob {
  readonly #components: WorkerComponents;
  readonly #plan: OpenPlan;
  readonly #sealed: SealedWork;
  readonly #inputs: InputCache;
  readonly judges: JudgeList;
  readonly #votes: ClosedVotes;
  readonly #known: PlanResults;
  readonly #stopping = new AbortController();
  readonly #log: WorkLog;
  readonly #taken = new Set<string>();
  readonly #queue: { readonly wave: number; readonly shard: number }[] = [];
  /** Assignments that go into the log with the next seal. */
  readonly #unlogged: AssignedRecord[] = [];
  /** Shards believed closed before their results were stored. */
  #storing: Promise<unknown> = Promise.resolve();
  /** The shards in hand. */
  #current: { readonly shards: ReadonlySet<number>; readonly step: WorkerStep } | undefined;
  #running = false;
  #resend: Timer | undefined;

  constructor(components: WorkerComponents, plan: OpenPlan, log: WorkLog) {
    this.#components = components;
    this.#plan = plan;
    this.#log = log;
    const { planId, outputsPerShard } = plan;
    this.#sealed = new SealedWork(components, { planId, outputsPerShard });
    this.#inputs = new InputCache(components, plan, this.#stopping.signal);
    this.judges = new JudgeList(plan);
    this.#votes = new ClosedVotes(this.judges.believed, plan.spec.shards);
    this.#known = components.known.of(plan, this.#speed);
  }

  /** Operations per second here. */
  get #speed(): number {
    return Math.max(1, this.#components.speedOf(this.#plan.spec.kernel));
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
    const fresh = this.#take(wave, shards);
    for (const shard of fresh) this.#queue.push({ wave, shard });
    if (fresh.length > 0) {
      this.#unlogged.push({ kind: 'assigned', wave, shards: packShards(fresh) });
      this.#log.prepare();
    }
    this.#pinInputs();
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

  /**
   * Goes on from what an earlier process logged: what it sealed can be opened, what it was assigned
   * and had not sealed is run, and so is what it sealed but did not store.
   */
  async restore(records: readonly (AssignedRecord | SealedRecord)[]): Promise<void> {
    this.#pinInputs();
    const assigned: { wave: number; shard: number }[] = [];
    const lost: number[] = [];
    for (const record of records) {
      const shards = unpackShards(record.shards, this.#plan.spec.shards);
      if (!shards.ok) continue;
      if (record.kind === 'assigned') {
        assigned.push(...shards.value.map((shard) => ({ wave: record.wave, shard })));
        continue;
      }
      this.#take(record.wave, shards.value);
      this.#sealed.keep(record, shards.value);
      lost.push(...(await this.#notStored(record, shards.value)));
    }
    for (const { wave, shard } of assigned) {
      if (this.#take(wave, [shard]).length > 0) this.#queue.push({ wave, shard });
    }
    if (lost.length > 0) {
      this.#storing = this.#storeAgain(lost.sort((a, b) => a - b));
      // Heard when something is to be revealed; the plan may end before that.
      this.#storing.catch(() => undefined);
    }
    this.#scheduleResend(0);
    if (!this.#running) void this.#work();
  }

  /** What this plan reads stays on disk while it lives here. */
  #pinInputs(): void {
    const { blobs } = this.#components;
    if (this.ended) return;
    blobs.pin(
      this.#owner,
      this.#plan.spec.inputs.map(({ root }) => root),
    );
  }

  get #owner(): string {
    return `worker/${toHex(this.#plan.planId)}`;
  }

  /** Those not taken before in this wave; they are from now on. */
  #take(wave: number, shards: readonly number[]): number[] {
    const fresh = shards.filter((shard) => !this.#taken.has(`${wave}:${shard}`));
    for (const shard of fresh) this.#taken.add(`${wave}:${shard}`);
    return fresh;
  }

  async #notStored({ digests }: SealedRecord, shards: readonly number[]): Promise<number[]> {
    const { blobs } = this.#components;
    const width = 32 * this.#plan.outputsPerShard;
    const lost: number[] = [];
    for (const [i, shard] of shards.entries()) {
      for (let at = i * width; at < (i + 1) * width; at += 32) {
        if ((await blobs.size(digests.subarray(at, at + 32))) !== undefined) continue;
        lost.push(shard);
        break;
      }
    }
    return lost;
  }

  /** The process died between a seal and its outputs: they are computed once more. */
  async #storeAgain(shards: readonly number[]): Promise<void> {
    const { signal } = this.#stopping;
    const results = await this.#compute(shards, { signal });
    const contents = results.flatMap((result) => result.outputs.map((output) => output.content));
    await this.#components.blobs.putMany(contents);
  }

  /** A judge says that seal sets are closed. */
  closed(judge: PeerId, wave: number, shards: readonly number[]): void {
    if (!this.judges.has(judge)) return;
    // Of other shards and waves there is nothing to reveal, and a liar would fill memory with them.
    const ours = shards.filter((shard) => this.#taken.has(`${wave}:${shard}`));
    const believed = this.#votes.add(judge, wave, ours);
    if (believed.length === 0) return;
    if (!this.ended) this.#scheduleResend(RESEND_MS);
    void this.#reveal(wave, believed);
  }

  /** A judge shows who judges from now on; they hear from us what they may lack. */
  cadre(from: PeerId, links: readonly EpochLink[]): Checked<unknown> {
    const gone = this.judges.adopt(from, links);
    if (!gone.ok || gone.value.length === 0) return gone;
    for (const judge of gone.value) this.#votes.forget(judge);
    if (!this.ended) this.#scheduleResend(RESEND_MS_MIN);
    return gone;
  }

  /** No more is wanted: running kernels are stopped, nothing is sent, the log goes. */
  end(): void {
    this.#halt();
    this.#log.remove().catch((cause) => this.#logFailed(cause));
  }

  /** The process ends; the plan goes on at the next start. */
  async leave(): Promise<void> {
    this.#halt();
    await this.#log.close();
  }

  #halt(): void {
    this.#stopping.abort();
    this.#components.blobs.release(this.#owner);
    this.#resend?.cancel();
    this.#queue.length = 0;
  }

  #logFailed(cause: unknown): void {
    this.#components.log.log('error', 'work-not-logged', { cause: String(cause) });
  }

  /** Gets chunks of an input into the store, for a worker that asks this one first. */
  async provide(from: PeerId, { ref, chunks }: WantedChunks): Promise<void> {
    await this.#inputs.provide(from, ref, chunks);
  }

  /** Roots of outputs that judges and requester may still ask for. */
  roots(): Iterable<Digest> {
    return this.#sealed.roots();
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
    const wave = this.#queue[0]!.wave;
    const shards: number[] = [];
    let estimatedMs = 0;
    const room = new InputRoom(this.#plan, CHUNK_INPUT_BYTES);
    const revealBytes = 4 + SALT_BYTES + 32 * this.#plan.outputsPerShard;
    const shardsMax = Math.min(CHUNK_SHARDS_MAX, Math.floor(REVEAL_BYTES_MAX / revealBytes));
    while (shards.length < shardsMax && this.#queue[0]?.wave === wave) {
      const { shard } = this.#queue[0];
      estimatedMs += (kernel.cost(spec.shards, shard).operations / this.#speed) * 1000;
      const isTooMuch = !room.fits(shard) || estimatedMs > CHUNK_MS;
      if (shards.length > 0 && isTooMuch) break;
      shards.push(shard);
      this.#queue.shift();
    }
    return { wave, shards: shards.sort((a, b) => a - b) };
  }

  async #runChunk(wave: number, shards: readonly number[]): Promise<void> {
    const { signal } = this.#stopping;
    const inHand = new Set(shards);
    let reason: RefusalReason = 'input-unavailable';
    this.#current = { shards: inHand, step: 'fetching' };
    try {
      const onInputs = () => {
        reason = 'kernel-failed';
        this.#current = { shards: inHand, step: 'running' };
      };
      const known = await this.#known.recall(shards);
      const unknown = shards.filter((shard) => !known.has(shard));
      const computed = await this.#compute(unknown, { signal, onInputs });
      reason = 'over-limits';
      this.#store(computed);
      const results = new Map<number, ShardRoots>(known);
      for (const result of computed) results.set(result.shard, result);
      await this.#seal(
        wave,
        shards.map((shard) => results.get(shard)!),
      );
      this.#current = undefined;
    } catch (cause) {
      this.#current = undefined;
      if (this.ended) return;
      const { code, message } = asKadreError(cause, 'KERNEL_FAILED', 'shards could not be run');
      if (code === 'DISK_FAILED' || code === 'OVERLOADED') reason = 'over-limits';
      this.#components.log.log('warn', 'shards-failed', { code, message, reason });
      this.refuse(wave, shards, reason, message);
    }
  }

  async #compute(
    shards: readonly number[],
    options: SignalOption & { readonly onInputs?: () => void },
  ): Promise<readonly ShardResult[]> {
    const { executor, clock } = this.#components;
    const { kernel, parameters, shards: shardCount } = this.#plan.spec;
    const { signal } = options;
    if (shards.length === 0) return [];
    const inputs = await this.#inputs.inputsFor(shards, { signal });
    options.onInputs?.();
    const startedMs = clock.monotonicMs();
    const work = { kernel, parameters, inputs, shardCount, shards };
    const results = await executor.run(work, { signal });
    this.#report(shards.length, clock.monotonicMs() - startedMs);
    return results;
  }

  /** In the log, then out: what was promised can be kept after a restart. */
  async #seal(wave: number, results: readonly ShardRoots[]): Promise<void> {
    const sealed = this.#sealed.seal(wave, results);
    await this.#log.append([...this.#unlogged.splice(0), sealed]);
    this.#sealed.keep(
      sealed,
      results.map(({ shard }) => shard),
    );
    await this.#send(sealed.record);
  }

  /** Outputs are kept where peers can fetch them, before any of them is revealed. */
  #store(results: readonly ShardResult[]): void {
    const contents = results.flatMap((result) => result.outputs.map((output) => output.content));
    const stored = this.#components.blobs.putMany(contents);
    stored.catch((cause: unknown) => {
      this.#components.log.log('error', 'outputs-not-stored', { cause: String(cause) });
    });
    stored.then(
      () => this.#known.remember(results),
      () => undefined,
    );
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
    await sendRecord(this.#components, this.judges, record, this.#stopping.signal);
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
      const nextMs = Math.max(RESEND_MS_MIN, 2 * delayMs);
      this.#scheduleResend(Math.min(nextMs, RESEND_MS_MAX));
    });
  }

  /** Closed notices may have been lost: asks every judge to say again what is closed. */
  async #ask(): Promise<void> {
    const { network } = this.#components;
    const body = encodeMessage({ t: 'ask', planId: this.#plan.planId });
    const { signal } = this.#stopping;
    await Promise.allSettled(
      this.judges.peers.map((peer) => network.request(peer, 'job', body, { signal })),
    );
  }
}
