/**
 * Pulling blobs, or ranges of them, from whoever holds them. Nothing is handed on before its 64 KiB
 * leaves match the blob's tree; a holder that cuts, refuses or lies is left for the next one, which
 * goes on where the last verified leaf was (docs/protocol/blob.md, "Fetching").
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { DIGEST_BYTES, type PeerId } from '../base/ids.ts';
import type { BlobRef, Network, SignalOption } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import {
  encodeBlobRequest,
  isFetchable,
  type LeafRun,
  leafCount,
  leavesBytes,
  PIECE_HASHES_MAX,
  piecesOf,
  RUNS_MAX,
} from './protocol.ts';
import { blobLeaves, blobRootOf, LEAF_BYTES } from './tree.ts';

export type FetchNetwork = Pick<Network, 'openStream' | 'request' | 'penalise'>;

export interface BlobSource {
  /** In order of preference; each is tried a few times at most. */
  readonly holders: readonly PeerId[];
  readonly ref: BlobRef;
  /** The blob's leaf hashes, where they are known; else the first holder is asked for them. */
  readonly leaves?: Uint8Array;
  /** Hears of each holder that was left for the next. */
  readonly onFailure?: (failure: HolderFailure) => void;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Verified content of consecutive whole leaves. */
export interface VerifiedPiece {
  /** Byte offset of the piece in the blob; a multiple of the leaf size. */
  readonly offset: number;
  readonly content: Uint8Array;
}

export interface HolderFailure {
  readonly peer: PeerId;
  readonly code: string;
}

/** Times that the list of holders is gone through before giving up. */
const PASSES_MAX = 3;

/**
 * The bytes of each range, in the order asked. Throws BLOB_UNAVAILABLE with what each holder did,
 * BAD_PARAMETER for a range outside the blob, and the signal's reason.
 */
export async function fetchRanges(
  network: FetchNetwork,
  source: BlobSource,
  ranges: readonly ByteRange[],
  options: SignalOption = {},
): Promise<Uint8Array[]> {
  const { bytes } = source.ref;
  for (const { offset, length } of ranges) {
    const fits = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    if (fits && offset >= 0 && length >= 0 && offset + length <= bytes) continue;
    const init = { code: 'BAD_PARAMETER', data: { offset, length, bytes } } as const;
    throw new KadreError(init, `range ${offset}+${length} is outside a blob of ${bytes} bytes`);
  }
  const out = ranges.map(({ length }) => new Uint8Array(length));
  const ascending = ranges.map((range, index) => ({ ...range, into: out[index]! }));
  ascending.sort((a, b) => a.offset - b.offset);
  let started = 0;
  let active: typeof ascending = [];
  for await (const piece of fetchPieces(network, source, runsOf(ascending), options)) {
    const end = piece.offset + piece.content.length;
    while (started < ascending.length && ascending[started]!.offset < end) {
      active.push(ascending[started]!);
      started += 1;
    }
    for (const range of active) copyOverlap(piece, range);
    active = active.filter(({ offset, length }) => offset + length > end);
  }
  return out;
}

/** A whole blob. Same errors as `fetchRanges`. */
export async function fetchBlob(
  network: FetchNetwork,
  source: BlobSource,
  options: SignalOption = {},
): Promise<Uint8Array> {
  const { bytes } = source.ref;
  const out = new Uint8Array(isFetchable(source.ref) ? bytes : 0);
  const all = [{ first: 0, count: leafCount(bytes) }];
  for await (const { offset, content } of fetchPieces(network, source, all, options)) {
    out.set(content, offset);
  }
  return out;
}

/**
 * Verified pieces of the runs, ascending, under back-pressure: the next piece is asked of the
 * network when the loop asks for it. Holds one piece and the blob's leaf hashes.
 */
export async function* fetchPieces(
  network: FetchNetwork,
  source: BlobSource,
  runs: readonly LeafRun[],
  options: SignalOption = {},
): AsyncGenerator<VerifiedPiece, void> {
  // First of all: a claimed size decides how much is laid out for it.
  if (!isFetchable(source.ref)) throw unavailable(source.ref, []);
  const pieces = [...piecesOf(mergeRuns(runs))];
  if (pieces.length === 0) return;
  yield* fromHolders(network, source, { pieces, done: 0, hashes: source.leaves }, options);
}

/** The leaf hashes of a blob, 32 bytes each, which lead to its root. Same errors as above. */
export async function fetchLeaves(
  network: FetchNetwork,
  source: BlobSource,
  options: SignalOption = {},
): Promise<Uint8Array> {
  if (!isFetchable(source.ref)) throw unavailable(source.ref, []);
  const progress: Progress = { pieces: [], done: 0, hashes: undefined };
  for await (const _ of fromHolders(network, source, progress, options));
  return progress.hashes!;
}

async function* fromHolders(
  network: FetchNetwork,
  { holders, ref, onFailure }: BlobSource,
  progress: Progress,
  options: SignalOption,
): AsyncGenerator<VerifiedPiece, void> {
  const failures: HolderFailure[] = [];
  const useless = new Set<PeerId>();
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    for (const peer of holders) {
      if (useless.has(peer)) continue;
      try {
        do {
          yield* piecesFrom({ network, peer, ref }, progress, options);
        } while (progress.done < progress.pieces.length);
        return;
      } catch (cause) {
        throwIfAborted(options.signal);
        if (!(cause instanceof KadreError) || cause.code === 'STOPPED') throw cause;
        failures.push({ peer, code: cause.code });
        onFailure?.({ peer, code: cause.code });
        // Only a peer that could not be reached may do better a moment later.
        if (cause.code !== 'PEER_UNREACHABLE') useless.add(peer);
      }
    }
  }
  if (progress.done === progress.pieces.length && progress.hashes !== undefined) return;
  throw unavailable(ref, failures);
}

