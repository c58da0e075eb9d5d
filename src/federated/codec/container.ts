/**
 * The container of one update: a 64-byte header, then aligned sections. A receiver knows from its
 * plan what the header must say; whatever else it says is a reason to refuse
 * (docs/protocol/federated-codec.md, "Container").
 */
import { equalBytes } from '../../base/bytes.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';

export const HEADER_BYTES = 64;
const ALIGNMENT = 64;
/** ASCII "KFU1", read as a little-endian u32. */
const MAGIC = 0x3155464b;
const VERSION = 1;

export const CODEC_IDS = {
  blocks: 1,
  ternary: 2,
  vote: 3,
  topk: 4,
  chunk: 5,
  randk: 6,
  powersgd: 7,
  dct: 8,
} as const;

export const FLAG_BITMAP = 4;

/** What plan and schema say of every container of a round. */
export interface ContainerPlan {
  readonly codec: number;
  readonly flags: number;
  readonly elements: number;
  readonly blockLog2: number;
  readonly valueBits: number;
  readonly order: number;
  /** Entries at most; all of them when `keptExact`. */
  readonly keptMax: number;
  readonly keptExact: boolean;
  /** Of a list of that many entries; 0 where there is no Rice stream. */
  readonly riceOf: (kept: number) => number;
  readonly round: number;
  /** 16 bytes. */
  readonly schema: Uint8Array;
}

export interface Sections {
  readonly scales: Uint8Array;
  readonly indices: Uint8Array;
  readonly values: Uint8Array;
}

const aligned = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** The bytes of a container; empty sections are left out. */
export function writeContainer(
  plan: ContainerPlan,
  kept: number,
  sections: Partial<Sections>,
): Uint8Array {
  const list = [sections.scales, sections.indices, sections.values].filter(
    (section) => section !== undefined && section.length > 0,
  ) as Uint8Array[];
  const end = list.reduce((offset, section) => aligned(offset) + section.length, HEADER_BYTES);
  const bytes = new Uint8Array(end);
  writeHeader(new DataView(bytes.buffer), plan, kept);
  bytes.set(plan.schema, 32);
  let offset = HEADER_BYTES;
  for (const section of list) {
    offset = aligned(offset);
    bytes.set(section, offset);
    offset += section.length;
  }
  return bytes;
}

function writeHeader(view: DataView, plan: ContainerPlan, kept: number): void {
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, VERSION);
  view.setUint8(5, plan.codec);
  view.setUint16(6, plan.flags, true);
  writeU64(view, 8, plan.elements);
  view.setUint8(16, plan.blockLog2);
  view.setUint8(17, plan.valueBits);
  view.setUint8(18, plan.riceOf(kept));
  view.setUint8(19, plan.order);
  view.setUint32(20, kept, true);
  writeU64(view, 24, plan.round);
  writeU64(view, 48, view.byteLength - HEADER_BYTES);
}

function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** A u64 as a double: exact below 2^53, and above it no plan's number. */
function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** The number of entries that the header claims, once all of the header is what the plan says. */
export function checkHeader(bytes: Uint8Array, plan: ContainerPlan): Checked<number> {
  if (bytes.length < HEADER_BYTES) return refuse('too-short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kept = view.getUint32(20, true);
  const isKeptAllowed = plan.keptExact ? kept === plan.keptMax : kept <= plan.keptMax;
  const rules: [isRight: boolean, reason: string][] = [
    [view.getUint32(0, true) === MAGIC, 'bad-magic'],
    [view.getUint8(4) === VERSION, 'unknown-version'],
    [view.getUint8(5) === plan.codec, 'wrong-codec'],
    [view.getUint16(6, true) === plan.flags, 'wrong-flags'],
    [readU64(view, 8) === plan.elements, 'wrong-elements'],
    [view.getUint8(16) === plan.blockLog2, 'wrong-block'],
    [view.getUint8(17) === plan.valueBits, 'wrong-value-bits'],
    [view.getUint8(19) === plan.order, 'wrong-order'],
    [isKeptAllowed, 'wrong-kept'],
    [view.getUint8(18) === plan.riceOf(kept), 'wrong-rice'],
    [readU64(view, 24) === plan.round, 'wrong-round'],
    [equalBytes(bytes.subarray(32, 48), plan.schema), 'wrong-schema'],
    [readU64(view, 56) === 0, 'reserved-not-zero'],
    [readU64(view, 48) === bytes.length - HEADER_BYTES, 'wrong-length'],
  ];
  const broken = rules.find(([isRight]) => !isRight);
  return broken === undefined ? accept(kept) : refuse(broken[1]);
}

export interface SectionLengths {
  readonly scales: number;
  /** `open`: a Rice stream, whose length only its reader knows; it gets its padding too. */
  readonly indices: number | 'open';
  readonly values: number;
}

/** The sections by their lengths. Reasons: wrong-length, padding-not-zero. */
export function splitSections(bytes: Uint8Array, lengths: SectionLengths): Checked<Sections> {
  const scalesEnd = HEADER_BYTES + lengths.scales;
  const indicesAt = aligned(scalesEnd);
  const valuesAt = bytes.length - lengths.values;
  if (lengths.indices === 'open') {
    if (valuesAt < indicesAt || valuesAt % ALIGNMENT !== 0) return refuse('wrong-length');
  } else if (bytes.length !== endOf(lengths.scales, lengths.indices, lengths.values)) {
    return refuse('wrong-length');
  }
  const indicesEnd = lengths.indices === 'open' ? valuesAt : indicesAt + lengths.indices;
  const isPadded =
    isZero(bytes.subarray(scalesEnd, Math.min(indicesAt, bytes.length))) &&
    isZero(bytes.subarray(indicesEnd, valuesAt));
  if (!isPadded) return refuse('padding-not-zero');
  return accept({
    scales: bytes.subarray(HEADER_BYTES, scalesEnd),
    indices: bytes.subarray(indicesAt, indicesEnd),
    values: bytes.subarray(valuesAt),
  });
}

function endOf(...sections: number[]): number {
  return sections
    .filter((length) => length > 0)
    .reduce((offset, length) => aligned(offset) + length, HEADER_BYTES);
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** u16 little-endian to and from bytes, on machines of either order. */
export function scaleBytes(scales: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(2 * scales.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < scales.length; i++) view.setUint16(2 * i, scales[i]!, true);
  return bytes;
}

export function readScales(bytes: Uint8Array): Uint16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const scales = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < scales.length; i++) scales[i] = view.getUint16(2 * i, true);
  return scales;
}
