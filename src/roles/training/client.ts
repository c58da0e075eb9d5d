/**
 * A client of a training: finds the coordinator, fetches the model, trains on what only it has,
 * compresses, signs and sends the difference, and again until the training has ended
 * (docs/protocol/federated-round.md). Nothing else about its data leaves it.
 */
import { KadreError } from '../../base/errors.ts';
import type { Digest, PeerId } from '../../base/ids.ts';
import type { BlobStore, Clock, Random, SignalOption, Signer } from '../../base/ports.ts';
import { sleep, throwIfAborted } from '../../base/signals.ts';
import { fetchRanges } from '../../blob/fetch.ts';
import { parseCodec } from '../../federated/codec/codec-spec.ts';
import { compress, type FeedbackMemory, freshMemory } from '../../federated/feedback.ts';
import { toFloats } from '../../federated/fixed-point.ts';
import { rowsOfState } from '../../federated/round/round-state.ts';
import { signStatement } from '../../federated/round/statement.ts';
import {
  machineOf,
  type OpenTraining,
  type TrainingPlan,
} from '../../federated/round/training-plan.ts';
import {
  type LocatedTraining,
  type LocateTrainingComponents,
  locateTraining,
} from './locate-training.ts';
import {
  decodeTrain,
  encodeTrain,
  type TrainAnswer,
  type TrainRequest,
  trainAnswerShape,
} from './train-messages.ts';

export interface TrainingClientComponents extends LocateTrainingComponents {
  readonly blobs: Pick<BlobStore, 'put'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
}

export interface LocalContext {
  /** From 0. */
  readonly round: number;
  readonly plan: TrainingPlan;
  readonly signal: AbortSignal | undefined;
}

export interface LocalUpdate {
  /** Trained minus given parameters, as long as the model. */
  readonly delta: Float32Array;
  /** How much it counts, usually examples: 1 to the plan's `weightMax`. Default 1. */
  readonly weight?: number;
  readonly loss?: number;
}

/**
 * Trains the given parameters, which are its own copy, on data that stays here: what they changed
 * by, or that and how much it counts.
 */
export type LocalTraining = (
  model: Float32Array,
  context: LocalContext,
) => Promise<Float32Array | LocalUpdate>;

export interface TrainingClientInit {
  /** 32 bytes. */
  readonly id: Digest;
  /** Given the plan once, before the first round. */
  readonly prepare: (plan: TrainingPlan) => LocalTraining;
  /** How long to look for the coordinator, at first and when it is lost. */
  readonly waitMs: number;
}

export type ClientEvent =
  | { readonly type: 'joined'; readonly coordinator: PeerId; readonly rounds: number }
  | {
      readonly type: 'sent';
      readonly round: number;
      readonly bytes: number;
      /** Of the same update in float32. */
      readonly denseBytes: number;
      readonly loss: number | undefined;
    }
  | { readonly type: 'refused'; readonly round: number; readonly reason: string }
  | { readonly type: 'lost'; readonly cause: string }
  | { readonly type: 'ended'; readonly rounds: number };

const RETRY_MS = 500;
const UPDATE_TIMEOUT_MS = 90_000;

type OpenRound = Extract<TrainAnswer, { t: 'open' }>;

/** What goes from round to round at a client. */
interface Memory {
  feedback: FeedbackMemory;
  /** After the last message, if it counted. */
  next: FeedbackMemory | undefined;
  previous: Uint8Array | undefined;
}

export class TrainingClient {
  readonly #components: TrainingClientComponents;
  readonly #init: TrainingClientInit;

  constructor(components: TrainingClientComponents, init: TrainingClientInit) {
    this.#components = components;
    this.#init = init;
  }

  /** To the end of the training. Errors: TRAINING_UNKNOWN, TRAINING_REFUSED, BAD_UPDATE. */
  async *run(options: SignalOption = {}): AsyncGenerator<ClientEvent, void, undefined> {
    const located = await this.#locate(options);
    const { coordinator, training } = located;
    yield { type: 'joined', coordinator, rounds: training.plan.rounds };
    const train = this.#init.prepare(training.plan);
    const memory = freshFor(training);
    let seen: Uint8Array = new Uint8Array(0);
    let last = -1;
    for (;;) {
      const news = await this.#ask(
        coordinator,
        { t: 'round', training: training.id, seen },
        options,
      );
      if (news instanceof KadreError) {
        // After its last round a coordinator that is gone has nothing more to say.
        if (last === training.plan.rounds - 1) return;
        yield { type: 'lost', cause: news.message };
        await sleep(this.#components.clock, RETRY_MS, options);
        await this.#locate(options);
      } else if (news.t === 'ended') {
        yield { type: 'ended', rounds: news.rounds };
        return;
      } else if (news.t === 'refused') {
        throw new KadreError(
          { code: 'TRAINING_REFUSED', peer: coordinator, data: { reason: news.reason } },
          `the coordinator refuses: ${news.reason} ${news.detail}`,
        );
      } else if (news.t === 'open') {
        seen = news.ticket;
        last = news.round;
        yield await this.#work({ located, memory, train }, news, options);
      }
    }
  }

  /** What its coordinator says of it. Errors: TRAINING_UNKNOWN. */
  async status(options: SignalOption = {}) {
    const { coordinator, training } = await this.#locate(options);
    const request = { t: 'status' as const, training: training.id };
    const answer = await this.#ask(coordinator, request, options);
    if (answer instanceof KadreError) throw answer;
    if (answer.t === 'status') return { coordinator, training, answer };
    const init = { code: 'PEER_MISBEHAVED', peer: coordinator } as const;
    throw new KadreError(init, 'the coordinator answers something else');
  }

