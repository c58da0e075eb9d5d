/**
 * The coordinator of a training: enrols clients, opens a round, takes signed updates until all are
 * there or the deadline has passed, has them aggregated by a job, and goes on from its certificate
 * (docs/protocol/federated-round.md). A round is handed out before the next one opens, so that it
 * can be written down first.
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { assert, KadreError } from '../../base/errors.ts';
import { type PeerId, peerIdOf } from '../../base/ids.ts';
import type {
  BlobRef,
  BlobStore,
  Clock,
  Directory,
  Logger,
  Network,
  Random,
  SignalOption,
} from '../../base/ports.ts';
import { anySignal, sleep, throwIfAborted } from '../../base/signals.ts';
import { fetchBlob } from '../../blob/fetch.ts';
import { type ChainHead, checkRound } from '../../federated/round/check-chain.ts';
import type { RoundRecord } from '../../federated/round/round-record.ts';
import {
  encodeStatements,
  joinUpdates,
  type SignedStatement,
} from '../../federated/round/statement.ts';
import { machineOf, type OpenTraining, parametersOf } from '../../federated/round/training-plan.ts';
import { STATE_ROWS } from '../../kernel/fed-aggregate.ts';
import { Enrolment } from './enrolment.ts';
import { trainingClass } from './locate-training.ts';
import { RoundDesk, type TakenUpdate } from './round-desk.ts';
import {
  encodeTrain,
  refusedTrain,
  TICKET_BYTES,
  type TrainAnswer,
  type TrainRequest,
} from './train-messages.ts';
import type { TrainingDesk } from './training-desk.ts';

/** One round's job, as the kernel names its inputs. */
export interface AggregateWork {
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly inputs: {
    readonly schema: Uint8Array;
    readonly state: Int32Array;
    readonly statements: Uint8Array;
    readonly updates: Uint8Array;
  };
  /** Rows of the state. */
  readonly rows: number;
  readonly policy: OpenTraining['plan']['job'];
}

export interface AggregateResult {
  readonly state: Int32Array;
  readonly trace: Uint8Array;
  readonly certificate: Uint8Array;
}

export interface CoordinatorComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly blobs: BlobStore;
  readonly desk: TrainingDesk;
  /** Runs the kernel as a certified job. */
  readonly aggregate: (work: AggregateWork, options: SignalOption) => Promise<AggregateResult>;
}

export interface CoordinatorInit {
  readonly training: OpenTraining;
  readonly head: ChainHead;
  /** Of the head. */
  readonly state: Int32Array;
  /** Clients whose updates are in the record that led to the head. */
  readonly counted: ReadonlySet<PeerId>;
  /** How long the first round waits for its quorum of clients. */
  readonly waitClientsMs: number;
}

export interface RefusedUpdate {
  readonly peer: PeerId;
  readonly reason: string;
}

export interface FinishedRound {
  readonly record: RoundRecord;
  readonly head: ChainHead;
  readonly state: Int32Array;
  /** Lowercase hex. */
  readonly jobId: string;
  readonly updates: readonly TakenUpdate[];
  /** The kernel's input of that name. */
  readonly joined: Uint8Array;
  readonly refused: readonly RefusedUpdate[];
  /** Everything that clients sent for it: containers with their trees, statements, signatures. */
  readonly bytesUp: number;
  readonly ms: { readonly collect: number; readonly aggregate: number };
}

const POLL_MS = 5_000;
const FETCH_TIMEOUT_MS = 60_000;
/** Deadlines that may pass without a quorum before a training is given up. */
const SHORT_ROUNDS_MAX = 10;
const ANNOUNCE_MS = 2_000;
const ANNOUNCEMENTS_MAX = 30;
/** How long clients are told that it is over. */
const FAREWELL_MS = 3_000;
/** Refusals kept of one round. */
const REFUSALS_MAX = 1_024;

interface Open {
  readonly ticket: Uint8Array;
  readonly desk: RoundDesk;
  readonly refused: RefusedUpdate[];
  bytesUp: number;
}

