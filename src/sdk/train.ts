/**
 * `swarm.train` and `swarm.join`: a training as its coordinator sees it, round by certified round,
 * and as a client takes part in it (docs/protocol/federated-round.md).
 */
import { equalBytes, fromHex, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { type PeerId, peerIdOf } from '../base/ids.ts';
import type {
  BlobStore,
  Clock,
  Directory,
  Logger,
  Network,
  Random,
  SignalOption,
  Signer,
} from '../base/ports.ts';
import { blobRoot } from '../blob/tree.ts';
import type { Tensor } from '../federated/codec/schema.ts';
import { spreadOf } from '../federated/data/dataset.ts';
import { type Evaluation, type Examples, evaluate, type Model } from '../federated/model/model.ts';
import { parseModel } from '../federated/model/model-text.ts';
import { type ChainHead, firstHead, openChain } from '../federated/round/check-chain.ts';
import { makePlan, type PlanWishes } from '../federated/round/make-plan.ts';
import { encodeChain, type RoundRecord } from '../federated/round/round-record.ts';
import { modelOfState } from '../federated/round/round-state.ts';
import type { OpenTraining, TrainingPlan } from '../federated/round/training-plan.ts';
import type { LocalTraining } from '../roles/training/client.ts';
import { type ClientEvent, TrainingClient } from '../roles/training/client.ts';
import {
  type AggregateResult,
  type AggregateWork,
  type FinishedRound,
  TrainingCoordinator,
} from '../roles/training/coordinator.ts';
import type { TrainingDesk } from '../roles/training/training-desk.ts';
import { type Dataset, datasetFor, trainOn } from './built-in-training.ts';
import type { JobHandle, SubmitOptions, Work } from './types.ts';

/** A model that only its makers know: its tensors and their first values, one after another. */
export interface CustomModel {
  readonly tensors: readonly Tensor[];
  readonly initial: Float32Array;
}

export interface TrainOptions extends PlanWishes, SignalOption {
  /** `logreg`, `mlp:hidden=64`, `cnn:filters=8,height=8,width=8`, or one of your own. */
  readonly model: string | CustomModel;
  /**
   * Rows that stay here: they fix features, classes and scale of a built-in model, and every round
   * is judged by them.
   */
  readonly data?: Examples;
  /** First parameters of a built-in model, one after another. Default: drawn. */
  readonly initial?: Float32Array;
  /** Goes on from a chain and its last state. The other options are the chain's own. */
  readonly resume?: { readonly chain: Uint8Array; readonly state: Int32Array };
  /** How long the first round waits for a quorum of clients. Default 60 s. */
  readonly waitClientsMs?: number;
  /** How long each round's job waits for capable peers. Default 10 s. */
  readonly waitPeersMs?: number;
}

export interface JoinOptions extends SignalOption {
  /** Rows to train a built-in model on; they stay here. */
  readonly data?: Examples;
  /** Trains whatever way you like instead. Returns trained minus given parameters. */
  readonly train?: LocalTraining;
  /** Like `train`, for a training whose plan must be seen first. */
  readonly prepare?: (plan: TrainingPlan) => LocalTraining;
  /** How long to look for the coordinator, at first and when it is lost. Default 60 s. */
  readonly waitMs?: number;
}

export interface TrainingStatus {
  readonly id: string;
  readonly coordinator: PeerId;
  /** The one that is open, from 0; the number of all when it has ended. */
  readonly round: number;
  readonly rounds: number;
  readonly clients: number;
  readonly seats: number;
  /** Of the open round. */
  readonly updates: number;
  readonly isEnded: boolean;
  readonly model: string;
  readonly codec: string;
  readonly aggregator: string;
}

export interface TrainingStatusOptions extends SignalOption {
  /** How long to look for the coordinator. Default 10 s. */
  readonly waitMs?: number;
}

export interface TrainedRound {
  readonly round: number;
  /** Clients that counted. */
  readonly clients: readonly { readonly peer: PeerId; readonly weight: number }[];
  /** Updates that did not, and why. */
  readonly refused: readonly { readonly peer: PeerId; readonly reason: string }[];
  /** All that clients sent, and what the same updates take in float32. */
  readonly bytes: { readonly up: number; readonly dense: number };
  readonly jobId: string;
  /** Already verified. */
  readonly certificate: Uint8Array;
  /** Parameters after the round, one after another. */
  readonly model: Float32Array;
  /** What the next round starts from (docs/protocol/federated-round.md, section 4). */
  readonly state: Int32Array;
  /** Containers that counted, one after another in the order of the statements. */
  readonly updates: Uint8Array;
  /** Share of the coordinator's rows that the model has right; undefined without rows. */
  readonly accuracy: number | undefined;
  /** Mean cross-entropy of the coordinator's rows, in nats; undefined without rows. */
  readonly loss: number | undefined;
  readonly ms: { readonly collect: number; readonly aggregate: number };
}

/**
 * Iterating runs the rounds: the next one opens when it is asked for, so that each can be written
 * down first. Leaving the loop, or disposing, ends the training here; clients wait for it to be
 * resumed.
 */
export interface Training extends AsyncDisposable {
  /** Lowercase hex: what clients join. */
  readonly id: string;
  readonly rounds: number;
  /** The state before the first round, or the one that it was resumed from. */
  readonly state: Int32Array;
  /** Names and shapes of the model's parameters. */
  readonly tensors: readonly Tensor[];
  /** Of the model as it is now, on the coordinator's rows. */
  readonly accuracy: number | undefined;
  readonly loss: number | undefined;
  /** The file that `verify` takes: plan and every round so far. */
  chain(): Uint8Array;
  [Symbol.asyncIterator](): AsyncGenerator<TrainedRound, void, undefined>;
}

export interface TrainingComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly blobs: BlobStore;
  readonly signer: Signer;
  readonly desk: TrainingDesk;
  readonly submit: (kernel: string, work: Work, options: SubmitOptions) => Promise<JobHandle>;
}

