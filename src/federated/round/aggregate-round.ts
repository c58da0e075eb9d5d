/**
 * A round from its bytes: statements, updates and state in, next state and trace out. What the
 * kernel computes, what the coordinator checks before it asks, what a replay repeats
 * (docs/protocol/federated-round.md, section 5).
 */
import { equalBytes, fromHex } from '../../base/bytes.ts';
import type { Digest } from '../../base/ids.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { blobRoot } from '../../blob/tree.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import { integer, list, type Shape, text } from '../../wire/shape.ts';
import { TAGS } from '../../wire/tags.ts';
import type { RoundContext, UpdateCodec } from '../codec/codec.ts';
import { codecOf, parseCodec } from '../codec/codec-spec.ts';
import { makeSchema, type Tensor, type UpdateSchema } from '../codec/schema.ts';
import { toDense } from '../fixed-point.ts';
import { advance, checkOptimiser, type Optimiser } from '../optimiser/optimiser.ts';
import { parseOptimiser } from '../optimiser/optimiser-text.ts';
import { aggregate, type ClientUpdate } from '../rule/aggregate.ts';
import type { Decision } from '../rule/decide.ts';
import type { Pipeline } from '../rule/pipeline.ts';
import { parsePipeline } from '../rule/rule-text.ts';
import { packState, rowsOfState, unpackState } from './round-state.ts';
import { decodeStatements, type RoundPlace } from './statement.ts';

/** The parameters of `fed.aggregate@1`. */
export interface RoundParameters {
  readonly codec: string;
  readonly rule: string;
  readonly optimiser: string;
  readonly fractionBits: number;
  readonly round: number;
  readonly training: string;
  readonly parent: string;
}

/** The inputs of `fed.aggregate@1`. */
export interface RoundInputs {
  readonly schema: Uint8Array;
  readonly state: Int32Array;
  readonly statements: Uint8Array;
  readonly updates: Uint8Array;
}

export interface RoundOutcome {
  readonly state: Int32Array;
  readonly trace: Digest;
  readonly decision: Decision;
}

const SCHEMA_BYTES_MAX = 4 * 2 ** 20;
const tensorShape = list(
  ((value, path) =>
    typeof value === 'string' ? text(256)(value, path) : extents(value, path)) as Shape<unknown>,
  2,
  2,
);
const extents = list(integer(1, 2 ** 30), 8);

export function encodeTensors(tensors: readonly Tensor[]): Uint8Array {
  return encodeCanonical(tensors.map(({ name, shape }) => [name, [...shape]]));
}

/** Reasons: those of decoding, `bad-schema`. */
export function decodeTensors(encoded: Uint8Array, fractionBits: number): Checked<UpdateSchema> {
  const decoded = decodeCanonical(encoded, list(tensorShape, 4096, 1), SCHEMA_BYTES_MAX);
  if (!decoded.ok) return decoded;
  const tensors: Tensor[] = [];
  for (const [name, shape] of decoded.value) {
    if (typeof name !== 'string' || !Array.isArray(shape)) return refuse('bad-schema');
    tensors.push({ name, shape });
  }
  return makeSchema(tensors, fractionBits);
}

export interface RoundMachine {
  readonly place: RoundPlace;
  readonly codec: UpdateCodec;
  readonly pipeline: Pipeline;
  readonly optimiser: Optimiser;
  readonly context: RoundContext;
}

/** Reasons: `bad-codec`, `stateful-codec`, `bad-spec`, `bad-optimiser`, of `decodeTensors`. */
export function roundMachine(
  parameters: RoundParameters,
  schemaBytes: Uint8Array,
): Checked<RoundMachine> {
  const { fractionBits, round } = parameters;
  const schema = decodeTensors(schemaBytes, fractionBits);
  if (!schema.ok) return schema;
  const codec = statelessCodec(parameters.codec);
  if (!codec.ok) return codec;
  const pipeline = parsePipeline(parameters.rule);
  if (!pipeline.ok) return pipeline;
  const named = parseOptimiser(parameters.optimiser);
  if (!named.ok) return named;
  const optimiser = checkOptimiser(named.value, fractionBits);
  if (!optimiser.ok) return optimiser;
  const [training, parent] = [fromHex(parameters.training)!, fromHex(parameters.parent)!];
  const seed = taggedHash(TAGS.updateSeed, training, parent);
  return accept({
    place: { training, round, parent },
    codec: codec.value,
    pipeline: pipeline.value,
    optimiser: optimiser.value,
    context: { schema: schema.value, round, seed },
  });
}

/** EF21 needs an estimate per client at every replica, which no round carries. */
export function statelessCodec(spec: string): Checked<UpdateCodec> {
  try {
    const parsed = parseCodec(spec);
    return parsed.feedback === 'ef21' ? refuse('stateful-codec') : accept(codecOf(parsed));
  } catch (cause) {
    return refuse('bad-codec', 'reject', (cause as Error).message);
  }
}

/** Reasons: those of statements, containers, codecs and rules; `wrong-length`, `wrong-root`. */
export function aggregateRound(
  parameters: RoundParameters,
  inputs: RoundInputs,
): Checked<RoundOutcome> {
  const machine = roundMachine(parameters, inputs.schema);
  if (!machine.ok) return machine;
  const { place, pipeline, optimiser, context } = machine.value;
  const { elements, fractionBits } = context.schema;
  if (inputs.state.length !== elements * rowsOfState(optimiser)) return refuse('wrong-state');
  const updates = readUpdates(machine.value, inputs);
  if (!updates.ok) return updates;
  const state = unpackState(inputs.state, optimiser);
  const done = aggregate(pipeline, {
    updates: updates.value,
    reference: state.aggregate,
    seed: taggedHash(TAGS.bucketSeed, place.parent, inputs.statements),
    fractionBits,
  });
  if (!done.ok) return done;
  const { values, decision } = done.value;
  const next = advance(optimiser, state, values, fractionBits);
  return accept({
    state: packState({ ...next, aggregate: values }),
    trace: taggedHash(TAGS.ruleTrace, encodeCanonical(decision)),
    decision,
  });
}

function readUpdates(
  { place, codec, context }: RoundMachine,
  { statements, updates }: RoundInputs,
): Checked<ClientUpdate[]> {
  const signed = decodeStatements(statements, place);
  if (!signed.ok) return signed;
  const total = signed.value.reduce((sum, { statement }) => sum + statement.bytes, 0);
  if (total !== updates.length) return refuse('wrong-length');
  const read: ClientUpdate[] = [];
  let offset = 0;
  for (const { statement } of signed.value) {
    const container = updates.slice(offset, offset + statement.bytes);
    offset += statement.bytes;
    if (!equalBytes(blobRoot(container), statement.root)) return refuse('wrong-root');
    const decoded = codec.decode(container, context);
    if (!decoded.ok) return decoded;
    const values = toDense(decoded.value);
    read.push({ client: statement.client, weight: statement.weight, staleness: 0, values });
  }
  return accept(read);
}