export class TrainingCoordinator {
  readonly #components: CoordinatorComponents;
  readonly #init: CoordinatorInit;
  readonly #enrolment: Enrolment;
  #head: ChainHead;
  #state: Int32Array;
  #ref: BlobRef | undefined;
  #counted: ReadonlySet<PeerId>;
  #open: Open | undefined;
  #isEnded = false;
  #changed = Promise.withResolvers<void>();
  readonly #told = new Set<PeerId>();

  constructor(components: CoordinatorComponents, init: CoordinatorInit) {
    this.#components = components;
    this.#init = init;
    this.#head = init.head;
    this.#state = init.state;
    this.#counted = init.counted;
    this.#enrolment = new Enrolment(init.training.plan.clients);
  }

  get #plan() {
    return this.#init.training.plan;
  }

  /**
   * Rounds as they are certified, to the last of the plan. Errors: NOT_ENOUGH_PEERS when clients
   * stay away, and those of jobs.
   */
  async *rounds(options: SignalOption = {}): AsyncGenerator<FinishedRound, void, undefined> {
    const { desk, directory } = this.#components;
    const { id } = this.#init.training;
    const stopping = new AbortController();
    const signal = anySignal(options.signal, stopping.signal);
    const name = trainingClass(toHex(id));
    const remove = desk.add(id, this);
    void this.#announce(name, signal);
    try {
      await this.#publish();
      while (this.#head.round < this.#plan.rounds) yield await this.#round(signal);
      await this.#farewell(signal);
    } finally {
      stopping.abort(new KadreError({ code: 'STOPPED' }, 'the training has ended here'));
      directory.withdraw(name);
      remove();
    }
  }

  async answer(from: PeerId, request: TrainRequest, options: SignalOption): Promise<TrainAnswer> {
    switch (request.t) {
      case 'plan':
        return { t: 'plan', plan: this.#init.training.encoded };
      case 'round':
        return this.#tell(from, request.seen);
      case 'update':
        return this.#update(from, request.signed, options);
      case 'status':
        return this.#status();
    }
  }

  #status(): TrainAnswer {
    const updates = this.#open?.desk.taken.length ?? 0;
    const [round, clients] = [this.#head.round, this.#enrolment.size];
    return {
      t: 'status',
      round,
      rounds: this.#plan.rounds,
      clients,
      updates,
      isEnded: this.#isEnded,
    };
  }

  /**
   * Whoever was just connected knows nobody yet who could keep the record: it is handed out again
   * until every seat is taken.
   */
  async #announce(name: string, signal: AbortSignal): Promise<void> {
    const { directory, clock, log } = this.#components;
    try {
      for (let i = 0; i < ANNOUNCEMENTS_MAX; i++) {
        await directory.provide(name, { signal });
        if (this.#enrolment.size >= this.#plan.clients) return;
        await sleep(clock, ANNOUNCE_MS, { signal });
      }
    } catch (cause) {
      if (!signal.aborted) log.log('debug', 'training-not-announced', { cause: `${cause}` });
    }
  }

  async #publish(): Promise<void> {
    const { buffer, byteOffset, byteLength } = this.#state;
    this.#ref = await this.#components.blobs.put(new Uint8Array(buffer, byteOffset, byteLength));
    assert(equalBytes(this.#ref.root, this.#head.state), 'the state is the head of the chain');
  }

  async #round(signal: AbortSignal): Promise<FinishedRound> {
    const { clock, random } = this.#components;
    const desk = new RoundDesk(this.#plan, machineOf(this.#init.training, this.#head));
    const open = { ticket: random.bytes(TICKET_BYTES), desk, refused: [], bytesUp: 0 };
    const startMs = clock.monotonicMs();
    this.#open = open;
    this.#change();
    await this.#collect(desk, signal);
    // Later ones are for the next round; the list stays as it is now.
    this.#open = undefined;
    const updates = desk.taken;
    const closedMs = clock.monotonicMs();
    const { record, state, joined } = await this.#aggregate(updates, signal);
    const checked = checkRound(this.#init.training, this.#head, record);
    if (!checked.ok) {
      const { reason, detail = reason } = checked;
      const init = { code: 'CERTIFICATE_INVALID', data: { reason } } as const;
      throw new KadreError(init, `round ${record.round}: ${detail}`);
    }
    this.#counted = new Set(updates.map(({ signed }) => peerIdOf(signed.statement.client)));
    this.#enrolment.close(this.#counted);
    this.#head = checked.value.head;
    this.#state = state;
    await this.#publish();
    return {
      record,
      head: this.#head,
      state,
      jobId: toHex(checked.value.certificate.jobId),
      updates,
      joined,
      refused: open.refused,
      bytesUp: open.bytesUp,
      ms: { collect: closedMs - startMs, aggregate: clock.monotonicMs() - closedMs },
    };
  }

  /** Resolves with all updates, or at a deadline with enough of them. */
  async #collect(desk: RoundDesk, signal: AbortSignal): Promise<void> {
    const { clock } = this.#components;
    const { quorum, deadlineMs } = this.#plan;
    const isFirst = this.#enrolment.size < quorum;
    let left = isFirst ? this.#init.waitClientsMs : deadlineMs;
    for (let short = 0; short < SHORT_ROUNDS_MAX; short++) {
      const endMs = clock.monotonicMs() + left;
      while (!this.#isComplete(desk) && clock.monotonicMs() < endMs) {
        await this.#whenChanged(endMs - clock.monotonicMs(), signal);
      }
      if (desk.taken.length >= quorum) return;
      if (this.#enrolment.size < quorum) break;
      left = deadlineMs;
    }
    const { size } = this.#enrolment;
    const advice = `run \`kadre train join ${toHex(this.#init.training.id)} --data FILE\` on more machines`;
    throw new KadreError(
      { code: 'NOT_ENOUGH_PEERS', advice, data: { clients: size, quorum } },
      `round ${this.#head.round} has ${desk.taken.length} of at least ${quorum} updates, from ${size} clients`,
    );
  }

  #isComplete(desk: RoundDesk): boolean {
    const { clients, quorum } = this.#plan;
    const taken = desk.taken.length;
    if (taken >= clients) return true;
    const isFull = this.#head.round > 0 || this.#enrolment.size >= clients;
    return isFull && taken >= quorum && this.#enrolment.peers.every((peer) => desk.hasTaken(peer));
  }

  async #aggregate(updates: readonly TakenUpdate[], signal: AbortSignal) {
    const { training } = this.#init;
    const { plan, id } = training;
    const { round, parent } = this.#head;
    const statements = encodeStatements(updates.map(({ signed }) => signed));
    const joined = joinUpdates(
      updates.map(({ signed, container }) => ({ client: signed.statement.client, container })),
    );
    const work = {
      parameters: { ...parametersOf(plan, id, this.#head) },
      inputs: { schema: plan.schema, state: this.#state, statements, updates: joined },
      rows: STATE_ROWS[training.first.optimiser.name]!,
      policy: plan.job,
    };
    const { state, trace, certificate } = await this.#components.aggregate(work, { signal });
    const ref = await this.#components.blobs.put(
      new Uint8Array(state.buffer, state.byteOffset, state.byteLength),
    );
    const record: RoundRecord = {
      v: 1,
      kind: 'round',
      round,
      parent,
      statements,
      state: ref.root,
      trace,
      certificate,
    };
    return { record, state, joined };
  }

  /** A client asks for work: at once when there is new, else within a while. */
  async #tell(from: PeerId, seen: Uint8Array): Promise<TrainAnswer> {
    if (this.#isEnded) return this.#sayEnded(from);
    if (!this.#enrolment.add(from)) return refusedTrain('full', 'every seat is taken');
    this.#change();
    const endMs = this.#components.clock.monotonicMs() + POLL_MS;
    for (;;) {
      const news = this.#news(from, seen);
      if (news !== undefined) return news;
      const leftMs = endMs - this.#components.clock.monotonicMs();
      if (leftMs <= 0) return { t: 'wait' };
      await this.#whenChanged(leftMs, undefined);
    }
  }

  /** Strangers ask as well, and are not counted. */
  #sayEnded(from: PeerId): TrainAnswer {
    if (this.#enrolment.has(from)) this.#told.add(from);
    return { t: 'ended', rounds: this.#plan.rounds };
  }

  #news(from: PeerId, seen: Uint8Array): TrainAnswer | undefined {
    if (this.#isEnded) return this.#sayEnded(from);
    const open = this.#open;
    if (open === undefined || equalBytes(open.ticket, seen)) return undefined;
    const { round, parent, state } = this.#head;
    const counted = this.#counted.has(from);
    return { t: 'open', ticket: open.ticket, round, parent, state, counted };
  }

  async #update(
    from: PeerId,
    signed: SignedStatement,
    options: SignalOption,
  ): Promise<TrainAnswer> {
    const open = this.#open;
    if (open === undefined) return refusedTrain('stale-round', 'no round is open');
    const refuseFor = (reason: string, detail?: string) => {
      if (open.refused.length < REFUSALS_MAX) open.refused.push({ peer: from, reason });
      return refusedTrain(reason, detail);
    };
    if (!this.#enrolment.has(from)) return refuseFor('not-enrolled');
    const offered = open.desk.offer(from, signed);
    if (!offered.ok) return refuseFor(offered.reason, offered.detail);
    if (offered.value) return { t: 'taken' };
    open.bytesUp += encodeTrain({ t: 'update', signed }).length;
    try {
      const container = await this.#fetch(from, signed, options);
      // Its tree's leaf hashes, and one byte that says it is held.
      open.bytesUp += container.length + 32 * Math.ceil(container.length / 65_536) + 1;
      const taken = open.desk.take(from, signed, container);
      if (!taken.ok) return refuseFor(taken.reason, taken.detail);
    } catch (cause) {
      open.desk.drop(from);
      const reason = cause instanceof KadreError ? cause.code : 'INTERNAL';
      return refuseFor('not-fetched', reason);
    }
    this.#change();
    return this.#open === open ? { t: 'taken' } : refusedTrain('stale-round', 'it came too late');
  }

  /** From the client, who has a minute for it. */
  async #fetch(
    from: PeerId,
    { statement }: SignedStatement,
    options: SignalOption,
  ): Promise<Uint8Array> {
    const { network, clock } = this.#components;
    const late = new AbortController();
    const message = 'the update did not come in time';
    const timer = clock.setTimer(FETCH_TIMEOUT_MS, () => {
      late.abort(new KadreError({ code: 'PEER_UNREACHABLE', peer: from }, message));
    });
    const ref = { root: statement.root, bytes: statement.bytes };
    const signal = anySignal(options.signal, late.signal);
    try {
      return await fetchBlob(network, { holders: [from], ref }, { signal });
    } finally {
      timer.cancel();
    }
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #whenChanged(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const waiting = new AbortController();
    const any = anySignal(signal, waiting.signal);
    const late = sleep(this.#components.clock, Math.max(1, timeoutMs), { signal: any });
    late.catch(() => undefined);
    try {
      await Promise.race([this.#changed.promise, late]);
    } finally {
      waiting.abort(new KadreError({ code: 'STOPPED' }, 'woken'));
    }
    throwIfAborted(signal);
  }

  /** Clients that wait are told before this ends; those that stay away are not waited for. */
  async #farewell(signal: AbortSignal): Promise<void> {
    const { clock } = this.#components;
    this.#isEnded = true;
    this.#change();
    const endMs = clock.monotonicMs() + FAREWELL_MS;
    const isTold = () => this.#enrolment.peers.every((peer) => this.#told.has(peer));
    while (!isTold() && clock.monotonicMs() < endMs) {
      await this.#whenChanged(100, signal);
    }
  }
}
