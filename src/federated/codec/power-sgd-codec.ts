/**
 * PowerSGD: matrices travel as two thin factors of int8 codes with one scale per column pair, the
 * other tensors as q8 blocks; decoding is an integer product (docs/protocol/federated-codec.md,
 * 3.6).
 */
import { u64 } from '../../base/bytes.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { TAGS } from '../../wire/tags.ts';
import { roundHalfEven, type Update } from '../fixed-point.ts';
import { type BlockCoding, commonDivisor, decodeBlocks, encodeBlocks } from './blocks.ts';
import {
  type ClientContext,
  type MessageCodec,
  type RoundContext,
  requireUpdate,
  saturate,
} from './codec.ts';
import {
  CODEC_IDS,
  type ContainerPlan,
  checkHeader,
  readScales,
  type Sections,
  scaleBytes,
  splitSections,
  writeContainer,
} from './container.ts';
import type { CodecKernels } from './kernels.ts';
import { largestMagnitude } from './lanes.ts';
import { evenLevels } from './levels.ts';
import { type Columns, factorise, type Matrix } from './power-sgd-factor.ts';
import {
  type FactoredTensor,
  type PowerSgdLayout,
  powerSgdLayout,
  REST_BLOCK_LOG2,
} from './power-sgd-layout.ts';
import { isNormalScale, nearestScale, scaleValue } from './scale.ts';

const CODE_MAX = 127;
/** Scales of factors have 14 more fraction bits than elements: 127² is just below 2^14. */
const PRODUCT_SHIFT = 2 ** 14;
/** Bound of the sum of 127² · s: keeps sums exact and elements below 2^31. */
const PRODUCT_LIMIT = 2 ** 45;
const STEPS_COLD = 2;
const STEPS_WARM = 1;

const REST: BlockCoding = {
  levels: evenLevels(8),
  fit: 'absmax',
  blockLog2: REST_BLOCK_LOG2,
  sparse: false,
};

export function powerSgdCodec(rank: number, kernels: CodecKernels): MessageCodec {
  return {
    encode: (x, context) => encode(x, context, rank, kernels),
    decode: (bytes, context) => decode(bytes, context, rank),
  };
}

function planOf({ schema, round }: RoundContext, rank: number): ContainerPlan {
  return {
    codec: CODEC_IDS.powersgd,
    flags: 0,
    elements: schema.elements,
    blockLog2: REST_BLOCK_LOG2,
    valueBits: 8,
    order: rank,
    keptMax: 0,
    keptExact: true,
    riceOf: () => 0,
    round,
    schema: schema.hash,
  };
}

function encode(
  update: Float32Array,
  context: ClientContext,
  rank: number,
  kernels: CodecKernels,
): Uint8Array {
  requireUpdate(update, context.schema, kernels);
  const { fractionBits } = context.schema;
  const x = saturate(update, fractionBits);
  const layout = powerSgdLayout(context.schema, rank);
  const scales = new Uint16Array(layout.scaleCount);
  const values = new Int8Array(layout.valueBytes);
  const warm = warmStart(context, layout, rank);
  let [scaleAt, valueAt] = [0, 0];
  for (const tensor of layout.factored) {
    const { rows, columns, offset } = tensor;
    const matrix: Matrix = { data: x.subarray(offset, offset + rows * columns), rows, columns };
    const cold = coldStart(context, tensor, rank);
    const start = warm?.(valueAt, tensor).map((q, j) => (isZero(q) ? cold[j]! : q)) ?? cold;
    const steps = warm === undefined ? STEPS_COLD : STEPS_WARM;
    const { left, right } = factorise(matrix, start, steps, kernels);
    for (let j = 0; j < rank; j++) {
      const pair = {
        p: values.subarray(valueAt + j * rows, valueAt + (j + 1) * rows),
        q: values.subarray(valueAt + rank * rows + j * columns).subarray(0, columns),
      };
      scales[scaleAt++] = encodePair(left[j]!, right[j]!, pair, fractionBits);
    }
    valueAt += rank * (rows + columns);
  }
  const rest = encodeBlocks(gather(x, layout), REST, { fractionBits });
  limitPairs(scales.subarray(0, scaleAt), values, layout, rank);
  scales.set(rest.scales, scaleAt);
  const bytes = new Uint8Array(values.buffer);
  bytes.set(rest.codes, valueAt);
  return writeContainer(planOf(context, rank), 0, { scales: scaleBytes(scales), values: bytes });
}

