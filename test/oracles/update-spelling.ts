/**
 * A second reading of docs/protocol/federated-codec.md: from decoded integers back to the one
 * container that may carry them. Written with lists and big integers, without the code under test;
 * whatever a decoder accepts must be spelt exactly so. For PowerSGD and DCT it decodes instead.
 */
import type { CodecSpec } from '../../src/federated/codec/codec-spec.ts';
import type { UpdateSchema } from '../../src/federated/codec/schema.ts';

const TABLES: Record<string, number[]> = {
  '2-2': [3, 10],
  '2-3': [3, 9, 16, 26],
  '2-4': [2, 6, 10, 14, 19, 24, 31, 41],
  '3-2': [3, 4],
};

interface Form {
  codec: number;
  /** 0 even, 1 odd, 2 Lloyd-Max, 3 tail; undefined without scales or levels. */
  kind: number;
  bits: number;
  block: number;
  order: number;
  bitmap: boolean;
}

function formOf({ name, settings }: CodecSpec): Form {
  const log2 = (key: string) => (settings.has(key) ? Math.log2(Number(settings.get(key))) : 0);
  const form = { kind: 0, bits: 0, block: log2('block'), order: 0, bitmap: false };
  const bitmap = settings.get('index') === 'bitmap';
  const values = settings.get('values') ?? name;
  const bits = values === 'sign' ? 1 : Number(values.replace('q', ''));
  const sparse = { ...form, kind: bits === 2 ? 3 : 1, bits, bitmap };
  switch (name) {
    case 'qsgd':
      return { ...form, codec: 1, bits: Number(settings.get('bits')) };
    case 'sign':
      return { ...form, codec: 1, bits: 1, kind: 1 };
    case 'ternary':
      return { ...form, codec: 2 };
    case 'vote':
      return { ...form, codec: 3, bits: 1 };
    case 'topk':
    case 'dgc':
      return { ...sparse, codec: 4 };
    case 'chunk':
      return { ...sparse, codec: 5, order: log2('size') };
    case 'randk':
      return { ...form, codec: 6, bits, kind: bits === 1 ? 1 : 0 };
    case 'powersgd':
      return { ...form, codec: 7, bits: 8, block: 8, order: Number(settings.get('rank')) };
    case 'dct':
      return { ...sparse, codec: 8, order: 12 };
    default:
      return { ...form, codec: 1, bits, kind: settings.get('levels') === 'lloyd' ? 2 : 0 };
  }
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** The scale of a block by section 1, from its integers alone. */
function scaleOf(values: number[], { kind, bits }: Form): number {
  const magnitudes = [...new Set(values.map(Math.abs))].sort((a, b) => a - b);
  const table = TABLES[`${kind}-${bits}`];
  if (table === undefined) return magnitudes.reduce(gcd, 0);
  const [least, largest] = [magnitudes[0]!, magnitudes.at(-1)!];
  if (largest === 0) return 0;
  if (least === largest) return largest / table.at(-1)!;
  const pairs = table.flatMap((a) => table.map((b) => [a, b] as const));
  const pair = pairs.filter(([a, b]) => a < b && a * largest === b * least);
  if (pair.length !== 1) throw new Error('no spelling, or two');
  return least / pair[0]![0];
}

function codeOf(value: number, scale: number, { kind, bits }: Form): number {
  if (scale === 0) return 0;
  const level = value / scale;
  if (!Number.isInteger(level)) throw new Error('not a multiple of the scale');
  if (kind === 0) return level & (2 ** bits - 1);
  const table = TABLES[`${kind}-${bits}`];
  const j = table === undefined ? (Math.abs(level) - 1) / 2 : table.indexOf(Math.abs(level));
  return j + (level < 0 ? 2 ** (bits - 1) : 0);
}

/** u16 of a scale's value: the only m and e of normal form. */
function spellScale(value: number): number {
  for (let e = 0; e < 32; e++) {
    const m = value / 2 ** e;
    if (m < 2048 && (e === 0 || m >= 1024)) {
      if (!Number.isInteger(m)) throw new Error('not a scale');
      return e * 2048 + m;
    }
  }
  throw new Error('not a scale');
}

/** Bits, lowest first, as bytes. */
function pack(bits: number[]): number[] {
  const bytes: number[] = new Array(Math.ceil(bits.length / 8)).fill(0);
  bits.forEach((bit, i) => {
    bytes[Math.floor(i / 8)]! += bit * 2 ** (i % 8);
  });
  return bytes;
}

const lowFirst = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor(value / 2 ** i) % 2);

const little = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);

function riceOf(space: number, kept: number): number {
  let k = 0;
  while (kept > 0 && 2 ** k * 2 * kept < space) k += 1;
  return k;
}

function spellIndices(indices: number[], space: number, form: Form): number[] {
  if (form.bitmap) {
    return pack(Array.from({ length: space }, (_, i) => (indices.includes(i) ? 1 : 0)));
  }
  const k = riceOf(space, indices.length);
  const bits = indices.flatMap((index, i) => {
    const gap = index - (i === 0 ? 0 : indices[i - 1]! + 1);
    return [...new Array(Math.floor(gap / 2 ** k)).fill(0), 1, ...lowFirst(gap % 2 ** k, k)];
  });
  return pack(bits);
}

