/**
 * A second, small reader of what is said on the wire and signed: for the invariants, which must not
 * believe the code that they judge. It knows the layouts of docs/protocol, not the types of
 * `src/consensus` and `src/job`; what it cannot read is undefined.
 */
import { toHex } from '../base/bytes.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';

export type Fields = Readonly<Record<string, unknown>>;

const BYTES_MAX = 32 * 1_048_576;

export function readFields(bytes: Uint8Array): Fields | undefined {
  const read = decodeCanonical<unknown>(bytes, () => undefined, BYTES_MAX);
  return read.ok && isFields(read.value) ? read.value : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

export function fieldsAt(fields: Fields, name: string): Fields | undefined {
  const value = fields[name];
  return isFields(value) ? value : undefined;
}

export function numberAt(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === 'number' ? value : -1;
}

export function bytesAt(fields: Fields, name: string): Uint8Array {
  const value = fields[name];
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

export function hexAt(fields: Fields, name: string): string {
  return toHex(bytesAt(fields, name));
}

/** How a consensus message travels: planId, one byte of epoch, the message. */
export interface EnvelopeParts {
  /** The plan in hex and the epoch: rounds and heights begin anew with every epoch. */
  readonly chain: string;
  readonly message: Uint8Array;
}

export function readEnvelope(bytes: Uint8Array): EnvelopeParts {
  const chain = chainName(toHex(bytes.subarray(0, 32)), bytes[32] ?? 0);
  return { chain, message: bytes.subarray(33) };
}

export function chainName(planId: string, epoch: number): string {
  return `${planId}/${epoch}`;
}

/** What a plan key signed: tag, zero byte, planId, u64 epoch, cadreRoot, body. */
export interface SignedBytes {
  readonly tag: string;
  readonly planId: string;
  readonly cadreRoot: Uint8Array;
  readonly epoch: number;
  readonly body: Uint8Array;
}

const CONSENSUS_TAG = 'kadre/consensus/1/';

/** Undefined for what is no consensus signature. */
export function readSigned(message: Uint8Array): SignedBytes | undefined {
  const zero = message.indexOf(0);
  const tag = new TextDecoder().decode(message.subarray(0, Math.max(0, zero)));
  if (!tag.startsWith(CONSENSUS_TAG) || message.length < zero + 73) return undefined;
  const view = new DataView(message.buffer, message.byteOffset);
  return {
    tag: tag.slice(CONSENSUS_TAG.length),
    planId: toHex(message.subarray(zero + 1, zero + 33)),
    epoch: Number(view.getBigUint64(zero + 33)),
    cadreRoot: message.subarray(zero + 41, zero + 73),
    body: message.subarray(zero + 73),
  };
}

/** A block's id from its fields as they were decoded. */
export function blockIdOf(block: Fields): string {
  return toHex(taggedHash('kadre/block/1', encodeCanonical(block)));
}

/** A ledger record's id. */
export function recordIdOf(record: Uint8Array): string {
  return toHex(taggedHash('kadre/record/1', record));
}

/** Big-endian u32 shard numbers. */
export function shardsAt(fields: Fields): number[] {
  const packed = bytesAt(fields, 'shards');
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  return Array.from({ length: packed.length / 4 }, (_, i) => view.getUint32(4 * i));
}
