/**
 * A round from its bytes: statements, updates and state in, next state and trace out. What the
 * kernel computes, what the coordinator checks before it asks, what a replay repeats
 * (docs/protocol/federated-round.md, section 5).
 */
import { equalBytes, fromHex } from '../../base/bytes.ts';
import type { Digest } from '../../base/ids.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import { integer, list, type Shape, text } from '../../wire/shape.ts';
import { TAGS } from '../../wire/tags.ts';
import type { RoundContext, UpdateCodec } from '../codec/codec.ts';
import { codecOf, parseCodec } from '../codec/codec-spec.ts';
import type { CodecKernels } from '../codec/kernels.ts';
import { makeSchema, type Tensor, type UpdateSchema } from '../codec/schema.ts';
import { checkOptimiser, type Optimiser } from '../optimiser/optimiser.ts';
import { parseOptimiser } from '../optimiser/optimiser-text.ts';
import { aggregateBasis } from '../rule/aggregate.ts';
import type { Decision } from '../rule/decide.ts';
import type { Pipeline } from '../rule/pipeline.ts';
import { parsePipeline } from '../rule/rule-text.ts';
import { REFERENCE_ROUND_KERNELS, type RoundKernels } from './round-kernels.ts';
import { isState, rowsOfState } from './round-state.ts';
import { decodeStatements, type RoundPlace, type SignedStatement } from './statement.ts';

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
  codecs?: CodecKernels,
): Checked<RoundMachine> {
  const { fractionBits, round } = parameters;
  const schema = decodeTensors(schemaBytes, fractionBits);
  if (!schema.ok) return schema;
  const codec = statelessCodec(parameters.codec, codecs);
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
export function statelessCodec(spec: string, kernels?: CodecKernels): Checked<UpdateCodec> {
  try {
    const parsed = parseCodec(spec);
    return parsed.feedback === 'ef21' ? refuse('stateful-codec') : accept(codecOf(parsed, kernels));
  } catch (cause) {
    return refuse('bad-codec', 'reject', (cause as Error).message);
  }
}

/**
 * Reasons: those of statements, containers, codecs and rules; `wrong-length`, `wrong-root`,
 * `wrong-state`.
 */
export function aggregateRound(
  parameters: RoundParameters,
  inputs: RoundInputs,
): Checked<RoundOutcome> {
  return aggregateRoundBy(REFERENCE_ROUND_KERNELS, parameters, inputs);
}

/** The same, by these kernels. */
export function aggregateRoundBy<Vector>(
  kernels: RoundKernels<Vector>,
  parameters: RoundParameters,
  inputs: RoundInputs,
): Checked<RoundOutcome> {
  const machine = roundMachine(parameters, inputs.schema, kernels.codecs);
  if (!machine.ok) return machine;
  const { place, codec, pipeline, optimiser, context } = machine.value;
  const { elements, fractionBits } = context.schema;
  const { state, statements } = inputs;
  if (state.length !== elements * rowsOfState(optimiser)) return refuse('wrong-state');
  if (!isState(state, optimiser)) return refuse('wrong-state');
  const signed = decodeStatements(statements, place);
  if (!signed.ok) return signed;
  const containers = containersOf(signed.value, inputs.updates, kernels);
  if (!containers.ok) return containers;
  const updates = kernels.openUpdates(containers.value, codec, context);
  if (!updates.ok) return updates;
  const basis = { reference: state.subarray(elements, 2 * elements), updates: updates.value };
  const arrivals = signed.value.map(({ statement }) => ({
    weight: statement.weight,
    staleness: 0,
  }));
  const seed = taggedHash(TAGS.bucketSeed, place.parent, statements);
  const done = aggregateBasis(pipeline, basis, { arrivals, seed, fractionBits }, kernels);
  if (!done.ok) return done;
  const { values: aggregate, decision } = done.value;
  return accept({
    state: kernels.advanceState({ optimiser, state, aggregate, fractionBits }),
    trace: taggedHash(TAGS.ruleTrace, encodeCanonical(decision)),
    decision,
  });
}

/** The bytes that each statement speaks of, once they are known to be these. */
function containersOf<Vector>(
  signed: readonly SignedStatement[],
  updates: Uint8Array,
  kernels: RoundKernels<Vector>,
): Checked<readonly Uint8Array[]> {
  const total = signed.reduce((sum, { statement }) => sum + statement.bytes, 0);
  if (total !== updates.length) return refuse('wrong-length');
  let end = 0;
  const containers = signed.map(({ statement }) => {
    end += statement.bytes;
    return updates.subarray(end - statement.bytes, end);
  });
  const roots = kernels.blobRoots(containers);
  const isTheirs = signed.every(({ statement }, i) => equalBytes(roots[i]!, statement.root));
  return isTheirs ? accept(containers) : refuse('wrong-root');
}