function spellBlocks(values: number[], form: Form): { scales: number[]; values: number[] } {
  const size = 2 ** form.block;
  const scales: number[] = [];
  const codes: number[] = [];
  for (let from = 0; from < values.length; from += size) {
    const block = values.slice(from, from + size);
    const scale = scaleOf(block, form);
    scales.push(...little(spellScale(scale), 2));
    codes.push(...block.map((value) => codeOf(value, scale, form)));
  }
  return { scales, values: pack(codes.flatMap((code) => lowFirst(code, form.bits))) };
}

function spellTernary(values: number[], form: Form): { scales: number[]; values: number[] } {
  const { scales } = spellBlocks(values, { ...form, kind: 0, bits: 2 });
  const trits = values.map((value) => (value === 0 ? 0 : value > 0 ? 1 : 2));
  const bytes: number[] = new Array(Math.ceil(trits.length / 5)).fill(0);
  trits.forEach((trit, i) => {
    bytes[Math.floor(i / 5)]! += trit * 3 ** (i % 5);
  });
  return { scales, values: bytes };
}

export interface SpellingInit {
  readonly spec: CodecSpec;
  readonly schema: UpdateSchema;
  readonly round: number;
  /** Rand-k: every entry of the mask, in order. */
  readonly mask?: readonly number[];
}

/** The container of a vector: codecs 1 to 6. */
export function spellUpdate(dense: ArrayLike<number>, init: SpellingInit): Uint8Array {
  const form = formOf(init.spec);
  const list = Array.from(dense);
  const isList = form.codec === 4 || form.codec === 5;
  const indices = init.mask ?? (isList ? list.flatMap((v, i) => (v === 0 ? [] : [i])) : []);
  const kept = form.codec >= 4 ? indices.map((index) => list[index]!) : list;
  const body =
    form.codec === 2
      ? spellTernary(kept, form)
      : form.codec === 3
        ? { scales: [], values: pack(kept.map((value) => (value < 0 ? 1 : 0))) }
        : spellBlocks(kept, form);
  const gaps = isList && kept.length > 0 ? spellIndices([...indices], list.length, form) : [];
  const payload: number[] = [];
  for (const section of [body.scales, gaps, body.values]) {
    if (section.length === 0) continue;
    while (payload.length % 64 !== 0) payload.push(0);
    payload.push(...section);
  }
  const rice = isList && !form.bitmap ? riceOf(list.length, kept.length) : 0;
  const listed = form.codec >= 4 ? kept.length : 0;
  return Uint8Array.from([
    ...Buffer.from('KFU1\x01', 'latin1'),
    form.codec,
    ...little(form.kind + (form.bitmap ? 4 : 0), 2),
    ...little(list.length, 8),
    form.block,
    form.codec === 2 ? 0 : form.bits,
    rice,
    form.order,
    ...little(listed, 4),
    ...little(init.round, 8),
    ...init.schema.hash,
    ...little(payload.length, 8),
    ...little(0, 8),
    ...payload,
  ]);
}

const scaleAt = (bytes: Uint8Array, i: number): bigint => {
  const u16 = bytes[64 + 2 * i]! + 256 * bytes[65 + 2 * i]!;
  return BigInt(u16 % 2048) << BigInt(Math.floor(u16 / 2048));
};
const signed = (byte: number): bigint => BigInt(byte < 128 ? byte : byte - 256);
/** Halves up. */
const shifted = (sum: bigint, bits: bigint): bigint => (sum + (1n << (bits - 1n))) >> bits;

/** Elements of an accepted PowerSGD container with one factored matrix followed by a rest. */
export function productOf(
  bytes: Uint8Array,
  { rows, columns, rank, rest }: { rows: number; columns: number; rank: number; rest: number },
): number[] {
  const values = bytes.subarray(bytes.length - rank * (rows + columns) - rest);
  const out: number[] = [];
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < columns; k++) {
      let sum = 0n;
      for (let j = 0; j < rank; j++) {
        const p = signed(values[j * rows + i]!);
        const q = signed(values[rank * rows + j * columns + k]!);
        sum += p * q * scaleAt(bytes, j);
      }
      out.push(Number(shifted(sum, 14n)));
    }
  }
  for (let i = 0; i < rest; i++) {
    const code = signed(values[rank * (rows + columns) + i]!);
    out.push(Number(code * scaleAt(bytes, rank + Math.floor(i / 256))));
  }
  return out;
}

/** The integer inverse DCT of one tile of 4096 coefficients. */
export function inverseDct(coefficients: ArrayLike<number>): number[] {
  const basis = (u: number, x: number): bigint =>
    u === 0
      ? 32768n
      : BigInt(
          Math.round(2 ** 18 * Math.SQRT2 * 0.125 * Math.cos(((2 * x + 1) * u * Math.PI) / 128)),
        );
  const side = Array.from({ length: 64 }, (_, i) => i);
  const table = side.map((u) => side.map((x) => basis(u, x)));
  const half = side.map((x) =>
    side.map((v) => {
      let sum = 0n;
      for (const u of side) sum += table[u]![x]! * BigInt(coefficients[64 * u + v]!);
      return shifted(sum, 18n);
    }),
  );
  return side.flatMap((x) =>
    side.map((y) => {
      let sum = 0n;
      for (const v of side) sum += table[v]![y]! * half[x]![v]!;
      return Number(shifted(sum, 18n));
    }),
  );
}