interface Begun {
  readonly training: OpenTraining;
  readonly head: ChainHead;
  readonly state: Int32Array;
  readonly records: readonly RoundRecord[];
  readonly counted: ReadonlySet<PeerId>;
  readonly model: Model | undefined;
}

/** Errors: BAD_CODEC, UNSAFE_PLAN, USAGE; CERTIFICATE_INVALID for a chain that does not hold. */
export function startTraining(
  components: TrainingComponents,
  networkId: string,
  options: TrainOptions,
): Training {
  const begun =
    options.resume === undefined
      ? newTraining(components, networkId, options)
      : resumed(components, options.resume);
  return new CoordinatedTraining(components, begun, options);
}

/** Takes part in a training until it ends. Errors: TRAINING_UNKNOWN, TRAINING_REFUSED, USAGE. */
export function joinTraining(
  components: Omit<TrainingComponents, 'desk' | 'submit'>,
  id: string,
  options: JoinOptions,
): AsyncGenerator<ClientEvent, void, undefined> {
  const { data, train, waitMs = 60_000 } = options;
  const ways = [data && trainOn(data, components), train && (() => train), options.prepare];
  const [prepare, ...others] = ways.filter((way) => way !== undefined);
  if (prepare === undefined || others.length > 0) {
    throw new KadreError({ code: 'USAGE' }, 'give one of `data`, `train` and `prepare`');
  }
  return new TrainingClient(components, { id: idOf(id), prepare, waitMs }).run(options);
}

/** Errors: TRAINING_UNKNOWN, USAGE. */
export async function trainingStatus(
  components: Omit<TrainingComponents, 'desk' | 'submit'>,
  id: string,
  options: TrainingStatusOptions,
): Promise<TrainingStatus> {
  const { waitMs = 10_000 } = options;
  const prepare = () => async () => ({ delta: new Float32Array(0) });
  const client = new TrainingClient(components, { id: idOf(id), prepare, waitMs });
  const { coordinator, training, answer } = await client.status(options);
  const { model, codec, rule: aggregator, clients: seats } = training.plan;
  const { t: _, ...facts } = answer;
  return { id, coordinator, ...facts, seats, model, codec, aggregator };
}

function idOf(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes?.length === 32) return bytes;
  throw new KadreError({ code: 'USAGE' }, `${text} is no training: 64 hex digits name one`);
}

class CoordinatedTraining implements Training {
  readonly id: string;
  readonly rounds: number;
  readonly tensors: readonly Tensor[];
  readonly #components: TrainingComponents;
  readonly #begun: Begun;
  readonly #options: TrainOptions;
  readonly #records: RoundRecord[];
  readonly #stopping = new AbortController();
  readonly #data: Dataset | undefined;
  #state: Int32Array;
  /** Of the newest state that was asked about. */
  #evaluated: { readonly state: Int32Array; readonly evaluation: Evaluation } | undefined;

  constructor(components: TrainingComponents, begun: Begun, options: TrainOptions) {
    const { training, state, records } = begun;
    this.#components = components;
    this.#begun = begun;
    this.#options = options;
    this.#records = [...records];
    this.#state = state;
    this.#data = options.data && begun.model && datasetFor(training.plan, options.data);
    this.id = toHex(training.id);
    this.rounds = training.plan.rounds;
    this.tensors = training.first.context.schema.tensors;
  }

  get state(): Int32Array {
    return this.#state;
  }

  get accuracy(): number | undefined {
    return this.#evaluation?.accuracy;
  }

  get loss(): number | undefined {
    return this.#evaluation?.loss;
  }

