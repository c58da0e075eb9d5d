/**
 * Which elements a sparse message names: gaps in Rice code, or one bit per element
 * (docs/protocol/federated-codec.md, "Indices").
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';

export type IndexCoding = 'rice' | 'bitmap';

/** The least k with 2^k · 2 · kept >= space: near the best for gaps spread evenly. */
export function riceParameter(space: number, kept: number): number {
  if (kept === 0) return 0;
  let k = 0;
  while (2 ** k * 2 * kept < space) k += 1;
  return k;
}

export function bitmapBytes(space: number): number {
  return Math.ceil(space / 8);
}

export function encodeIndices(
  indices: Uint32Array,
  space: number,
  coding: IndexCoding,
): Uint8Array {
  return coding === 'rice'
    ? encodeRice(indices, riceParameter(space, indices.length))
    : encodeBitmap(indices, space);
}

function encodeBitmap(indices: Uint32Array, space: number): Uint8Array {
  if (indices.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(bitmapBytes(space));
  for (const index of indices) bytes[index >>> 3]! |= 1 << (index & 7);
  return bytes;
}

function encodeRice(indices: Uint32Array, k: number): Uint8Array {
  let bits = 0;
  eachGap(indices, (gap) => {
    bits += Math.floor(gap / 2 ** k) + 1 + k;
  });
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  let at = 0;
  eachGap(indices, (gap) => {
    at += Math.floor(gap / 2 ** k);
    bytes[at >>> 3]! |= 1 << (at & 7);
    at += 1;
    for (let bit = 0; bit < k; bit++, at++) {
      if ((gap >>> bit) & 1) bytes[at >>> 3]! |= 1 << (at & 7);
    }
  });
  return bytes;
}

function eachGap(indices: Uint32Array, visit: (gap: number) => void): void {
  let before = -1;
  for (const index of indices) {
    visit(index - before - 1);
    before = index;
  }
}

export interface IndexList {
  readonly kept: number;
  readonly space: number;
}

/**
 * Reads a Rice stream that fills `bytes` up to less than 64 bytes of zeros. Reasons:
 * index-out-of-range, indices-cut-short, wrong-length, padding-not-zero.
 */
export function decodeRice(bytes: Uint8Array, { kept, space }: IndexList): Checked<Uint32Array> {
  const k = riceParameter(space, kept);
  // An entry has k + 1 bits at least: a short stream costs no memory.
  if (kept * (k + 1) > bytes.length * 8) return refuse('indices-cut-short');
  const indices = new Uint32Array(kept);
  const end = bytes.length * 8;
  let at = 0;
  let index = -1;
  for (let i = 0; i < kept; i++) {
    // The run may not lead past the space: that bounds it before it is read.
    const runMax = Math.floor((space - index - 2) / 2 ** k);
    let run = 0;
    for (; at < end && ((bytes[at >>> 3]! >>> (at & 7)) & 1) === 0; at++) {
      if (++run > runMax) return refuse('index-out-of-range');
    }
    at += 1;
    if (at + k > end) return refuse('indices-cut-short');
    let rest = 0;
    for (let bit = 0; bit < k; bit++, at++) {
      rest += ((bytes[at >>> 3]! >>> (at & 7)) & 1) * 2 ** bit;
    }
    index += run * 2 ** k + rest + 1;
    if (index >= space) return refuse('index-out-of-range');
    indices[i] = index;
  }
  const used = Math.ceil(at / 8);
  if (bytes.length - used >= 64) return refuse('wrong-length');
  return isRestZero(bytes, at) ? accept(indices) : refuse('padding-not-zero');
}

/** Reasons: padding-not-zero, bitmap-count. */
export function decodeBitmap(bytes: Uint8Array, { kept, space }: IndexList): Checked<Uint32Array> {
  if (kept > 0 && !isRestZero(bytes, space)) return refuse('padding-not-zero');
  const indices = new Uint32Array(kept);
  let count = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (let byte = bytes[at]!; byte !== 0; byte &= byte - 1) {
      if (count === kept) return refuse('bitmap-count');
      indices[count++] = 8 * at + 31 - Math.clz32(byte & -byte);
    }
  }
  return count === kept ? accept(indices) : refuse('bitmap-count');
}

/** True when no bit from `at` on is set. */
function isRestZero(bytes: Uint8Array, at: number): boolean {
  const first = at >>> 3;
  if (first < bytes.length && bytes[first]! >>> (at & 7) !== 0) return false;
  return bytes.subarray(first + 1).every((byte) => byte === 0);
}
