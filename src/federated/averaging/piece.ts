/**
 * A piece of a tensor on its way: a member's own values, a sum of several, or the mean
 * (docs/protocol/averaging.md, section 3). Integers all along, so that every member ends with the
 * same bits whatever the tree was.
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { ClientContext, UpdateCodec } from '../codec/codec.ts';
import { makeSchema } from '../codec/schema.ts';
import { roundedMean, toDense, toFixed, WEIGHT_TOTAL_MAX } from '../fixed-point.ts';

const HEADER_BYTES = 8;
const KIND = { integers: 0, sums: 1, container: 2 } as const;

export interface PieceCoding {
  /** Undefined: integers as they are. */
  readonly codec: UpdateCodec | undefined;
  /** Whether means are compressed too: a sparse codec would lose most of them. */
  readonly isDense: boolean;
  readonly fractionBits: number;
  /** 32 bytes that all members know. */
  readonly seed: Uint8Array;
  /** 32 private bytes, new each time. */
  readonly ditherKey: () => Uint8Array;
}

/** What several members' values add up to; exact while all weights stay within 2^20. */
export interface Sums {
  readonly values: Float64Array;
  readonly weight: number;
}

/** Own values, to be counted `weight` times. */
export function encodeOwn(values: Float32Array, weight: number, coding: PieceCoding): Uint8Array {
  const { codec, fractionBits } = coding;
  if (codec !== undefined) {
    return framed(KIND.container, weight, codec.encode(values, contextOf(values.length, coding)));
  }
  return framed(KIND.integers, weight, bytesOf(toIntegers(values, fractionBits)));
}

/** What everybody else reads in `encodeOwn`, added up: a member counts itself as others do. */
export function addPiece(sums: Sums, piece: Uint8Array, coding: PieceCoding): Checked<Sums> {
  const opened = openPiece(piece);
  if (!opened.ok) return opened;
  const { kind, weight, body } = opened.value;
  const { values } = sums;
  const total = sums.weight + weight;
  if (weight < 1 || total > WEIGHT_TOTAL_MAX) return refuse('bad-weight');
  if (kind === KIND.container && coding.codec !== undefined) {
    const into = { sum: values, weight };
    const added = coding.codec.accumulate(body, contextOf(values.length, coding), into);
    return added.ok ? accept({ values, weight: total }) : added;
  }
  if (kind === KIND.integers && coding.codec === undefined && body.length === 4 * values.length) {
    const list = aligned(Int32Array, body);
    for (let k = 0; k < list.length; k++) values[k]! += weight * list[k]!;
    return accept({ values, weight: total });
  }
  if (kind !== KIND.sums || body.length !== 8 * values.length) return refuse('wrong-piece');
  const list = aligned(Float64Array, body);
  const most = weight * (2 ** 31 - 1);
  for (let k = 0; k < list.length; k++) {
    if (!Number.isInteger(list[k]) || Math.abs(list[k]!) > most) return refuse('wrong-piece');
  }
  for (let k = 0; k < list.length; k++) values[k]! += list[k]!;
  return accept({ values, weight: total });
}

export function encodeSums({ values, weight }: Sums): Uint8Array {
  return framed(KIND.sums, weight, bytesOf(values));
}

/** The mean as a piece: what the root sends is what it keeps. */
export function encodeMean({ values, weight }: Sums, coding: PieceCoding): Uint8Array {
  const mean = new Int32Array(values.length);
  for (let k = 0; k < mean.length; k++) mean[k] = roundedMean(values[k]!, weight);
  const { codec, isDense, fractionBits } = coding;
  if (codec === undefined || !isDense) return framed(KIND.integers, weight, bytesOf(mean));
  const step = 2 ** -fractionBits;
  const floats = Float32Array.from({ length: mean.length });
  for (let k = 0; k < mean.length; k++) floats[k] = mean[k]! * step;
  return framed(KIND.container, weight, codec.encode(floats, contextOf(mean.length, coding)));
}

export interface Mean {
  readonly values: Int32Array;
  readonly weight: number;
}

export function decodeMean(
  piece: Uint8Array,
  elements: number,
  coding: PieceCoding,
): Checked<Mean> {
  const opened = openPiece(piece);
  if (!opened.ok) return opened;
  const { kind, weight, body } = opened.value;
  const isCompressed = coding.codec !== undefined && coding.isDense;
  if (isCompressed && kind === KIND.container) {
    const decoded = coding.codec!.decode(body, contextOf(elements, coding));
    return decoded.ok ? accept({ values: toDense(decoded.value), weight }) : decoded;
  }
  const isRight = !isCompressed && kind === KIND.integers && body.length === 4 * elements;
  return isRight ? accept({ values: aligned(Int32Array, body), weight }) : refuse('wrong-piece');
}

function openPiece(piece: Uint8Array) {
  if (piece.length < HEADER_BYTES) return refuse('too-short');
  const view = new DataView(piece.buffer, piece.byteOffset, HEADER_BYTES);
  const [kind, weight] = [view.getUint32(0, true), view.getUint32(4, true)];
  return accept({ kind, weight, body: piece.subarray(HEADER_BYTES) });
}

function framed(kind: number, weight: number, body: Uint8Array): Uint8Array {
  const piece = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(piece.buffer);
  view.setUint32(0, kind, true);
  view.setUint32(4, weight, true);
  piece.set(body, HEADER_BYTES);
  return piece;
}

function contextOf(
  elements: number,
  { fractionBits, seed, ditherKey }: PieceCoding,
): ClientContext {
  const schema = makeSchema([{ name: 'piece', shape: [elements] }], fractionBits);
  if (!schema.ok) throw new Error(`bug: no schema of a piece: ${schema.reason}`);
  return { schema: schema.value, round: 0, seed, ditherKey: ditherKey() };
}

function toIntegers(values: Float32Array, fractionBits: number): Int32Array {
  const integers = new Int32Array(values.length);
  for (let k = 0; k < values.length; k++) integers[k] = toFixed(values[k]!, fractionBits);
  return integers;
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Numbers of a body, in place where its alignment allows. */
function aligned<T extends Int32Array | Float64Array>(
  type: { new (buffer: ArrayBuffer, offset: number, length: number): T; BYTES_PER_ELEMENT: number },
  body: Uint8Array,
): T {
  const { BYTES_PER_ELEMENT: size } = type;
  const at = body.byteOffset % size === 0 ? body : body.slice();
  return new type(at.buffer as ArrayBuffer, at.byteOffset, at.length / size);
}