/** ±1 from the round's public seed. */
function coldStart(context: RoundContext, { tensor, columns }: FactoredTensor, rank: number) {
  const key = taggedHash(TAGS.updateStart, context.seed, u64(context.round), u64(tensor));
  const words = new ChaChaWords(key);
  return Array.from({ length: rank }, () =>
    Float32Array.from({ length: columns }, () => 1 - 2 * (words.next() & 1)),
  );
}

/** The right factors of the client's last message, if it has one of this layout. */
function warmStart({ previous }: ClientContext, layout: PowerSgdLayout, rank: number) {
  if (previous === undefined) return undefined;
  const sections = splitSections(previous, lengthsOf(layout));
  if (!sections.ok) return undefined;
  const codes = asCodes(sections.value.values);
  return (valueAt: number, { rows, columns }: FactoredTensor): Columns =>
    Array.from({ length: rank }, (_, j) => {
      const from = valueAt + rank * rows + j * columns;
      return Float32Array.from(codes.subarray(from, from + columns));
    });
}

/** A column that the last message dropped would stay zero for ever. */
function isZero(column: Float32Array): boolean {
  return column.every((value) => value === 0);
}

/** Writes the codes of one column pair; returns their scale, 0 when nothing is left of it. */
function encodePair(
  left: Float32Array,
  right: Float32Array,
  { p, q }: { p: Int8Array; q: Int8Array },
  fractionBits: number,
): number {
  const largest = [left, right].map((column) => largestMagnitude(column, 0, column.length));
  const [leftMax, rightMax] = largest as [number, number];
  const r = ((leftMax * rightMax) / CODE_MAX ** 2) * 2 ** fractionBits * PRODUCT_SHIFT;
  if (!(r > 0)) return 0;
  const divisor = codesOf(left, leftMax, p) * codesOf(right, rightMax, q);
  const scale = nearestScale(r * divisor);
  if (scale === 0) {
    p.fill(0);
    q.fill(0);
  } else if (p.find((code) => code !== 0)! < 0) {
    for (let i = 0; i < p.length; i++) p[i] = -p[i]!;
    for (let k = 0; k < q.length; k++) q[k] = -q[k]!;
  }
  return scale;
}

/** Codes of a column that is not zero, without a common divisor; returns the divisor. */
function codesOf(column: Float32Array, largest: number, codes: Int8Array): number {
  for (let i = 0; i < column.length; i++) {
    codes[i] = roundHalfEven((column[i]! * CODE_MAX) / largest);
  }
  const divisor = commonDivisor(codes);
  for (let i = 0; i < codes.length; i++) codes[i]! /= divisor;
  return divisor;
}

/**
 * A tensor whose scales would leave the range loses its last columns until they do not: an update
 * of that size has diverged, and the residual keeps it.
 */
function limitPairs(
  scales: Uint16Array,
  values: Int8Array,
  layout: PowerSgdLayout,
  rank: number,
): void {
  let valueAt = 0;
  for (const [t, { rows, columns }] of layout.factored.entries()) {
    const own = scales.subarray(t * rank, (t + 1) * rank);
    for (let j = rank - 1; j >= 0 && productBound(own) >= PRODUCT_LIMIT; j--) {
      own[j] = 0;
      values.fill(0, valueAt + j * rows, valueAt + (j + 1) * rows);
      const q = valueAt + rank * rows + j * columns;
      values.fill(0, q, q + columns);
    }
    valueAt += rank * (rows + columns);
  }
}

function productBound(scales: Uint16Array): number {
  return scales.reduce((sum, scale) => sum + CODE_MAX ** 2 * scaleValue(scale), 0);
}

