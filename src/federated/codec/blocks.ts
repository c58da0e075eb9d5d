/**
 * Blocks of values under one scale each: floats to codes on the client, codes to integers
 * everywhere. What makes a block canonical is decided here, for both directions
 * (docs/protocol/federated-codec.md, "One byte string per value" and 3.1).
 */

import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { ELEMENT_MAX, roundHalfEven } from '../fixed-point.ts';
import { type Fit, fitScale, type Span } from './block-fit.ts';
import { isTable, type Levels, refusedCode } from './levels.ts';
import { gcd, isNormalScale, limitScale, nearestScale, scaleValue } from './scale.ts';

export interface BlockCoding {
  readonly levels: Levels;
  readonly fit: Fit;
  /** Values per scale, as a power of two. */
  readonly blockLog2: number;
  /** In sparse lists no value is zero, so no scale is. */
  readonly sparse: boolean;
}

export interface CodedBlocks {
  /** One per block. */
  readonly scales: Uint16Array;
  /** One per value, unpacked. */
  readonly codes: Uint8Array;
}

export function blockCount(values: number, blockLog2: number): number {
  return Math.ceil(values / 2 ** blockLog2);
}

export interface EncodeBlocksInit {
  readonly fractionBits: number;
  /** Words of the client's private key; needed by the fit `norm` alone. */
  readonly dither?: ChaChaWords;
}

/** Finite binary32 values to canonical blocks. */
export function encodeBlocks(
  x: Float32Array,
  coding: BlockCoding,
  init: EncodeBlocksInit,
): CodedBlocks {
  const { levels, blockLog2 } = coding;
  const size = 2 ** blockLog2;
  const scales = new Uint16Array(blockCount(x.length, blockLog2));
  const codes = new Uint8Array(x.length);
  const chosen = new Int16Array(Math.min(size, x.length));
  for (let block = 0; block < scales.length; block++) {
    const from = block * size;
    const span = { x, from, to: Math.min(from + size, x.length) };
    const scale = chooseLevels(span, coding, init, chosen);
    scales[block] = scale;
    if (scale === 0) continue;
    for (let i = from; i < span.to; i++) codes[i] = codeOf(chosen[i - from]!, levels);
  }
  return { scales, codes };
}

/** Fills `chosen` with the levels of one block; returns its canonical scale, 0 for zeros. */
function chooseLevels(
  span: Span,
  coding: BlockCoding,
  init: EncodeBlocksInit,
  chosen: Int16Array,
): number {
  const { levels, fit, sparse } = coding;
  let scale = fitScale(span, levels, fit, init.fractionBits);
  if (scale === 0 && (sparse || levels.kind === 'even')) scale = 1;
  if (fit === 'norm') ditherLevels(span, levels, { ...init, scale }, chosen);
  if (scale === 0) return 0;
  const inverse = Math.fround(2 ** init.fractionBits / scaleValue(scale));
  if (fit !== 'norm') {
    for (let i = span.from; i < span.to; i++) {
      const y = Math.fround(span.x[i]! * inverse);
      chosen[i - span.from] = nearestLevel(y, span.x[i]! < 0, levels);
    }
  }
  return canonical(chosen.subarray(0, span.to - span.from), levels, scale);
}

/** `negative` is the sign of what was scaled: y itself may have vanished. */
function nearestLevel(y: number, negative: boolean, levels: Levels): number {
  if (levels.kind === 'even') {
    return Math.max(-levels.max, Math.min(levels.max, roundHalfEven(clampWide(y))));
  }
  const magnitude = Math.abs(y);
  const { magnitudes } = levels;
  let j = 0;
  if (levels.kind === 'odd') {
    j = Math.min(Math.floor(magnitude / 2), magnitudes.length - 1);
  } else {
    while (j + 1 < magnitudes.length && magnitude >= (magnitudes[j]! + magnitudes[j + 1]!) / 2) {
      j += 1;
    }
  }
  return negative ? -magnitudes[j]! : magnitudes[j]!;
}

/** Keeps the rounding trick in its range; every level is far below. */
function clampWide(y: number): number {
  return Math.max(-1024, Math.min(1024, y));
}

