/**
 * Pulling thousands of small blobs, each at most one leaf, in a few exchanges instead of thousands
 * (docs/protocol/blob.md, "Small blobs"). Each is checked against its own root; what one holder
 * lacks or spoils is asked of the next.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { BlobRef, SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import { type FetchNetwork, fetchBlob, type HolderFailure, unavailable } from './fetch.ts';
import {
  encodeBlobRequest,
  joinRoots,
  PIECE_BYTES_MAX,
  parseSmallEntries,
  SMALL_BLOBS_MAX,
} from './protocol.ts';
import { blobRoot, LEAF_BYTES } from './tree.ts';

/** Bytes asked for in one exchange, so that an answer stays small in memory on both sides. */
const EXCHANGE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The blobs in the order of `refs`; equal roots are fetched once and shared. Any size works; small
 * ones go together. Throws BLOB_UNAVAILABLE for the first blob that no holder delivered.
 */
export async function fetchBlobs(
  network: FetchNetwork,
  holders: readonly PeerId[],
  refs: readonly BlobRef[],
  options: SignalOption = {},
): Promise<Uint8Array[]> {
  const wanted = new Map<string, BlobRef>();
  for (const ref of refs) wanted.set(keyOf(ref), ref);
  const found = new Map<string, Uint8Array>();
  const failures: HolderFailure[] = [];
  const small = [...wanted.values()].filter(({ bytes }) => bytes <= LEAF_BYTES);
  for (const peer of holders) {
    const missing = small.filter((ref) => !found.has(keyOf(ref)));
    if (missing.length === 0) break;
    try {
      for (const batch of batchesOf(missing)) {
        await smallFrom(network, peer, batch, { ...options, found });
      }
    } catch (cause) {
      throwIfAborted(options.signal);
      if (!(cause instanceof KadreError) || cause.code === 'STOPPED') throw cause;
      failures.push({ peer, code: cause.code });
    }
  }
  for (const [key, ref] of wanted) {
    if (found.has(key)) continue;
    if (ref.bytes <= LEAF_BYTES) throw unavailable(ref, failures);
    found.set(key, await fetchBlob(network, { holders, ref }, options));
  }
  return refs.map((ref) => found.get(keyOf(ref))!);
}

/** Size belongs to the key: a root with two claimed sizes is two requests, one of them in vain. */
function keyOf(ref: BlobRef): string {
  return `${toHex(ref.root)}/${ref.bytes}`;
}

function* batchesOf(refs: readonly BlobRef[]): Generator<BlobRef[]> {
  let batch: BlobRef[] = [];
  let bytes = 0;
  for (const ref of refs) {
    const isFull = batch.length >= SMALL_BLOBS_MAX || bytes + ref.bytes > EXCHANGE_BYTES_MAX;
    if (isFull && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(ref);
    bytes += ref.bytes;
  }
  if (batch.length > 0) yield batch;
}

async function smallFrom(
  network: FetchNetwork,
  peer: PeerId,
  batch: readonly BlobRef[],
  options: SignalOption & { readonly found: Map<string, Uint8Array> },
): Promise<void> {
  const { found, signal } = options;
  const roots = joinRoots(batch.map(({ root }) => root));
  const body = encodeBlobRequest({ v: 1, kind: 'small', roots });
  let next = 0;
  for await (const piece of exchange(network, peer, body, { batch, signal })) {
    const entries = parseSmallEntries(piece);
    // An empty piece would let an answer go on for ever.
    if (entries === undefined || entries.length === 0 || next + entries.length > batch.length) {
      throw lied(network, peer, 'malformed-answer');
    }
    for (const content of entries) {
      const ref = batch[next]!;
      next += 1;
      if (content === undefined) continue;
      const isRight = content.length === ref.bytes && equalBytes(blobRoot(content), ref.root);
      if (!isRight) throw lied(network, peer, 'wrong-small-blob');
      found.set(keyOf(ref), content);
    }
  }
  if (next < batch.length) throw lied(network, peer, 'answer-too-short');
}

/** One piece as the answer to a request, several as a stream. */
async function* exchange(
  network: FetchNetwork,
  peer: PeerId,
  body: Uint8Array,
  { batch, signal }: SignalOption & { readonly batch: readonly BlobRef[] },
): AsyncGenerator<Uint8Array> {
  const bytes = batch.reduce((sum, ref) => sum + ref.bytes + 4, 0);
  if (bytes <= PIECE_BYTES_MAX) yield await network.request(peer, 'blob', body, { signal });
  else yield* network.openStream(peer, 'blob', body, { signal });
}

function lied(network: FetchNetwork, peer: PeerId, reason: string): KadreError {
  network.penalise(peer, 'reject', `blob-${reason}`);
  const init = { code: 'PEER_MISBEHAVED', peer, data: { reason } } as const;
  return new KadreError(init, `${peer} sent a wrong blob answer: ${reason}`);
}
