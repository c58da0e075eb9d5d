/**
 * Federated rounds in one process: draw, train, lie, quantise, aggregate, step. The same pure
 * functions as the network uses, without it: for experiments, tests and the lab.
 */
import { toHex, u32, utf8 } from '../../base/bytes.ts';
import { assert } from '../../base/errors.ts';
import { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { sha256 } from '../../crypto/portable/hash.ts';
import { makeSchema } from '../codec/schema.ts';
import { toFixed, toFloats } from '../fixed-point.ts';
import type { Examples, Model } from '../model/model.ts';
import { type LocalResult, pick, type TrainingOptions, trainLocal } from '../model/train-local.ts';
import { advance, initialState, type ModelState, type Optimiser } from '../optimiser/optimiser.ts';
import { EMPTY_INCLUSION, includeBlock } from '../round/inclusion.ts';
import { drawClients } from '../round/participation.ts';
import { aggregate, type ClientUpdate } from '../rule/aggregate.ts';
import type { Pipeline } from '../rule/pipeline.ts';
import type { Attack } from './attack.ts';
import { RehearsedCodec, type Traffic } from './rehearsed-codec.ts';

export interface RehearsalInit {
  readonly model: Model;
  readonly data: Examples;
  /** Row indices per client. */
  readonly partition: readonly (readonly number[])[];
  /** Clients drawn for a round. */
  readonly perRound: number;
  readonly local: TrainingOptions;
  /** What a client keeps of its last update, 0..1: sent = keep x last + (1 - keep) x new. */
  readonly workerMomentum: number;
  readonly pipeline: Pipeline;
  readonly optimiser: Optimiser;
  readonly fractionBits: number;
  /** Clients 0..faulty-1 lie, in every round they are drawn for. */
  readonly faulty: number;
  readonly attack: Attack | undefined;
  readonly seed: number;
  /** `--codec`; default: updates are sent whole, as integers. */
  readonly codec?: string;
}

/** Weight that a client may claim. */
const WEIGHT_CAP = 1000;

export class Rehearsal {
  readonly #init: RehearsalInit;
  readonly #drawn: number[];
  /** Last smoothed update per client; honest ones keep their own, liars theirs. */
  readonly #smoothed = new Map<number, Float32Array>();
  #state: ModelState;
  #reference: Int32Array;
  readonly #codec: RehearsedCodec | undefined;
  #round = 0;
  #skipped = 0;

  constructor(init: RehearsalInit) {
    this.#init = init;
    this.#drawn = init.partition.map(() => 0);
    const start = init.model.initialise(this.#seedOf('model'));
    const fixed = Int32Array.from(start, (value) => toFixed(value, init.fractionBits));
    this.#state = initialState(init.optimiser, fixed, init.fractionBits);
    this.#reference = new Int32Array(fixed.length);
    const { codec, model, fractionBits } = init;
    const schema = makeSchema(model.tensors, fractionBits);
    assert(schema.ok, 'a built-in model has a schema');
    this.#codec = codec === undefined ? undefined : new RehearsedCodec(codec, schema.value);
  }

  /** The model as floats. */
  get parameters(): Float32Array {
    return toFloats(this.#state.model, this.#init.fractionBits);
  }

  /** Rounds whose rule had too few updates. */
  get skipped(): number {
    return this.#skipped;
  }

  /** All that was sent so far; undefined without a codec. */
  get traffic(): Traffic | undefined {
    return this.#codec?.traffic;
  }

  /** One round; the mean training loss of its honest clients. */
  step(): number {
    const { pipeline, optimiser, fractionBits, partition, perRound } = this.#init;
    const clients = this.#drawn.map((drawn) => ({ drawn, isAvailable: true }));
    const drawn = drawClients({ clients, count: perRound, seed: this.#seedOf('draw') });
    for (const client of drawn) this.#drawn[client]! += 1;
    const parameters = this.parameters;
    const results = drawn.map((client) => this.#train(client, parameters, partition[client]!));
    const updates = this.#messages(drawn, results);
    const seed = this.#seedOf('buckets');
    const reference = this.#reference;
    const done = aggregate(pipeline, { updates, reference, seed, fractionBits });
    if (done.ok) {
      this.#reference = done.value.values;
      this.#state = advance(optimiser, this.#state, done.value.values, fractionBits);
    } else this.#skipped += 1;
    this.#round += 1;
    const honest = results.filter((_, i) => drawn[i]! >= this.#init.faulty);
    return honest.reduce((sum, { loss }) => sum + loss, 0) / Math.max(1, honest.length);
  }

  #train(client: number, parameters: Float32Array, rows: readonly number[]): LocalResult {
    const { model, data, local, attack, faulty } = this.#init;
    const examples = pick(data, rows);
    const turned = client < faulty ? attack?.label : undefined;
    const labels = examples.labels.map((label) => turned?.(label, model.classes) ?? label);
    const random = new ChaChaWords(this.#seedOf(`client ${client}`));
    const trained = trainLocal(model, parameters, { ...examples, labels }, { ...local, random });
    return { ...trained, delta: this.#smooth(client, trained.delta) };
  }

  /** Momentum across rounds shrinks honest variance, which is what small lies hide in. */
  #smooth(client: number, delta: Float32Array): Float32Array {
    const keep = this.#init.workerMomentum;
    if (keep === 0) return delta;
    const last = this.#smoothed.get(client);
    const next = delta.map((value, k) => keep * (last?.[k] ?? 0) + (1 - keep) * value);
    this.#smoothed.set(client, next);
    return next;
  }

  /** What is sent. A float that is no number cannot be written down: its sender is missing. */
  #messages(drawn: readonly number[], results: readonly LocalResult[]): ClientUpdate[] {
    const { attack, faulty, fractionBits, partition } = this.#init;
    const honest = results.filter((_, i) => drawn[i]! >= faulty).map(({ delta }) => delta);
    const liars = drawn.filter((client) => client < faulty).length;
    const sent = drawn.flatMap((client, i) => {
      const own = results[i]!.delta;
      const lie = client < faulty && honest.length > 0 ? attack : undefined;
      const view = { own, honest, faulty: liars, round: this.#round };
      const floats = lie?.update?.(view) ?? own;
      if (floats.some((value) => !Number.isFinite(value))) return [];
      const count = Math.min(WEIGHT_CAP, Math.max(1, partition[client]!.length));
      const weight = lie?.weight?.(count, WEIGHT_CAP) ?? count;
      const values =
        this.#codec?.send(client, floats, this.#round) ??
        Int32Array.from(floats, (value) => toFixed(value, fractionBits));
      // One byte string counts once: a liar who copies changes a little.
      if (lie !== undefined && lie.isIdentical === undefined)
        values[0]! -= Math.sign(values[0]!) * client;
      return [{ client: u32(client), values, weight, staleness: 0 }];
    });
    return this.#included(sent);
  }

  /** The round's inclusion set; honest clients, who copy nobody, have committed first. */
  #included(sent: readonly ClientUpdate[]): ClientUpdate[] {
    const records = sent.toReversed().map(({ client, values, weight }) => {
      const root = sha256(new Uint8Array(values.buffer));
      const commitment = { client, weight, root, baseRound: this.#round };
      return { kind: 'commitment' as const, commitment };
    });
    const rules = {
      round: this.#round,
      roster: new Set(sent.map(({ client }) => toHex(client))),
      weightMax: WEIGHT_CAP,
      stalenessMax: 0,
      quorum: 1,
      seats: 1,
      faults: 0,
    };
    const { included } = includeBlock(rules, EMPTY_INCLUSION, records).state;
    return sent.filter(({ client }) => included.has(toHex(client)));
  }

  #seedOf(purpose: string): Uint8Array {
    return sha256(utf8(`rehearsal ${this.#init.seed} ${this.#round} ${purpose}`));
  }
}