  async #locate(options: SignalOption): Promise<LocatedTraining> {
    const { clock } = this.#components;
    const endMs = clock.monotonicMs() + this.#init.waitMs;
    for (;;) {
      try {
        return await locateTraining(this.#components, this.#init.id, options);
      } catch (cause) {
        const isUnknown = cause instanceof KadreError && cause.code === 'TRAINING_UNKNOWN';
        if (!isUnknown || clock.monotonicMs() >= endMs) throw cause;
        await sleep(clock, RETRY_MS, options);
      }
    }
  }

  async #work(
    parts: {
      readonly located: LocatedTraining;
      readonly memory: Memory;
      readonly train: LocalTraining;
    },
    open: OpenRound,
    options: SignalOption,
  ): Promise<ClientEvent> {
    const { memory, train, located } = parts;
    const { coordinator, training } = located;
    const { round } = open;
    const lost = (cause: unknown): ClientEvent => {
      throwIfAborted(options.signal);
      if (!(cause instanceof KadreError) || cause.code === 'BAD_UPDATE') throw cause;
      return { type: 'lost', cause: cause.message };
    };
    // A residual refers to the model that it was left over from: it goes with a missed round.
    if (memory.next !== undefined && open.counted) memory.feedback = memory.next;
    else Object.assign(memory, freshFor(training));
    let model: Float32Array;
    try {
      model = await this.#model(located, open, options);
    } catch (cause) {
      return lost(cause);
    }
    const context = { round, plan: training.plan, signal: options.signal };
    const trained = updateOf(await train(model, context), model.length);
    const { context: roundContext, place } = machineOf(training, open);
    const spec = parseCodec(training.plan.codec);
    const previous = memory.previous === undefined ? {} : { previous: memory.previous };
    const message = compress(trained.delta, memory.feedback, {
      spec,
      codec: training.first.codec,
      context: { ...roundContext, ditherKey: this.#components.random.bytes(32), ...previous },
    });
    memory.next = message.memory;
    memory.previous = message.bytes;
    const { blobs, signer } = this.#components;
    const { root, bytes } = await blobs.put(message.bytes);
    const weight = Math.min(training.plan.weightMax, Math.max(1, Math.round(trained.weight ?? 1)));
    const signed = signStatement(signer, { ...place, client: signer.nodeId, weight, bytes, root });
    const answer = await this.#ask(coordinator, { t: 'update', signed }, options);
    if (answer instanceof KadreError) return lost(answer);
    if (answer.t === 'refused') return { type: 'refused', round, reason: answer.reason };
    const denseBytes = 4 * model.length;
    return { type: 'sent', round, bytes, denseBytes, loss: trained.loss };
  }

  /** Row 0 of the state, verified leaf by leaf. */
  async #model(
    { coordinator, training }: LocatedTraining,
    { state }: OpenRound,
    options: SignalOption,
  ): Promise<Float32Array> {
    const { elements, fractionBits } = training.first.context.schema;
    const bytes = 4 * elements * rowsOfState(training.first.optimiser);
    const source = { holders: [coordinator], ref: { root: state, bytes } };
    const row = [{ offset: 0, length: 4 * elements }];
    const [content] = await fetchRanges(this.#components.network, source, row, options);
    const fixed = new Int32Array(content!.buffer, content!.byteOffset, elements);
    return toFloats(fixed, fractionBits);
  }

  /** An error is an answer here: coordinators come back. */
  async #ask(
    peer: PeerId,
    request: TrainRequest,
    options: SignalOption,
  ): Promise<TrainAnswer | KadreError> {
    const timeoutMs = request.t === 'update' ? UPDATE_TIMEOUT_MS : undefined;
    const ask = { ...options, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    try {
      const body = encodeTrain(request);
      const bytes = await this.#components.network.request(peer, 'train', body, ask);
      const answer = decodeTrain(bytes, trainAnswerShape);
      if (answer.ok) return answer.value;
      const init = { code: 'PEER_MISBEHAVED', peer, data: { reason: answer.reason } } as const;
      return new KadreError(init, `a malformed answer: ${answer.reason}`);
    } catch (cause) {
      throwIfAborted(options.signal);
      if (cause instanceof KadreError) return cause;
      throw cause;
    }
  }
}

/** Errors: BAD_UPDATE for what is no update: it comes from a function that users write. */
export function updateOf(trained: unknown, length: number): LocalUpdate {
  const update = trained instanceof Float32Array ? { delta: trained } : (trained as LocalUpdate);
  const { delta, weight = 1 } = update ?? {};
  const problem =
    delta instanceof Float32Array && delta.length === length
      ? weight > 0 && Number.isFinite(weight)
        ? undefined
        : `a weight is more than 0, not ${weight}`
      : `train returns a Float32Array of ${length} changes, or { delta, weight, loss }`;
  if (problem === undefined) return update;
  throw new KadreError({ code: 'BAD_UPDATE' }, problem);
}

function freshFor({ plan, first }: OpenTraining): Memory {
  const feedback = freshMemory(parseCodec(plan.codec), first.context.schema.elements);
  return { feedback, next: undefined, previous: undefined };
}
