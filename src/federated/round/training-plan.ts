/**
 * What a training is, fixed before its first round: one canonical plan, whose hash is the
 * training's id (docs/protocol/federated-round.md, section 2).
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { DIGEST_BYTES, type Digest, NODE_ID_BYTES } from '../../base/ids.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import { LIMITS } from '../../wire/limits.ts';
import { bytes, bytesUpTo, type Infer, integer, oneOf, struct, text } from '../../wire/shape.ts';
import { TAGS } from '../../wire/tags.ts';
import { parseCodec } from '../codec/codec-spec.ts';
import { ELEMENTS_MAX } from '../codec/schema.ts';
import { FRACTION_BITS_MAX, FRACTION_BITS_MIN, WEIGHT_TOTAL_MAX } from '../fixed-point.ts';
import { formatOptimiser } from '../optimiser/optimiser-text.ts';
import { checkRule } from '../rule/check-rule.ts';
import { UPDATES_MAX } from '../rule/pipeline.ts';
import { formatPipeline } from '../rule/rule-text.ts';
import { type RoundMachine, type RoundParameters, roundMachine } from './aggregate-round.ts';

export const ROUNDS_MAX = 100_000;
const SCHEMA_BYTES_MAX = 4 * 2 ** 20;
export const PLAN_BYTES_MAX = SCHEMA_BYTES_MAX + 65_536;
const NANO = 1e9;

/** A number as JavaScript prints it: one spelling of each. */
const NUMBER = /^-?\d{1,17}(?:\.\d{1,24})?(?:e[+-]\d{1,3})?$/;
const spec = text(4096);

export const trainingPlanShape = struct({
  v: oneOf(1),
  network: text(64),
  coordinator: bytes(NODE_ID_BYTES),
  /** `mlp:hidden=64`; empty for a model that only its makers know. */
  model: text(256),
  schema: bytesUpTo(SCHEMA_BYTES_MAX),
  features: integer(0, ELEMENTS_MAX),
  classes: integer(0, ELEMENTS_MAX),
  codec: spec,
  rule: spec,
  optimiser: spec,
  fractionBits: integer(FRACTION_BITS_MIN, FRACTION_BITS_MAX),
  rounds: integer(1, ROUNDS_MAX),
  clients: integer(1, UPDATES_MAX),
  quorum: integer(1, UPDATES_MAX),
  faulty: integer(0, UPDATES_MAX),
  deadlineMs: integer(10, 86_400_000),
  weightMax: integer(1, WEIGHT_TOTAL_MAX),
  job: struct({
    replicas: integer(1, LIMITS.replicasMax),
    quorum: integer(1, LIMITS.replicasMax),
    cadre: integer(1, LIMITS.cadreSeatsMax),
  }),
  local: struct({
    epochs: integer(1, 1000),
    batch: integer(1, 65_536),
    rateNanos: integer(1, 100 * NANO),
    momentumNanos: integer(0, NANO),
  }),
  spread: struct({ mean: text(32, NUMBER), deviation: text(32, NUMBER) }),
  state: bytes(DIGEST_BYTES),
  nonce: bytes(16),
});
export type TrainingPlan = Infer<typeof trainingPlanShape>;

/** A plan whose parts fit together. */
export interface OpenTraining {
  readonly plan: TrainingPlan;
  readonly encoded: Uint8Array;
  readonly id: Digest;
  /** Of round 0: what does not change from round to round is read from here. */
  readonly first: RoundMachine;
}

/**
 * Reasons: those of decoding, of `roundMachine` and of `checkRule`; `not-canonical` for a text that
 * is not in its one form, `bad-weight`, `bad-quorum`.
 */
export function openTraining(encoded: Uint8Array): Checked<OpenTraining> {
  const decoded = decodeCanonical(encoded, trainingPlanShape, PLAN_BYTES_MAX);
  if (!decoded.ok) return decoded;
  const plan = decoded.value;
  const id = taggedHash(TAGS.training, encoded);
  const machine = roundMachine(parametersOf(plan, id, { round: 0, parent: id }), plan.schema);
  if (!machine.ok) return machine;
  const { pipeline, optimiser } = machine.value;
  const codec = parseCodec(plan.codec);
  const forms = [codec.text, formatPipeline(pipeline), formatOptimiser(optimiser)];
  const isCanonical = equalTexts(forms, [plan.codec, plan.rule, plan.optimiser]);
  if (!isCanonical) return refuse('not-canonical', 'reject', `canonical: ${forms.join(' ')}`);
  if (plan.quorum > plan.clients) return refuse('bad-quorum');
  if (plan.clients * plan.weightMax > WEIGHT_TOTAL_MAX) return refuse('bad-weight');
  const { quorum, faulty: maxFaulty } = plan;
  const safe = checkRule({ pipeline, codec, quorum, maxFaulty });
  return safe.ok ? accept({ plan, encoded, id, first: machine.value }) : safe;
}

export const encodePlan = (plan: TrainingPlan): Uint8Array => encodeCanonical(plan);

/** The kernel's parameters in one round of a plan. */
export function parametersOf(
  plan: TrainingPlan,
  training: Digest,
  { round, parent }: { readonly round: number; readonly parent: Digest },
): RoundParameters {
  const { codec, rule, optimiser, fractionBits } = plan;
  const [id, before] = [toHex(training), toHex(parent)];
  return { codec, rule, optimiser, fractionBits, round, training: id, parent: before };
}

/** What one round of an open training is computed with. */
export function machineOf(
  { plan, id, first }: OpenTraining,
  place: { readonly round: number; readonly parent: Digest },
): RoundMachine {
  if (place.round === 0 && equalBytes(place.parent, id)) return first;
  const machine = roundMachine(parametersOf(plan, id, place), plan.schema);
  if (!machine.ok) throw new Error(`bug: an open plan is refused: ${machine.reason}`);
  return machine.value;
}

/** Bytes of one container that a coordinator fetches: more than any codec of d elements needs. */
export const updateBytesMax = (elements: number): number => 4 * elements + 65_536;

function equalTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.every((one, i) => one === b[i]);
}
