/**
 * One judge's own opinion of who is late. Timers run on this node's monotonic clock; what comes out
 * is a mark to be signed and committed, and only f + 1 of those act (job.md section 4).
 */
import type { ErrorCode } from '../base/error-codes.ts';
import { asKadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type { Clock, Network, Timer } from '../base/ports.ts';
import type { Awaited } from '../job/ledger/read-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { encodeMessage } from './job-messages.ts';

export interface OverdueComponents {
  readonly network: Network;
  readonly clock: Clock;
  /** Tells a worker again what is awaited of it; false, or a throw, when it does not take it. */
  readonly assign: (late: Awaited) => Promise<boolean>;
  /** Tells a worker again what it may reveal: half its time is over. */
  readonly remind: (late: Awaited) => void;
  /** This judge holds these workers to be late. */
  readonly onOverdue: (late: Awaited) => void;
  /** The job's own deadline passed. */
  readonly onDeadline: () => void;
}

/** A suspected worker that does not answer within this is late at once. */
const PROBE_TIMEOUT_MS = 1_500;
/**
 * By then workers know their plan, unless the requester died before it told them, or they have
 * restarted since: whoever still owes seals is asked.
 */
const FIRST_LOOK_MS = 2_000;

interface Waiting {
  readonly awaited: Awaited;
  timer: Timer;
}

export class OverdueWatch {
  readonly #components: OverdueComponents;
  readonly #plan: OpenPlan;
  /** By phase, wave and worker: what is awaited, each shard under one timer. */
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #probing = new Set<number>();
  /** Workers that seemed gone: probed as soon as something is awaited from them. */
  readonly #doubted = new Set<number>();
  /** By phase, wave and worker: the shards that were handed to `onOverdue` already. */
  readonly #marked = new Map<string, Set<number>>();
  #awaited: readonly Awaited[] = [];
  #deadline: Timer | undefined;
  #firstLook: Timer | undefined;
  #unlisten: (() => void) | undefined;
  readonly #stopping = new AbortController();

  constructor(components: OverdueComponents, plan: OpenPlan) {
    this.#components = components;
    this.#plan = plan;
  }

  start(): void {
    if (this.#stopped) return;
    const { network, clock, onDeadline } = this.#components;
    this.#unlisten = network.onDisconnect((peer) => this.#suspectPeer(peer));
    const { deadlineMs } = this.#plan.policy;
    if (deadlineMs > 0) this.#deadline = clock.setTimer(deadlineMs, onDeadline);
    this.#firstLook = clock.setTimer(FIRST_LOOK_MS, () => {
      for (const { phase, worker } of this.#awaited) if (phase === 'seal') this.suspect(worker);
    });
  }

  stop(): void {
    this.#stopping.abort();
    this.#unlisten?.();
    this.#deadline?.cancel();
    this.#firstLook?.cancel();
    this.#cancelAll();
  }

  /** The ledger stood still meanwhile, and nobody was late for that: all have their time again. */
  restart(awaited: readonly Awaited[]): void {
    this.#cancelAll();
    this.#marked.clear();
    this.update(awaited);
  }

  #cancelAll(): void {
    for (const waiting of this.#waiting.values()) for (const { timer } of waiting) timer.cancel();
    this.#waiting.clear();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** The ledger moved: `awaited` is everything it waits for now. */
  update(awaited: readonly Awaited[]): void {
    if (this.#stopped) return;
    this.#awaited = awaited;
    const keys = new Set(awaited.map(keyOf));
    for (const [key, waiting] of this.#waiting) {
      if (keys.has(key)) continue;
      for (const { timer } of waiting) timer.cancel();
      this.#waiting.delete(key);
    }
    for (const key of this.#marked.keys()) if (!keys.has(key)) this.#marked.delete(key);
    for (const entry of awaited) this.#watch(entry);
    // Who was dead a moment ago is not given the whole time again for what it owes next.
    for (const worker of this.#doubted) if (this.#owes(worker)) this.suspect(worker);
  }

  /** Somebody says that a worker does not answer: look for ourselves. */
  suspect(worker: number): void {
    if (this.#stopped) return;
    if (!this.#owes(worker)) this.#doubted.add(worker);
    else if (!this.#probing.has(worker)) void this.#probe(worker);
  }

  /** True when the ledger waits for something of this worker that is not marked yet. */
  #owes(worker: number): boolean {
    return this.#awaited.some(
      (entry) => entry.worker === worker && this.#unmarked(entry).length > 0,
    );
  }

  #unmarked(entry: Awaited): number[] {
    const marked = this.#marked.get(keyOf(entry));
    return entry.shards.filter((shard) => marked?.has(shard) !== true);
  }

  #suspectPeer(peer: PeerId): void {
    const worker = this.#plan.nodes.findIndex((node) => peerIdOf(node) === peer);
    if (worker >= 0) this.suspect(worker);
  }

  /** Shards that no timer covers yet get one. */
  #watch(entry: Awaited): void {
    const key = keyOf(entry);
    const waiting = this.#waiting.get(key) ?? [];
    const covered = new Set(waiting.flatMap(({ awaited }) => awaited.shards));
    const shards = entry.shards.filter((shard) => !covered.has(shard));
    if (shards.length === 0) return;
    const awaited = { ...entry, shards };
    const timing = entry.phase === 'seal' ? this.#timeSeal(awaited) : this.#timeReveal(awaited);
    this.#waiting.set(key, [...waiting, timing]);
  }

  #timeSeal(awaited: Awaited): Waiting {
    const { clock } = this.#components;
    const timer = clock.setTimer(this.#plan.policy.sealMs, () => this.#expire(awaited));
    return { awaited, timer };
  }

  /** Whoever does not hear that it may reveal is not withholding: it is told once more. */
  #timeReveal(awaited: Awaited): Waiting {
    const { clock, remind } = this.#components;
    const { revealMs } = this.#plan.policy;
    const beforeMs = Math.floor(revealMs / 2);
    const timer = clock.setTimer(beforeMs, () => {
      const still = this.#stillAwaited(awaited);
      if (still.shards.length > 0) remind(still);
      waiting.timer = clock.setTimer(revealMs - beforeMs, () => this.#expire(awaited));
    });
    const waiting: Waiting = { awaited, timer };
    return waiting;
  }

  /** What is still awaited of these shards is late. */
  #expire(due: Awaited): void {
    if (!this.#stopped) this.#mark(this.#stillAwaited(due));
  }

  #stillAwaited(due: Awaited): Awaited {
    const now = this.#awaited.find((entry) => keyOf(entry) === keyOf(due));
    const dueShards = new Set(due.shards);
    return { ...due, shards: now?.shards.filter((shard) => dueShards.has(shard)) ?? [] };
  }

  /** Hands over what was not handed over before. */
  #mark(late: Awaited): void {
    const shards = this.#unmarked(late);
    if (shards.length === 0) return;
    const key = keyOf(late);
    this.#marked.set(key, new Set([...(this.#marked.get(key) ?? []), ...shards]));
    this.#components.onOverdue({ ...late, shards });
  }

  async #probe(worker: number): Promise<void> {
    const { network } = this.#components;
    const peer = peerIdOf(this.#plan.nodes[worker]!);
    const body = encodeMessage({ t: 'alive', planId: this.#plan.planId });
    this.#probing.add(worker);
    try {
      const { signal } = this.#stopping;
      await network.request(peer, 'job', body, { timeoutMs: PROBE_TIMEOUT_MS, signal });
      this.#doubted.delete(worker);
    } catch (cause) {
      if (this.#stopped) return;
      await this.#judgeAbsent(worker, asKadreError(cause, 'PEER_UNREACHABLE', 'probe').code);
    } finally {
      this.#probing.delete(worker);
    }
  }

  /**
   * One that is there and knows nothing of the plan has restarted, or was never told: it is told
   * again. Any other is late with its seals at once, because others can run its shards. It keeps
   * the time it has for its reveals: nobody else can open what it sealed, and to come back with
   * what it kept must not look like withholding.
   */
  async #judgeAbsent(worker: number, code: ErrorCode): Promise<void> {
    const owed = this.#awaited.filter((entry) => entry.worker === worker && entry.phase === 'seal');
    const { assign } = this.#components;
    const isThere = code === 'JOB_UNKNOWN';
    const again = isThere ? await Promise.allSettled(owed.map((entry) => assign(entry))) : [];
    if (this.#stopped) return;
    if (isThere && again.every((one) => one.status === 'fulfilled' && one.value)) {
      this.#doubted.delete(worker);
      return;
    }
    this.#doubted.add(worker);
    for (const entry of this.#awaited) {
      if (entry.worker === worker && entry.phase === 'seal') this.#mark(entry);
    }
  }
}

function keyOf({ phase, wave, worker }: Awaited): string {
  return `${phase}/${wave}/${worker}`;
}