/** What outlives a change of holder: how many pieces came, and the verified leaf hashes. */
interface Progress {
  readonly pieces: readonly LeafRun[];
  done: number;
  hashes: Uint8Array | undefined;
}

interface Holder {
  readonly network: FetchNetwork;
  readonly peer: PeerId;
  readonly ref: BlobRef;
}

async function* piecesFrom(
  holder: Holder,
  progress: Progress,
  options: SignalOption,
): AsyncGenerator<VerifiedPiece> {
  const { network, peer, ref } = holder;
  const runs = mergeRuns(progress.pieces.slice(progress.done)).slice(0, RUNS_MAX);
  const body = encodeBlobRequest({
    v: 1,
    kind: 'leaves',
    root: ref.root,
    bytes: ref.bytes,
    hashes: progress.hashes === undefined,
    runs: runs.flatMap(({ first, count }) => [first, count]),
  });
  const answer = network.openStream(peer, 'blob', body, options)[Symbol.asyncIterator]();
  try {
    const held = await nextPiece(holder, answer);
    if (held.length !== 1 || held[0]! > 1) throw lied(holder, 'malformed-answer');
    if (held[0] === 0) throw new KadreError({ code: 'PEER_REFUSED', peer }, 'blob not held');
    progress.hashes ??= await leafHashes(holder, answer);
    for (const { first, count } of piecesOf(runs)) {
      const content = await nextPiece(holder, answer);
      const expected = progress.hashes.subarray(
        first * DIGEST_BYTES,
        (first + count) * DIGEST_BYTES,
      );
      const isRight =
        content.length === leavesBytes(ref.bytes, first, count) &&
        equalBytes(blobLeaves(content), expected);
      if (!isRight) throw lied(holder, 'wrong-leaf');
      progress.done += 1;
      yield { offset: first * LEAF_BYTES, content };
    }
  } finally {
    await answer.return?.();
  }
}

async function leafHashes(holder: Holder, answer: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const { root, bytes } = holder.ref;
  const hashes = new Uint8Array(leafCount(bytes) * DIGEST_BYTES);
  for (let at = 0; at < hashes.length; ) {
    const piece = await nextPiece(holder, answer);
    const expected = Math.min(PIECE_HASHES_MAX * DIGEST_BYTES, hashes.length - at);
    if (piece.length !== expected) throw lied(holder, 'malformed-answer');
    hashes.set(piece, at);
    at += piece.length;
  }
  if (!equalBytes(blobRootOf(hashes, bytes), root)) throw lied(holder, 'wrong-leaf-hashes');
  return hashes;
}

async function nextPiece(holder: Holder, answer: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const next = await answer.next();
  if (!next.done) return next.value;
  throw lied(holder, 'answer-too-short');
}

function lied({ network, peer }: Holder, reason: string): KadreError {
  network.penalise(peer, 'reject', `blob-${reason}`);
  const init = { code: 'PEER_MISBEHAVED', peer, data: { reason } } as const;
  return new KadreError(init, `${peer} sent a wrong blob answer: ${reason}`);
}

/** The error when every holder was tried in vain. */
export function unavailable(ref: BlobRef, failures: readonly HolderFailure[]): KadreError {
  const tally = failures.map(({ peer, code }) => `${peer} ${code}`).join(', ') || 'no holder';
  return new KadreError(
    { code: 'BLOB_UNAVAILABLE', data: { root: toHex(ref.root), bytes: ref.bytes, failures } },
    `blob ${toHex(ref.root)} could not be fetched: ${tally}`,
  );
}

/** Leaf runs that cover the ranges, which are ascending by offset; touching runs are joined. */
function runsOf(ranges: readonly ByteRange[]): LeafRun[] {
  const runs: LeafRun[] = [];
  for (const { offset, length } of ranges) {
    if (length === 0) continue;
    const first = Math.floor(offset / LEAF_BYTES);
    const end = Math.ceil((offset + length) / LEAF_BYTES);
    runs.push({ first, count: end - first });
  }
  return mergeRuns(runs);
}

/** Joins runs that touch or overlap; the input is ascending by first leaf. */
function mergeRuns(runs: readonly LeafRun[]): LeafRun[] {
  const merged: LeafRun[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    const end = last === undefined ? -1 : last.first + last.count;
    if (last === undefined || run.first > end) {
      merged.push(run);
    } else {
      const newEnd = Math.max(end, run.first + run.count);
      merged[merged.length - 1] = { first: last.first, count: newEnd - last.first };
    }
  }
  return merged;
}

function copyOverlap(piece: VerifiedPiece, range: ByteRange & { readonly into: Uint8Array }): void {
  const start = Math.max(piece.offset, range.offset);
  const end = Math.min(piece.offset + piece.content.length, range.offset + range.length);
  if (start >= end) return;
  const bytes = piece.content.subarray(start - piece.offset, end - piece.offset);
  range.into.set(bytes, start - range.offset);
}
