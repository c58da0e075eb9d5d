/**
 * What every gradient codec is: floats to one byte string on the client, and that byte string to
 * integers, the same everywhere (docs/protocol/federated-codec.md).
 */
import { KadreError } from '../../base/errors.ts';
import { accept, type Checked } from '../../base/verdict.ts';
import { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { accumulate, type Update } from '../fixed-point.ts';
import type { BlockCoding } from './blocks.ts';
import type { BlockSections, CodecKernels } from './kernels.ts';
import type { UpdateSchema } from './schema.ts';

/** What everybody knows about a round. */
export interface RoundContext {
  readonly schema: UpdateSchema;
  readonly round: number;
  /** 32 public bytes: masks and starting matrices follow from it. */
  readonly seed: Uint8Array;
}

export interface ClientContext extends RoundContext {
  /** 32 private bytes, new for every message: stochastic rounding. QSGD and ternary need them. */
  readonly ditherKey?: Uint8Array;
  /** The client's own last message: PowerSGD starts from its factors. */
  readonly previous?: Uint8Array;
}

export interface UpdateCodec {
  /**
   * The container of a vector of `schema.elements` finite values. Throws BAD_UPDATE for another
   * length, a NaN or an infinity; values beyond the range of elements saturate.
   */
  encode(x: Float32Array, context: ClientContext): Uint8Array;
  /** The one meaning of a container, or the reason why it has none. Any bytes may be given. */
  decode(bytes: Uint8Array, context: RoundContext): Checked<Update>;
  /**
   * sum += weight · decode(bytes), exactly while all weights together stay within
   * WEIGHT_TOTAL_MAX; dense blocks are never unpacked for it. A refused message leaves `sum` as it
   * was. `sum` has one integer per element.
   */
  accumulate(bytes: Uint8Array, context: RoundContext, into: WeightedSum): Checked<Float64Array>;
  /**
   * Where a message is dense blocks and nothing else: these, in place. Its header has been judged,
   * the blocks have not.
   */
  blocks?(bytes: Uint8Array, context: RoundContext): Checked<PackedBlocks>;
}

export interface PackedBlocks {
  readonly sections: BlockSections;
  readonly coding: BlockCoding;
}

export interface WeightedSum {
  readonly sum: Float64Array;
  /** Integer, 1..2^20. */
  readonly weight: number;
}

/** What a codec must bring; `accumulate` follows from `decode` where it has nothing faster. */
export type MessageCodec = Pick<UpdateCodec, 'encode' | 'decode'> &
  Partial<Pick<UpdateCodec, 'accumulate' | 'blocks'>>;

export function completeCodec(codec: MessageCodec): UpdateCodec {
  return { accumulate: accumulateDecoded, ...codec };

  function accumulateDecoded(bytes: Uint8Array, context: RoundContext, into: WeightedSum) {
    const update = codec.decode(bytes, context);
    if (!update.ok) return update;
    accumulate(into.sum, update.value, into.weight);
    return accept(into.sum);
  }
}

/** Throws BAD_UPDATE unless `x` is a vector that a codec may encode. */
export function requireUpdate(
  x: Float32Array,
  { elements }: UpdateSchema,
  kernels: Pick<CodecKernels, 'firstNotFinite'>,
): void {
  if (x.length !== elements) {
    throw new KadreError(
      { code: 'BAD_UPDATE' },
      `the update has ${x.length} of ${elements} values`,
    );
  }
  const at = kernels.firstNotFinite(x);
  if (at < elements) throw new KadreError({ code: 'BAD_UPDATE' }, `element ${at} is ${x[at]}`);
}

/** The client's private words; BAD_UPDATE when there is no key. */
export function ditherWords({ ditherKey }: ClientContext): ChaChaWords {
  if (ditherKey === undefined) {
    throw new KadreError({ code: 'BAD_UPDATE' }, 'stochastic rounding needs a private key');
  }
  return new ChaChaWords(ditherKey);
}

/** Values clamped to the range of elements, so that products of them stay finite. */
export function saturate(x: Float32Array, fractionBits: number): Float32Array {
  const limit = 2 ** (31 - fractionBits);
  const clamped = new Float32Array(x.length);
  for (let i = 0; i < x.length; i++) clamped[i] = Math.max(-limit, Math.min(limit, x[i]!));
  return clamped;
}
