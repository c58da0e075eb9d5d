/**
 * The one impure loop around a replica: checks signatures on the way in, runs effects in order,
 * lets nothing leave before its record is durable, keeps timers, serves and fetches what others or
 * this node lack. Consensus decisions are all in `step`; there are none here.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { EarlyMessages } from '../base/early-messages.ts';
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Timer } from '../base/ports.ts';
import { SignatureCache } from '../crypto/portable/signature-cache.ts';
import { ed25519List } from '../crypto/portable/signature-scheme.ts';
import type { Payload, StateSnapshots } from './application.ts';
import type { ConsensusDriver, DriverComponents, DriverInit } from './driver-interface.ts';
import type { Commit, Effect, Release } from './effects.ts';
import type { Input, TimerName } from './inputs.ts';
import { leaderOrder } from './leader.ts';
import { breachRecord, encodeRecord, type LogRecord, openRecord } from './log-records.ts';
import {
  blockId,
  encodeMessage,
  type Message,
  type MessageOf,
  PAYLOAD_BYTES_MAX,
} from './messages.ts';
import { type Occupancy, occupancyOf } from './occupancy.ts';
import { PACEMAKER_DEFAULTS } from './pacemaker.ts';
import { recover } from './recovery.ts';
import { step, syncInfoOf } from './replica.ts';
import { initialReplica, type ReplicaConfig, type ReplicaState, roundOf } from './replica-state.ts';
import { RoundTrips } from './round-trips.ts';
import { type Check, type Electorate, signedPart } from './signature-checks.ts';
import { SyncClient } from './sync-client.ts';
import { SyncEvidence } from './sync-evidence.ts';
import { Inbox } from './sync-inbox.ts';
import { Probation } from './sync-probation.ts';
import { SyncSeen } from './sync-seen.ts';
import { SyncServer } from './sync-server.ts';
import { SyncSnapshots } from './sync-snapshots.ts';
import type { Block, CommitCert, Vote } from './types.ts';
import { knowsFault } from './witness.ts';

export type { ConsensusDriver, DriverComponents, DriverInit } from './driver-interface.ts';

/** Inputs kept until the log was read. */
const EARLY_INPUTS_MAX = 1_024;
const SIGNATURES_CACHED_MAX = 16_384;

export function createDriver<S>(
  components: DriverComponents<S>,
  init: DriverInit,
): ConsensusDriver<S> {
  return new Driver(components, init);
}

class Driver<S> implements ConsensusDriver<S> {
  readonly #world: DriverComponents<S>;
  readonly #init: DriverInit;
  readonly #config: ReplicaConfig<S>;
  readonly #seats: Electorate;
  readonly #others: readonly number[];
  readonly #signatures: SignatureCache;
  readonly #server: SyncServer<S>;
  readonly #client: SyncClient;
  readonly #fillable: readonly { readonly occupancy: Occupancy }[];
  readonly #snapshots: SyncSnapshots;
  readonly #probation: Probation;
  readonly #roundTrips: RoundTrips;
  readonly #inbox: Inbox<S>;
  readonly #timers = new Map<TimerName, Timer>();
  readonly #listeners = new Set<(commit: Commit<S>) => void>();
  readonly #inputs: Input[] = [];
  /** Messages that came before the log was read. */
  readonly #early = new EarlyMessages<this>();
  #isStepping = false;
  #state: ReplicaState<S>;
  /** The last delivered commit's state: what is durable, unlike the replica's own. */
  #finalCommit: Commit<S> | undefined;
  /** Resolves when everything asked to be durable so far is, and was released. */
  #released: Promise<void> = Promise.resolve();
  #phase: 'new' | 'running' | 'stopped' = 'new';

