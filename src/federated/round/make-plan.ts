/** From what a user asks for to a plan: defaults, canonical texts, and whether it is safe. */
import { KadreError } from '../../base/errors.ts';
import type { NodeId } from '../../base/ids.ts';
import { blobRoot } from '../../blob/tree.ts';
import { parseCodec } from '../codec/codec-spec.ts';
import type { Tensor } from '../codec/schema.ts';
import type { Spread } from '../data/dataset.ts';
import { nanosOf } from '../decimal.ts';
import { FRACTION_BITS_DEFAULT, WEIGHT_TOTAL_MAX } from '../fixed-point.ts';
import { checkOptimiser } from '../optimiser/optimiser.ts';
import { formatOptimiser, parseOptimiser } from '../optimiser/optimiser-text.ts';
import { DEFAULT_PIPELINE, isEnough, type Pipeline } from '../rule/pipeline.ts';
import { formatPipeline, parsePipeline } from '../rule/rule-text.ts';
import { encodeTensors } from './aggregate-round.ts';
import { firstState } from './round-state.ts';
import { encodePlan, type OpenTraining, openTraining } from './training-plan.ts';

export interface PlanWishes {
  readonly rounds: number;
  /** Seats for clients, 1 to 512. */
  readonly clients: number;
  /** Default `q8`. */
  readonly codec?: string | undefined;
  /** Default `bucket:size=2+centered-clip:steps=3,radius=median`. */
  readonly aggregator?: string | undefined;
  /** Default `fedavg:rate=1`. */
  readonly optimiser?: string | undefined;
  /** Fewest updates of a round. Default: two thirds of the clients, or what the rule needs. */
  readonly quorum?: number | undefined;
  /** Liars among a quorum that the rule must be able to withstand. Default 0. */
  readonly faulty?: number | undefined;
  /** Of a round. Default 60 s. */
  readonly deadlineMs?: number | undefined;
  /** Default: 1000, or less where clients are many. */
  readonly weightMax?: number | undefined;
  /** Workers per round, those that must agree, seats. Default 3, 2, 4. */
  readonly replicas?: number | undefined;
  readonly agree?: number | undefined;
  readonly cadre?: number | undefined;
  readonly epochs?: number | undefined;
  readonly batch?: number | undefined;
  /** Step length of local descent. Default 0.1. */
  readonly rate?: number | undefined;
  readonly momentum?: number | undefined;
  readonly fractionBits?: number | undefined;
}

export interface PlanFacts {
  readonly network: string;
  readonly coordinator: NodeId;
  /** Canonical; empty for a model of one's own. */
  readonly model: string;
  readonly tensors: readonly Tensor[];
  readonly features: number;
  readonly classes: number;
  readonly initial: Float32Array;
  readonly spread: Spread;
  readonly nonce: Uint8Array;
}

/** Errors: BAD_CODEC; UNSAFE_PLAN for everything else that is wrong with the wishes. */
export function makePlan(
  wishes: PlanWishes,
  facts: PlanFacts,
): { readonly training: OpenTraining; readonly state: Int32Array } {
  const { fractionBits = FRACTION_BITS_DEFAULT } = wishes;
  const rule = pipelineOf(wishes.aggregator);
  const named = required(parseOptimiser(wishes.optimiser ?? 'fedavg'));
  const optimiser = required(checkOptimiser(named, fractionBits));
  const state = firstState(optimiser, facts.initial, fractionBits);
  const { network, coordinator, model, features, classes, nonce, spread } = facts;
  const { rounds, clients, faulty = 0, deadlineMs = 60_000 } = wishes;
  const encoded = encodePlan({
    v: 1,
    network,
    coordinator,
    model,
    schema: encodeTensors(facts.tensors),
    features,
    classes,
    codec: parseCodec(wishes.codec ?? 'q8').text,
    rule: formatPipeline(rule),
    optimiser: formatOptimiser(optimiser),
    fractionBits,
    rounds,
    clients,
    quorum: wishes.quorum ?? quorumFor(rule, clients),
    faulty,
    deadlineMs,
    weightMax: wishes.weightMax ?? Math.min(1000, Math.floor(WEIGHT_TOTAL_MAX / clients)),
    job: {
      replicas: wishes.replicas ?? 3,
      quorum: wishes.agree ?? Math.min(2, wishes.replicas ?? 2),
      cadre: wishes.cadre ?? 4,
    },
    local: {
      epochs: wishes.epochs ?? 1,
      batch: wishes.batch ?? 32,
      rateNanos: nanosOf(wishes.rate ?? 0.1),
      momentumNanos: nanosOf(wishes.momentum ?? 0),
    },
    spread: { mean: String(spread.mean), deviation: String(spread.deviation) },
    state: blobRoot(new Uint8Array(state.buffer)),
    nonce,
  });
  return { training: required(openTraining(encoded)), state };
}

function pipelineOf(text: string | undefined): Pipeline {
  return text === undefined ? DEFAULT_PIPELINE : required(parsePipeline(text));
}

/** Two thirds, unless the rule needs more. */
function quorumFor(rule: Pipeline, clients: number): number {
  let quorum = Math.max(1, Math.ceil((2 * clients) / 3));
  while (quorum < clients && !isEnough(rule, quorum)) quorum += 1;
  return quorum;
}

type Verdict<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly detail?: string };

function required<T>(checked: Verdict<T>): T {
  if (checked.ok) return checked.value;
  const { reason, detail = reason } = checked;
  throw new KadreError({ code: 'UNSAFE_PLAN', data: { reason } }, `unsafe plan: ${detail}`);
}
