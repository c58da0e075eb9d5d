/**
 * The workers' own signatures: each agreeing worker sealed these very results before it could see
 * another's (docs/protocol/certificate.md, section 4). Bounds and coverage come first, hashes and
 * signatures second.
 */
import { concatBytes } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { isSignedBy } from '../crypto/portable/signed.ts';
import { SALT_BYTES, sealBatchRoot, sealBody, sealLeaves } from '../job/records.ts';
import { sealBatch } from '../job/sealing.ts';
import { SHARD_NUMBER_BYTES, unpackShards } from '../job/shard-list.ts';
import { LIMITS } from '../wire/limits.ts';
import { TAGS } from '../wire/tags.ts';
import type { RosterView } from './check-roster.ts';
import type { Receipt } from './format.ts';
import type { ResultColumns } from './result-columns.ts';

/** A receipt whose lists were unpacked and found consistent. */
export interface OpenedReceipt {
  readonly receipt: Receipt;
  readonly shards: readonly number[];
  readonly closedAt: readonly number[];
}

/**
 * Order, lengths, and that every (shard, worker) pair is opened exactly once. Reasons:
 * `too-many-receipts`, `bad-receipt`, `receipts-not-ascending`, `receipt-of-other-worker`,
 * `duplicate-receipt`, `missing-receipt`.
 */
export function openReceipts(
  receipts: readonly Receipt[],
  columns: ResultColumns,
): Checked<readonly OpenedReceipt[]> {
  if (columns.pairCount > LIMITS.receiptPairsMax) return refuse('too-many-receipts');
  const seen = new Uint8Array(columns.pairCount);
  const opened: OpenedReceipt[] = [];
  let pairs = 0;
  for (const receipt of receipts) {
    const lists = unpackReceipt(receipt, columns.shardCount);
    if (lists === undefined) return refuse('bad-receipt');
    const previous = opened.at(-1);
    if (previous !== undefined && compareReceipts(previous, lists) >= 0) {
      return refuse('receipts-not-ascending');
    }
    for (const shard of lists.shards) {
      const index = columns.workers(shard).indexOf(receipt.worker);
      if (index < 0) return refuse('receipt-of-other-worker', 'reject', `shard ${shard}`);
      const pair = columns.firstPair(shard) + index;
      if (seen[pair] === 1) return refuse('duplicate-receipt', 'reject', `shard ${shard}`);
      seen[pair] = 1;
      pairs += 1;
    }
    opened.push(lists);
  }
  return pairs === columns.pairCount ? accept(opened) : refuse('missing-receipt');
}

function unpackReceipt(receipt: Receipt, shardCount: number): OpenedReceipt | undefined {
  const shards = unpackShards(receipt.shards, shardCount);
  if (!shards.ok) return undefined;
  if (receipt.salts.length !== shards.value.length * SALT_BYTES) return undefined;
  const closedCount = receipt.closed.length / DIGEST_BYTES;
  if (receipt.closedAt.length !== closedCount * SHARD_NUMBER_BYTES) return undefined;
  if (closedCount === 0) return { receipt, shards: shards.value, closedAt: [] };
  const closedAt = unpackShards(receipt.closedAt, shards.value.length + closedCount);
  return closedAt.ok ? { receipt, shards: shards.value, closedAt: closedAt.value } : undefined;
}

/** By worker, wave, first opened shard; receipts of one worker never share that shard. */
export function compareReceipts(
  a: Pick<OpenedReceipt, 'receipt' | 'shards'>,
  b: Pick<OpenedReceipt, 'receipt' | 'shards'>,
): number {
  return (
    a.receipt.worker - b.receipt.worker ||
    a.receipt.wave - b.receipt.wave ||
    a.shards[0]! - b.shards[0]!
  );
}

export interface ReceiptContext {
  readonly planId: Digest;
  readonly columns: ResultColumns;
  readonly roster: RosterView;
}

/** Rebuilds each batch and checks its worker's signature. Reason: `bad-receipt-signature`. */
export function checkReceiptSignatures(
  opened: readonly OpenedReceipt[],
  context: ReceiptContext,
): Refusal | undefined {
  for (const { receipt, shards, closedAt } of opened) {
    const worker = context.roster.at(receipt.worker)!.advert.node;
    const digests = concatBytes(shards.map((shard) => context.columns.digests(shard)));
    const batch = sealBatch({
      planId: context.planId,
      worker,
      shards,
      salts: receipt.salts,
      digests,
    });
    const leaves = interleave(sealLeaves(shards, batch.tuples), receipt.closed, closedAt);
    const root = sealBatchRoot(leaves);
    const body = sealBody({ planId: context.planId, worker, wave: receipt.wave }, root);
    if (!isSignedBy(worker, TAGS.signSeal, body, receipt.signature)) {
      return refuse('bad-receipt-signature', 'reject', `roster position ${receipt.worker}`);
    }
  }
  return undefined;
}

/** The batch in its order: closed leaves at their positions, opened ones in between. */
function interleave(
  opened: Uint8Array,
  closed: Uint8Array,
  closedAt: readonly number[],
): Uint8Array {
  if (closedAt.length === 0) return opened;
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const [i, at] of closedAt.entries()) {
    // Of the `at` leaves before this one, i are closed.
    const to = (at - i) * DIGEST_BYTES;
    parts.push(opened.subarray(from, to));
    parts.push(closed.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES));
    from = to;
  }
  return concatBytes([...parts, opened.subarray(from)]);
}