/** QSGD: up or down by chance, so that the mean is the value itself. */
function ditherLevels(
  { x, from, to }: Span,
  levels: Levels,
  init: EncodeBlocksInit & { readonly scale: number },
  chosen: Int16Array,
): void {
  const unit = 2 ** init.fractionBits / scaleValue(init.scale);
  for (let i = from; i < to; i++) {
    const t = Math.min(Math.abs(x[i]!) * unit, levels.max);
    const low = Math.floor(t);
    const level = init.dither!.next() / 2 ** 32 < t - low ? low + 1 : low;
    chosen[i - from] = x[i]! < 0 ? -level : level;
  }
}

/** Rewrites levels so that codes and scale follow from the integers; returns the scale. */
function canonical(chosen: Int16Array, levels: Levels, scale: number): number {
  if (isTable(levels)) {
    const only = onlyMagnitude(chosen);
    if (only === undefined || only === levels.max) return scale;
    for (let i = 0; i < chosen.length; i++) chosen[i] = chosen[i]! < 0 ? -levels.max : levels.max;
    const r = (scaleValue(scale) * only) / levels.max;
    return limitScale(Math.max(1, nearestScale(r)), levels.max);
  }
  const divisor = commonDivisor(chosen);
  if (divisor <= 1) return divisor === 0 ? 0 : scale;
  for (let i = 0; i < chosen.length; i++) chosen[i]! /= divisor;
  return limitScale(nearestScale(scaleValue(scale) * divisor), levels.max / divisor);
}

function onlyMagnitude(chosen: Int16Array): number | undefined {
  const first = Math.abs(chosen[0]!);
  return chosen.every((level) => Math.abs(level) === first) ? first : undefined;
}

/** Of magnitudes; 0 when all are zero. Mostly decided by the first few. */
export function commonDivisor(values: Int16Array | Int8Array): number {
  let divisor = 0;
  for (let i = 0; i < values.length && divisor !== 1; i++) {
    divisor = gcd(divisor, Math.abs(values[i]!));
  }
  return divisor;
}

function codeOf(level: number, levels: Levels): number {
  if (levels.kind === 'even') return level & ((1 << levels.bits) - 1);
  const j =
    levels.kind === 'odd' ? (Math.abs(level) - 1) / 2 : levels.magnitudes.indexOf(Math.abs(level));
  return level < 0 ? j | (1 << (levels.bits - 1)) : j;
}

/**
 * Codes to integers. Reasons: scale-not-normal; then by block code-refused, zero-value,
 * scale-not-canonical, element-overflow.
 */
export function decodeBlocks(
  { scales, codes }: CodedBlocks,
  coding: BlockCoding,
): Checked<Int32Array> {
  if (!scales.every(isNormalScale)) return refuse('scale-not-normal');
  const size = 2 ** coding.blockLog2;
  const values = new Int32Array(codes.length);
  for (let block = 0; block < scales.length; block++) {
    const from = block * size;
    const to = Math.min(from + size, codes.length);
    const problem = blockProblem(codes.subarray(from, to), scales[block]!, coding);
    if (problem !== undefined) return refuse(problem);
    const scale = scaleValue(scales[block]!);
    const { table } = coding.levels;
    // A zero of a negative level is -0 as a double; storing it as int32 makes it 0.
    for (let i = from; i < to; i++) values[i] = table[codes[i]!]! * scale;
  }
  return accept(values);
}

/** Why a block is not the one spelling of its integers, or not elements at all. */
function blockProblem(codes: Uint8Array, scale: number, coding: BlockCoding): string | undefined {
  const { levels, sparse } = coding;
  if (levels.kind === 'even' && codes.includes(refusedCode(levels))) return 'code-refused';
  if (scale === 0) {
    if (sparse) return 'zero-value';
    return codes.some((code) => code !== 0) ? 'scale-not-canonical' : undefined;
  }
  let least = Number.POSITIVE_INFINITY;
  let largest = 0;
  let divisor = 0;
  for (const code of codes) {
    const magnitude = Math.abs(levels.table[code]!);
    least = Math.min(least, magnitude);
    largest = Math.max(largest, magnitude);
    if (divisor !== 1) divisor = gcd(divisor, magnitude);
  }
  const isCanonical = isTable(levels) ? least !== largest || largest === levels.max : divisor === 1;
  if (!isCanonical) return 'scale-not-canonical';
  return largest * scaleValue(scale) > ELEMENT_MAX ? 'element-overflow' : undefined;
}