  get #evaluation(): Evaluation | undefined {
    const { model } = this.#begun;
    if (model === undefined || this.#data === undefined) return undefined;
    if (this.#evaluated?.state !== this.#state) {
      const evaluation = evaluate(model, this.#parameters(), this.#data);
      this.#evaluated = { state: this.#state, evaluation };
    }
    return this.#evaluated.evaluation;
  }

  chain(): Uint8Array {
    return encodeChain(this.#begun.training.encoded, this.#records);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TrainedRound, void, undefined> {
    const { training, head, state, counted } = this.#begun;
    const { waitClientsMs = 60_000, signal } = this.#options;
    const components = { ...this.#components, aggregate: this.#aggregate.bind(this) };
    const init = { training, head, state, counted, waitClientsMs };
    const coordinator = new TrainingCoordinator(components, init);
    const stopping = this.#stopping.signal;
    const any = signal === undefined ? stopping : AbortSignal.any([signal, stopping]);
    for await (const round of coordinator.rounds({ signal: any })) {
      this.#records.push(round.record);
      this.#state = round.state;
      yield this.#report(round);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new KadreError({ code: 'STOPPED' }, 'this training has been disposed of'));
  }

  #parameters(): Float32Array {
    const { elements, fractionBits } = this.#begun.training.first.context.schema;
    return modelOfState(this.#state, elements, fractionBits);
  }

  #report(round: FinishedRound): TrainedRound {
    const { record, updates, refused, bytesUp, state, ms } = round;
    const { elements } = this.#begun.training.first.context.schema;
    return {
      round: record.round,
      clients: updates.map(({ signed }) => {
        return { peer: peerIdOf(signed.statement.client), weight: signed.statement.weight };
      }),
      refused,
      bytes: { up: bytesUp, dense: 4 * elements * updates.length },
      jobId: round.jobId,
      certificate: record.certificate,
      model: this.#parameters(),
      state,
      updates: round.joined,
      accuracy: this.accuracy,
      loss: this.loss,
      ms,
    };
  }

  async #aggregate(work: AggregateWork, { signal }: SignalOption): Promise<AggregateResult> {
    const { parameters, inputs, rows, policy } = work;
    const { schema, state, statements, updates } = inputs;
    const bytes = (data: Uint8Array) => ({ data, shape: [data.length] });
    const job = await this.#components.submit(
      'fed.aggregate@1',
      {
        parameters,
        inputs: {
          schema: bytes(schema),
          state: { data: state, shape: [rows, state.length / rows] },
          statements: bytes(statements),
          updates: bytes(updates),
        },
        shards: 1,
      },
      { ...policy, waitPeersMs: this.#options.waitPeersMs ?? 10_000, ...(signal && { signal }) },
    );
    const { outputs, certificate } = await job.result({ signal });
    return {
      state: outputs.state!.data as Int32Array,
      trace: outputs.trace!.data as Uint8Array,
      certificate: certificate!,
    };
  }
}

function newTraining(
  { signer, random }: TrainingComponents,
  network: string,
  options: TrainOptions,
): Begun {
  const { data } = options;
  const coordinator = signer.nodeId;
  const basics = { network, coordinator, nonce: random.bytes(16) };
  const plain = { mean: 0, deviation: 1 };
  let facts: Parameters<typeof makePlan>[1];
  let model: Model | undefined;
  if (typeof options.model === 'string') {
    if (data === undefined) {
      throw new KadreError({ code: 'USAGE' }, `the model ${options.model} needs \`data\``);
    }
    const features = data.features.length / data.labels.length;
    const classes = 1 + data.labels.reduce((most, label) => Math.max(most, label), 0);
    const named = parseModel(options.model, features, classes);
    if (!named.ok) throw new KadreError({ code: 'USAGE' }, `--model: ${named.detail}`);
    model = named.value.model;
    const initial = options.initial ?? model.initialise(random.bytes(32));
    const { text } = named.value;
    const { tensors } = model;
    facts = { ...basics, model: text, tensors, features, classes, initial, spread: spreadOf(data) };
  } else {
    const { tensors, initial } = options.model;
    facts = { ...basics, model: '', tensors, features: 0, classes: 0, initial, spread: plain };
  }
  const { training, state } = makePlan(options, facts);
  return { training, head: firstHead(training), state, records: [], counted: new Set(), model };
}

function resumed(
  { signer }: TrainingComponents,
  { chain, state }: { readonly chain: Uint8Array; readonly state: Int32Array },
): Begun {
  const opened = openChain(chain);
  if (!opened.ok) {
    const { reason, detail = reason } = opened;
    throw new KadreError({ code: 'CERTIFICATE_INVALID', data: { reason } }, detail);
  }
  const { training, rounds, head } = opened.value;
  const root = blobRoot(new Uint8Array(state.buffer, state.byteOffset, state.byteLength));
  if (!equalBytes(root, head.state)) {
    throw new KadreError({ code: 'OUTPUT_MISMATCH' }, 'this state is not where the chain ends');
  }
  if (!equalBytes(training.plan.coordinator, signer.nodeId)) {
    const advice = 'connect with the identity that started it';
    const message = 'this training has another coordinator';
    throw new KadreError({ code: 'USAGE', advice }, message);
  }
  const counted = new Set(
    rounds.at(-1)?.statements.map(({ statement }) => peerIdOf(statement.client)) ?? [],
  );
  const { model: text, features, classes } = training.plan;
  const named = text === '' ? undefined : parseModel(text, features, classes);
  const model = named?.ok ? named.value.model : undefined;
  const records = rounds.map(({ record }) => record);
  return { training, head, state, records, counted, model };
}
