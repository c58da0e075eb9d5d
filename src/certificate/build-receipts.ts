/**
 * Receipts from the committed seals and reveals (docs/protocol/certificate.md, section 4): for each
 * (shard, worker) pair of the results, the one sealed tuple that opens to the accepted digest.
 */
import { concatBytes, equalBytes, toHex } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest, type NodeId } from '../base/ids.ts';
import {
  type RevealRecord,
  SALT_BYTES,
  type SealRecord,
  sealedTuple,
  sealLeaves,
  shardResultDigest,
} from '../job/records.ts';
import { packShards, unpackShards } from '../job/shard-list.ts';
import { LIMITS } from '../wire/limits.ts';
import { compareReceipts } from './check-receipts.ts';
import type { Receipt } from './format.ts';
import type { ResultColumns } from './result-columns.ts';

export interface SealedWork {
  readonly planId: Digest;
  readonly seals: readonly { readonly id: Digest; readonly record: SealRecord }[];
  readonly reveals: readonly { readonly record: RevealRecord }[];
  positionOf(node: NodeId): number | undefined;
}

/** Complete receipts, or undefined: too many, or a pair that no seal opens to. */
export function buildReceipts(columns: ResultColumns, work: SealedWork): Receipt[] | undefined {
  if (columns.pairCount > LIMITS.receiptPairsMax) return undefined;
  const saltsBySeal = collectSalts(columns.shardCount, work.reveals);
  const covered = new Uint8Array(columns.pairCount);
  const receipts: { receipt: Receipt; shards: number[] }[] = [];
  let pairs = 0;
  for (const { id, record: seal } of work.seals) {
    const salts = saltsBySeal.get(toHex(id));
    const worker = work.positionOf(seal.worker);
    if (salts === undefined || worker === undefined) continue;
    const opened = openSeal(columns, { seal, worker, salts, planId: work.planId, covered });
    if (opened === undefined) continue;
    pairs += opened.shards.length;
    receipts.push(opened);
  }
  if (pairs !== columns.pairCount || receipts.length > LIMITS.receiptsMax) return undefined;
  return receipts.sort(compareReceipts).map(({ receipt }) => receipt);
}

/** Per seal id, the salt of each shard that was revealed. */
function collectSalts(
  shardCount: number,
  reveals: SealedWork['reveals'],
): Map<string, Map<number, Uint8Array>> {
  const bySeal = new Map<string, Map<number, Uint8Array>>();
  for (const { record: reveal } of reveals) {
    const shards = unpackShards(reveal.shards, shardCount);
    if (!shards.ok) continue;
    const name = toHex(reveal.seal);
    const salts = bySeal.get(name) ?? new Map<number, Uint8Array>();
    bySeal.set(name, salts);
    for (const [i, shard] of shards.value.entries()) {
      salts.set(shard, reveal.salts.subarray(i * SALT_BYTES, (i + 1) * SALT_BYTES));
    }
  }
  return bySeal;
}

interface SealToOpen {
  readonly seal: SealRecord;
  readonly worker: number;
  readonly salts: ReadonlyMap<number, Uint8Array>;
  readonly planId: Digest;
  /** One byte per pair; set here for the pairs that this seal opens. */
  readonly covered: Uint8Array;
}

/** Opens what agrees with the results and was not opened before; the rest stays closed. */
function openSeal(
  columns: ResultColumns,
  work: SealToOpen,
): { receipt: Receipt; shards: number[] } | undefined {
  const { seal, worker } = work;
  const sealed = unpackShards(seal.shards, columns.shardCount);
  if (!sealed.ok) return undefined;
  const shards: number[] = [];
  const salts: Uint8Array[] = [];
  const closed: Uint8Array[] = [];
  const closedAt: number[] = [];
  for (const [at, shard] of sealed.value.entries()) {
    const tuple = seal.tuples.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES);
    const salt = work.salts.get(shard);
    if (salt !== undefined && opensPair(columns, { ...work, shard, tuple, salt })) {
      shards.push(shard);
      salts.push(salt);
    } else {
      closed.push(sealLeaves([shard], tuple));
      closedAt.push(at);
    }
  }
  if (shards.length === 0) return undefined;
  const receipt: Receipt = {
    worker,
    wave: seal.wave,
    shards: packShards(shards),
    salts: concatBytes(salts),
    closed: concatBytes(closed),
    closedAt: packShards(closedAt),
    signature: seal.signature,
  };
  return { receipt, shards };
}

function opensPair(
  columns: ResultColumns,
  claim: SealToOpen & { shard: number; tuple: Uint8Array; salt: Uint8Array },
): boolean {
  const { seal, worker, shard, tuple, salt, planId, covered } = claim;
  const index = columns.workers(shard).indexOf(worker);
  const pair = columns.firstPair(shard) + index;
  if (index < 0 || covered[pair] === 1) return false;
  const digest = shardResultDigest(columns.digests(shard));
  if (!equalBytes(sealedTuple(digest, seal.worker, { planId, shard }, salt), tuple)) return false;
  covered[pair] = 1;
  return true;
}
