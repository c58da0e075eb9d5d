import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fma } from '../../../src/compute/reference/fma.ts';
import { xorshift32 } from '../../../src/compute/sample-input.ts';
import { exactFma } from '../../oracles/exact-fma.ts';

const NAN = 0x7fc00000;

function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = xorshift32(state);
    return state;
  };
}
const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

function floatOf(bits: number): number {
  word[0] = bits;
  return float[0]!;
}

function bitsOf(value: number): number {
  float[0] = value;
  return Number.isNaN(value) ? NAN : word[0]!;
}

const fmaBits = (a: number, b: number, c: number) =>
  bitsOf(fma(floatOf(a), floatOf(b), floatOf(c)));

function expectExact(a: number, b: number, c: number): void {
  const [expected, actual] = [exactFma(a, b, c), fmaBits(a, b, c)];
  const name = [a, b, c].map((bits) => bits.toString(16)).join(' ');
  assert.equal(actual.toString(16), expected.toString(16), `fma of ${name}`);
}

/** Zeros, subnormals, ones and their neighbours, largest, infinities, NaN; both signs. */
const EDGES = [
  0x00000000, 0x00000001, 0x00000002, 0x007fffff, 0x00800000, 0x00800001, 0x33800000, 0x34000000,
  0x3f7fffff, 0x3f800000, 0x3f800001, 0x3f800002, 0x4b800000, 0x4b800001, 0x7f7ffffe, 0x7f7fffff,
  0x7f800000, 0x7fc00000, 0x1fffffff, 0x20000001,
].flatMap((bits) => [bits, (bits | 0x80000000) >>> 0]);

test('every triple of edge values is exact', () => {
  for (const a of EDGES) for (const b of EDGES) for (const c of EDGES) expectExact(a, b, c);
});

test('random bit patterns are exact', () => {
  const next = numbersFrom(7);
  for (let i = 0; i < 30_000; i++) expectExact(next(), next(), next());
});

/** True when rounding to binary64 first gives other bits: what the emulation must not do. */
function isTwiceRounded(a: number, b: number, c: number): boolean {
  const naive = Math.fround(floatOf(a) * floatOf(b) + floatOf(c));
  return bitsOf(naive) !== exactFma(a, b, c);
}

test('sums next to the middle between two neighbours are exact', () => {
  // An odd product of 25 bits is a middle; an addend far below decides, and binary64 drops it.
  const next = numbersFrom(11);
  const odd = () => 4097 + 2 * (next() % 846);
  let wouldDiffer = 0;
  for (let i = 0; i < 5_000; i++) {
    const scale = 2 ** ((next() % 120) - 60);
    const a = bitsOf(odd() * scale);
    const b = bitsOf(next() % 2 === 0 ? odd() : -odd());
    const c = bitsOf((next() % 2 === 0 ? 1 : -1) * scale * 2 ** -(31 + (next() % 50)));
    expectExact(a, b, c);
    if (isTwiceRounded(a, b, c)) wouldDiffer += 1;
  }
  assert.ok(wouldDiffer > 1_000, 'the samples reach the double rounding');
});

test('subnormal sums next to a middle are exact', () => {
  // The product is just below half of the last place, 2^-150 (1 - 2^-30).
  const a = bitsOf((1 + 2 ** -15) * 2 ** -75);
  let wouldDiffer = 0;
  for (const sign of [1, -1]) {
    const b = bitsOf(sign * (1 - 2 ** -15) * 2 ** -75);
    for (let c = 0x007ff000; c < 0x00800000; c++) {
      expectExact(a, b, c);
      if (isTwiceRounded(a, b, c)) wouldDiffer += 1;
    }
  }
  assert.ok(wouldDiffer > 1_000, 'the samples reach the double rounding');
});

test('a product and a sum in two roundings are something else', () => {
  const [x, y] = [floatOf(0x3f800001), floatOf(0xbf800002)];
  assert.equal(Math.fround(Math.fround(x * x) + y), 0);
  assert.equal(fma(x, x, y), 2 ** -46);
});
