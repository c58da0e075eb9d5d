/**
 * What the committed records of a plan say, read a second time: which results were sealed first and
 * properly opened later, by whom. Knows the formats of docs/protocol/job.md and nothing of
 * `src/job/ledger`.
 */
import { concatBytes, equalBytes, toHex, u64 } from '../base/bytes.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import {
  bytesAt,
  type Fields,
  hexAt,
  numberAt,
  readFields,
  recordIdOf,
  shardsAt,
} from './wire-reader.ts';

/** Result digests in hex, by shard and then by worker (node id in hex). */
export type OpenedResults = ReadonlyMap<number, ReadonlyMap<string, string>>;

interface Seal {
  readonly id: string;
  readonly tuple: Uint8Array;
}

const SALT_BYTES = 16;

/** `records`: encoded, in the order of commitment. */
export function readOpened(records: readonly Uint8Array[]): OpenedResults {
  const seals = new Map<string, Seal[]>();
  const opened = new Map<number, Map<string, string>>();
  for (const bytes of records) {
    const record = readFields(bytes);
    if (record?.kind === 'seal') addSeal(seals, record, recordIdOf(bytes));
    if (record?.kind === 'reveal') openShards(seals, opened, record);
  }
  return opened;
}

function addSeal(seals: Map<string, Seal[]>, record: Fields, id: string): void {
  const tuples = bytesAt(record, 'tuples');
  for (const [at, shard] of shardsAt(record).entries()) {
    const name = placeOf(record, shard);
    const tuple = tuples.subarray(32 * at, 32 * at + 32);
    seals.set(name, [...(seals.get(name) ?? []), { id, tuple }]);
  }
}

/** A result is opened when the first seal that its worker committed for the shard binds it. */
function openShards(
  seals: ReadonlyMap<string, readonly Seal[]>,
  opened: Map<number, Map<string, string>>,
  record: Fields,
): void {
  const shards = shardsAt(record);
  const salts = bytesAt(record, 'salts');
  const digests = bytesAt(record, 'digests');
  const width = digests.length / shards.length;
  const worker = hexAt(record, 'worker');
  for (const [at, shard] of shards.entries()) {
    const first = seals.get(placeOf(record, shard))?.[0];
    const result = shardResult(digests.subarray(at * width, (at + 1) * width));
    const salt = salts.subarray(at * SALT_BYTES, (at + 1) * SALT_BYTES);
    if (first === undefined || first.id !== hexAt(record, 'seal')) continue;
    if (!equalBytes(first.tuple, tupleOf(record, shard, { result, salt }))) continue;
    const ofShard = opened.get(shard) ?? new Map<string, string>();
    if (!ofShard.has(worker)) ofShard.set(worker, toHex(result));
    opened.set(shard, ofShard);
  }
}

function placeOf(record: Fields, shard: number): string {
  return `${hexAt(record, 'worker')}/${numberAt(record, 'wave')}/${shard}`;
}

/** H(shardResult, output digests in order). */
export function shardResult(digests: Uint8Array): Uint8Array {
  return taggedHash('kadre/shard-result/1', digests);
}

function tupleOf(
  record: Fields,
  shard: number,
  opening: { readonly result: Uint8Array; readonly salt: Uint8Array },
): Uint8Array {
  const parts = [
    opening.result,
    bytesAt(record, 'worker'),
    bytesAt(record, 'planId'),
    u64(shard),
    opening.salt,
  ];
  return taggedHash('kadre/sealed-tuple/1', concatBytes(parts));
}