  constructor(components: DriverComponents<S>, init: DriverInit) {
    this.#world = components;
    this.#init = init;
    const { seats } = init;
    const scheme = components.scheme ?? ed25519List(components.verifier);
    this.#seats = { ...seats, order: leaderOrder(seats, seats.seats.length), form: scheme };
    this.#others = seats.seats.map((_, seat) => seat).filter((seat) => seat !== seats.self);
    this.#config = {
      pen: { seats: this.#seats, sign: (message) => components.signer.sign(message) },
      application: components.application,
      pacemaker: { ...PACEMAKER_DEFAULTS, ...init.pacemaker },
    };
    this.#state = initialReplica(this.#config);
    this.#signatures = new SignatureCache(scheme, { entriesMax: SIGNATURES_CACHED_MAX });
    const { clock } = components;
    const check = (checks: readonly Check[]) => this.#holds(checks);
    const send = (seat: number, message: Message) => this.#send(seat, message);
    const take = (input: Input) => this.#take(input);
    const state = () => this.#state;
    this.#roundTrips = new RoundTrips(seats.seats.length);
    const seen = new SyncSeen({ seats, check, safety: () => this.#state.safety });
    const evidence = new SyncEvidence({
      seats: this.#seats,
      check,
      knows: (fault) => knowsFault(this.#state, fault),
    });
    const { snapshots } = components.application;
    this.#server = new SyncServer({ clock, state, snapshots });
    this.#snapshots = this.#makeSnapshots(evidence);
    this.#probation = new Probation({
      clock,
      seen,
      others: this.#others,
      isOpen: () => this.#phase === 'running' && this.signing === 'probation',
      send,
      syncInfo: () => syncInfoOf(this.#state),
      settle: (how) => take({ kind: how }),
    });
    this.#client = this.#makeClient(evidence);
    this.#inbox = new Inbox({
      ...{ clock, seats: this.#seats, seen, evidence, state, check, send, take },
      ...{ server: this.#server, client: this.#client, probation: this.#probation },
      snapshots: this.#snapshots,
      onVote: (vote) => this.#noteAnswer(vote),
      onRefused: (seat, refusal) => {
        components.log.log('warn', 'consensus.refused', { from: seat, reason: refusal.reason });
        init.onMisbehaviour?.(seat, refusal);
      },
      onFailed: (cause) => this.#fatal(asKadreError(cause, 'STOPPED', 'consensus failed')),
    });
    const answering = [this.#client, this.#server, this.#inbox, seen];
    this.#fillable = [...answering, this.#roundTrips, this.#signatures];
  }

  #makeSnapshots(evidence: SyncEvidence): SyncSnapshots {
    const { application, clock, log } = this.#world;
    return new SyncSnapshots({
      clock,
      log,
      evidence,
      // What it restores goes back to the application that restored it.
      snapshots: application.snapshots as StateSnapshots<unknown> | undefined,
      send: (seat, message) => this.#send(seat, message),
      take: (snapshot) => this.#take({ kind: 'snapshot', snapshot }),
    });
  }

  #makeClient(evidence: SyncEvidence): SyncClient {
    const { clock, random, checkPayload } = this.#world;
    return new SyncClient({
      clock,
      random,
      others: this.#others,
      send: (seat, message) => this.#send(seat, message),
      hasBlock: (key) => this.#server.hasBlock(key),
      hasPayload: (key) => this.#server.content(key) !== undefined,
      onGap: (headers, seats) => this.#fetchSnapshot(headers, seats),
      isPast: (round) => round <= this.#state.tree.root.round,
      checkPayload: (bytes) => evidence.orPayload(bytes, checkPayload),
      onBlock: (block) => this.#take({ kind: 'block', block }),
      onPayload: (fetched) =>
        'fault' in fetched
          ? this.#take({ kind: 'evidence', held: fetched, found: false })
          : this.#take({ kind: 'payload', payload: fetched }),
    });
  }

  get finalState(): S {
    return this.#finalCommit?.state ?? this.#world.application.genesis;
  }

  get finalHeight(): number {
    return this.#finalCommit?.height ?? 0;
  }

  get finalCert(): CommitCert | undefined {
    return this.#finalCommit?.cert;
  }

  get pending(): readonly Payload[] {
    return [...this.#state.payloads.values()];
  }

  get round(): number {
    return roundOf(this.#state);
  }

  get occupancy(): Occupancy {
    const own = { earlyMessages: this.#early.count };
    return Object.assign(own, occupancyOf(this.#state), ...this.#fillable.map((p) => p.occupancy));
  }

  get signing(): ReplicaState<S>['signing'] {
    return this.#state.signing;
  }

  async start(): Promise<void> {
    const { records, keyIsNew, keyIsInLog, seats } = this.#init;
    const checkPayload = (bytes: Uint8Array) => this.#world.checkPayload(bytes);
    const recovered = await recover(this.#config, {
      records,
      keyIsNew,
      keyIsInLog,
      checkPayload,
    });
    if (this.#isStopped()) return;
    this.#state = recovered.state;
    if (records.length === 0) {
      const { planId, epoch, cadreRoot, self } = seats;
      // Not awaited: the log keeps its order, so nothing is signed before this record is durable.
      const open = encodeRecord(openRecord({ planId, epoch, cadreRoot, seat: self }));
      this.#world.wal.append([open]).catch((cause: unknown) => {
        this.#fatal(asKadreError(cause, 'DISK_FAILED', 'the log cannot be written'));
      });
    }
    this.#phase = 'running';
    const { signing } = recovered.state;
    this.#world.log.log('info', 'consensus.start', { round: this.round, signing });
    for (const commit of recovered.commits) this.#deliver(commit);
    this.#inputs.unshift({ kind: 'start' });
    this.#drain();
    this.#early.deliverTo(this);
    this.#probation.begin();
  }

  async stop(): Promise<void> {
    this.#halt();
    await this.#released;
  }

  submit(payload: Payload): void {
    if (payload.bytes.length > PAYLOAD_BYTES_MAX) {
      this.#world.log.log('warn', 'consensus.payload-too-large', { bytes: payload.bytes.length });
      return;
    }
    this.#take({ kind: 'payload', payload });
  }

  greeting(): Uint8Array {
    return encodeMessage(syncInfoOf(this.#state));
  }

  probe(seat: number): void {
    this.#send(seat, { kind: 'want-seen' });
  }

  onCommit(listener: (commit: Commit<S>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  receive(from: number, bytes: Uint8Array): void {
    if (this.#phase === 'stopped' || !this.#others.includes(from)) return;
    if (this.#phase === 'new') {
      this.#early.keep(bytes, (driver, kept) => driver.receive(from, kept));
      return;
    }
    this.#inbox.receive(from, bytes);
    this.#probation.heard();
    this.#init.onHeard?.(from);
  }

  /** Only what is final may be jumped to: the walk must have begun at the highest certificate. */
  #fetchSnapshot(headers: readonly Block[], seats: readonly number[]): void {
    const cert = this.#state.highCc;
    const newest = headers[0];
    if (cert === undefined || newest === undefined) return;
    if (!equalBytes(blockId(newest), cert.blockId)) return;
    this.#snapshots.begin({ cert, headers: [...headers] }, seats);
  }

  /** Also a vote that comes too late to count says how far its seat is away. */
  #noteAnswer({ blockId, voter }: Vote): void {
    this.#roundTrips.answered(toHex(blockId), voter, this.#world.clock.monotonicMs());
  }

  /** A proposal of ours leaves: time for the base timer to follow what earlier ones took. */
  #noteProposal({ block }: MessageOf<'proposal'>): void {
    const { self } = this.#seats;
    const timeoutBaseMs = this.#roundTrips.timeoutBaseMs(self, this.#config.pacemaker);
    this.#roundTrips.asked(toHex(blockId(block)), this.#world.clock.monotonicMs());
    if (timeoutBaseMs !== this.#state.timeoutBaseMs) this.#take({ kind: 'pace', timeoutBaseMs });
  }

  #holds(checks: readonly Check[]): Promise<boolean> {
    return this.#signatures.check(
      checks.map((check) =>
        'joined' in check
          ? { joined: check.joined, signed: check.signed.map((entry) => this.#keyed(entry)) }
          : this.#keyed(check),
      ),
    );
  }

  /** Every seat in a check was bounded by the cadre's size when it was made. */
  #keyed<C extends { readonly seat: number }>(check: C): C & { readonly key: Uint8Array } {
    return { ...check, key: this.#seats.seats[check.seat]!.key };
  }

  /** Feeds the replica, one input after the other, also when an effect brings the next. */
  #take(input: Input): void {
    if (this.#phase === 'stopped') return;
    if (this.#phase === 'new' && this.#inputs.length >= EARLY_INPUTS_MAX) return;
    this.#inputs.push(input);
    if (this.#phase === 'running') this.#drain();
  }

  #drain(): void {
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const result = step(this.#config, this.#state, next, this.#world.clock.wallMs());
        this.#state = result.state;
        for (const effect of result.effects) this.#run(effect);
        this.#client.advance();
      }
    } catch (cause) {
      this.#fatal(asKadreError(cause, 'STOPPED', 'consensus failed'));
    } finally {
      this.#isStepping = false;
    }
  }

  #run(effect: Effect<S>): void {
    switch (effect.kind) {
      case 'persist':
        this.#persist(effect.records, effect.release);
        return;
      case 'send':
        this.#sendTo(effect.to, effect.message);
        return;
      case 'timer': {
        const { name, round } = effect;
        this.#setTimer(name, effect.delayMs, () => this.#take({ kind: 'timer', name, round }));
        return;
      }
      case 'cancel-timer':
        this.#timers.get(effect.name)?.cancel();
        return;
      case 'fetch-block':
        this.#client.fetchBlock(effect.id, effect.seats);
        return;
      case 'fetch-payloads':
        this.#client.fetchPayloads(effect.ids, effect.seats);
        return;
      case 'evidence': {
        const { seat, fault } = effect.held;
        this.#world.log.log('warn', 'consensus.evidence', { seat, fault });
        this.#init.onEvidence?.(effect.held);
        return;
      }
      case 'log':
        this.#world.log.log(effect.level, effect.event, effect.fields);
        return;
      case 'breach':
        this.#breach(effect.reason, effect.proof);
        return;
    }
  }

  /** Releases run in the order they were asked for, each after its records are durable. */
  #persist(records: readonly LogRecord[], release: readonly Release<S>[]): void {
    const durable =
      records.length === 0 ? Promise.resolve() : this.#world.wal.append(records.map(encodeRecord));
    // Its failure is handled below, possibly only after an earlier one.
    durable.catch(() => {});
    this.#released = this.#released
      .then(() => durable)
      .then(() => {
        for (const item of release) this.#let(item);
      })
      .catch((cause) => this.#fatal(asKadreError(cause, 'DISK_FAILED', 'consensus log')));
  }

  #let(release: Release<S>): void {
    if (this.#phase !== 'running') return;
    switch (release.kind) {
      case 'send':
        this.#sendTo(release.to, release.message);
        if (release.message.kind === 'proposal') this.#noteProposal(release.message);
        return;
      case 'loopback': {
        const { input } = release;
        if (input.kind === 'vote' || input.kind === 'timeout' || input.kind === 'commit') {
          this.#signatures.trust(this.#keyed(signedPart(this.#seats, input.message)));
        }
        this.#take(input);
        return;
      }
      case 'deliver':
        this.#deliver(release.commit);
        return;
    }
  }

  #deliver(commit: Commit<S>): void {
    this.#finalCommit = commit;
    this.#server.archive(commit);
    for (const listener of this.#listeners) {
      try {
        listener(commit);
      } catch (cause) {
        this.#world.log.log('error', 'consensus.listener', { cause: String(cause) });
      }
    }
  }

  #breach(reason: string, proof: unknown): void {
    const durable = this.#world.wal.append([encodeRecord(breachRecord(reason, proof))]);
    const halt = () =>
      this.#fatal(new KadreError({ code: 'CADRE_LOST', data: { reason } }, `safety: ${reason}`));
    durable.then(halt, halt);
  }

  #fatal(error: KadreError): void {
    if (this.#phase === 'stopped') return;
    this.#halt();
    this.#world.log.log('error', 'consensus.fatal', { code: error.code, message: error.message });
    this.#init.onFatal?.(error);
  }

  #isStopped(): boolean {
    return this.#phase === 'stopped';
  }

  #halt(): void {
    this.#phase = 'stopped';
    for (const part of [this.#client, this.#snapshots, this.#probation]) part.stop();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #setTimer(name: TimerName, delayMs: number, callback: () => void): void {
    this.#timers.get(name)?.cancel();
    this.#timers.set(name, this.#world.clock.setTimer(delayMs, callback));
  }

  #sendTo(to: number | 'others', message: Message): void {
    const bytes = encodeMessage(message);
    for (const seat of to === 'others' ? this.#others : [to]) this.#world.send(seat, bytes);
  }

  #send(seat: number, message: Message): void {
    if (this.#phase === 'running') this.#world.send(seat, encodeMessage(message));
  }
}
