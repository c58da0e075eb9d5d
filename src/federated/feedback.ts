/**
 * Error feedback: what a client does with the part of its update that the message did not carry.
 * Five forms, one per codec; pure functions from a memory and a gradient to a message and the next
 * memory (docs/protocol/federated-codec.md, "Error feedback").
 */
import { KadreError } from '../base/errors.ts';
import type { ClientContext, UpdateCodec } from './codec/codec.ts';
import type { CodecSpec } from './codec/codec-spec.ts';
import { addToEstimate, toDense, type Update } from './fixed-point.ts';

/** What a client keeps between rounds. A memory belongs to one model and one codec. */
export type FeedbackMemory =
  | { readonly form: 'none' }
  | { readonly form: 'ef14'; readonly residual: Float32Array }
  /** In units of 2^-F: the receiver holds the same integers. */
  | { readonly form: 'ef21'; readonly estimate: Int32Array }
  | { readonly form: 'momentum'; readonly momentum: Float32Array }
  | { readonly form: 'dgc'; readonly velocity: Float32Array; readonly pending: Float32Array };

export interface FeedbackMessage {
  readonly bytes: Uint8Array;
  /** What the receiver reads in `bytes`. */
  readonly sent: Update;
  readonly memory: FeedbackMemory;
}

/** The memory of a client's first round, and of its next one after a missed deadline. */
export function freshMemory({ feedback }: CodecSpec, elements: number): FeedbackMemory {
  const zeros = () => new Float32Array(elements);
  switch (feedback) {
    case 'none':
      return { form: 'none' };
    case 'ef14':
      return { form: 'ef14', residual: zeros() };
    case 'ef21':
      return { form: 'ef21', estimate: new Int32Array(elements) };
    case 'momentum':
      return { form: 'momentum', momentum: zeros() };
    case 'dgc':
      return { form: 'dgc', velocity: zeros(), pending: zeros() };
  }
}

export interface FeedbackInit {
  readonly spec: Pick<CodecSpec, 'momentum' | 'clip'>;
  readonly codec: UpdateCodec;
  readonly context: ClientContext;
}

/**
 * One round of a client: the message for `gradient` (which may be a whole local update) and the
 * memory for the next. Throws BAD_UPDATE like the codec. Nothing given is changed.
 */
export function compress(
  gradient: Float32Array,
  memory: FeedbackMemory,
  init: FeedbackInit,
): FeedbackMessage {
  const { codec, context } = init;
  const { fractionBits } = context.schema;
  const send = (x: Float32Array) => {
    const bytes = codec.encode(x, context);
    const decoded = codec.decode(bytes, context);
    if (!decoded.ok) throw new Error(`bug: our own message is refused: ${decoded.reason}`);
    return { bytes, sent: decoded.value };
  };
  switch (memory.form) {
    case 'none':
      return { ...send(gradient), memory };
    case 'ef14': {
      const x = plus(memory.residual, gradient);
      const message = send(x);
      const residual = minus(x, message.sent, fractionBits);
      return { ...message, memory: { form: 'ef14', residual } };
    }
    case 'ef21': {
      const estimate = memory.estimate.slice();
      const step = 2 ** -fractionBits;
      const message = send(gradient.map((g, i) => g - Math.fround(estimate[i]! * step)));
      const next = addToEstimate(estimate, message.sent);
      if (!next.ok) throw new KadreError({ code: 'BAD_UPDATE' }, 'the estimate left its range');
      return { ...message, memory: { form: 'ef21', estimate } };
    }
    case 'momentum': {
      const x = plus(scaled(memory.momentum, init.spec.momentum), gradient);
      const message = send(x);
      const momentum = minus(x, message.sent, fractionBits);
      return { ...message, memory: { form: 'momentum', momentum } };
    }
    case 'dgc': {
      const clipped = clipToNorm(gradient, init.spec.clip);
      const velocity = plus(scaled(memory.velocity, init.spec.momentum), clipped);
      const pending = plus(memory.pending, velocity);
      const message = send(pending);
      return { ...message, memory: masked(velocity, pending, message.sent, fractionBits) };
    }
  }
}

/** Both buffers of DGC: what was sent leaves `pending`, and its momentum is forgotten. */
function masked(
  velocity: Float32Array,
  pending: Float32Array,
  sent: Update,
  fractionBits: number,
): FeedbackMemory {
  const dense = toDense(sent);
  return {
    form: 'dgc',
    velocity: velocity.map((value, i) => (dense[i] === 0 ? value : 0)),
    pending: minus(pending, sent, fractionBits),
  };
}

function plus(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + b[i]!);
}

function scaled(a: Float32Array, factor: number): Float32Array {
  const rounded = Math.fround(factor);
  return a.map((value) => value * rounded);
}

/** x - sent, each element one rounding of two binary32 values. */
function minus(x: Float32Array, sent: Update, fractionBits: number): Float32Array {
  const step = 2 ** -fractionBits;
  const rest = x.slice();
  for (let i = 0; i < sent.values.length; i++) {
    const at = sent.form === 'sparse' ? sent.indices[i]! : i;
    rest[at] = x[at]! - Math.fround(sent.values[i]! * step);
  }
  return rest;
}

/** g, or g shortened to a Euclidean norm of `clip`. */
function clipToNorm(g: Float32Array, clip: number): Float32Array {
  const norm = Math.sqrt(g.reduce((sum, value) => sum + value * value, 0));
  return norm > clip ? scaled(g, clip / norm) : g;
}