function gather(x: Float32Array, { rest, restElements }: PowerSgdLayout): Float32Array {
  const joined = new Float32Array(restElements);
  let at = 0;
  for (const { from, to } of rest) {
    joined.set(x.subarray(from, to), at);
    at += to - from;
  }
  return joined;
}

function lengthsOf({ scaleCount, valueBytes }: PowerSgdLayout) {
  return { scales: 2 * scaleCount, indices: 0, values: valueBytes };
}

const asCodes = (bytes: Uint8Array): Int8Array =>
  new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);

function decode(bytes: Uint8Array, context: RoundContext, rank: number): Checked<Update> {
  const header = checkHeader(bytes, planOf(context, rank));
  if (!header.ok) return header;
  const layout = powerSgdLayout(context.schema, rank);
  const sections = splitSections(bytes, lengthsOf(layout));
  if (!sections.ok) return sections;
  const scales = readScales(sections.value.scales);
  if (!scales.every(isNormalScale)) return refuse('scale-not-normal');
  const elements = new Int32Array(context.schema.elements);
  const codes = asCodes(sections.value.values);
  let valueAt = 0;
  for (const [t, tensor] of layout.factored.entries()) {
    const size = rank * (tensor.rows + tensor.columns);
    const factors: CodedFactors = {
      ...tensor,
      scales: Float64Array.from(scales.subarray(t * rank, (t + 1) * rank), scaleValue),
      codes: codes.subarray(valueAt, valueAt + size),
    };
    const problem = factorProblem(factors);
    if (problem !== undefined) return refuse(problem);
    multiply(factors, elements);
    valueAt += size;
  }
  return decodeRest(sections.value, { layout, scales, elements, valueAt, rank });
}

interface CodedFactors extends FactoredTensor {
  readonly scales: Float64Array;
  /** P column by column, then Q. */
  readonly codes: Int8Array;
}

function columnsOf({ rows, columns, scales, codes }: CodedFactors, j: number) {
  const q = scales.length * rows + j * columns;
  return { p: codes.subarray(j * rows, (j + 1) * rows), q: codes.subarray(q, q + columns) };
}

function factorProblem(factors: CodedFactors): string | undefined {
  if (factors.codes.includes(-128)) return 'code-refused';
  let bound = 0;
  for (let j = 0; j < factors.scales.length; j++) {
    const { p, q } = columnsOf(factors, j);
    const divisors = [commonDivisor(p), commonDivisor(q)];
    const isZero = factors.scales[j] === 0;
    if (divisors.some((divisor) => divisor !== (isZero ? 0 : 1))) return 'scale-not-canonical';
    if (!isZero && p.find((code) => code !== 0)! < 0) return 'scale-not-canonical';
    bound += CODE_MAX ** 2 * factors.scales[j]!;
  }
  return bound >= PRODUCT_LIMIT ? 'element-overflow' : undefined;
}

function multiply(factors: CodedFactors, elements: Int32Array): void {
  const { rows, columns, offset, scales } = factors;
  const sums = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    sums.fill(PRODUCT_SHIFT / 2);
    for (let j = 0; j < scales.length; j++) {
      const { p, q } = columnsOf(factors, j);
      const weight = p[i]! * scales[j]!;
      for (let k = 0; k < columns; k++) sums[k]! += weight * q[k]!;
    }
    const row = offset + i * columns;
    for (let k = 0; k < columns; k++) elements[row + k] = Math.floor(sums[k]! / PRODUCT_SHIFT);
  }
}

interface RestInit {
  readonly layout: PowerSgdLayout;
  readonly scales: Uint16Array;
  readonly elements: Int32Array;
  readonly valueAt: number;
  readonly rank: number;
}

function decodeRest({ values }: Sections, init: RestInit): Checked<Update> {
  const { layout, elements } = init;
  const coded = {
    scales: init.scales.subarray(init.rank * layout.factored.length),
    codes: values.subarray(init.valueAt),
  };
  const rest = decodeBlocks(coded, REST);
  if (!rest.ok) return rest;
  let at = 0;
  for (const { from, to } of layout.rest) {
    elements.set(rest.value.subarray(at, at + to - from), from);
    at += to - from;
  }
  return accept({ form: 'dense', values: elements });
}
