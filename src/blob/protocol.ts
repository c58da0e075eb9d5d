/**
 * What is asked of a blob holder and in which pieces it answers. Both sides derive the pieces from
 * the request alone, so nothing on the wire says how long anything is (docs/protocol/blob.md,
 * "Exchange").
 */
import { concatBytes, u32 } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest } from '../base/ids.ts';
import type { BlobRef } from '../base/ports.ts';
import type { Checked } from '../base/verdict.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import {
  boolean,
  bytes,
  bytesUpTo,
  type Infer,
  integer,
  list,
  oneOf,
  struct,
  variant,
} from '../wire/shape.ts';
import { LEAF_BYTES } from './tree.ts';

/** Largest blob: its list of leaf hashes is then 32 MiB. */
export const BLOB_BYTES_MAX = 2 ** 36;
/** Leaf runs in one request; a fetch that needs more asks again. */
export const RUNS_MAX = 1024;
/** Small blobs in one request, each at most one leaf. */
export const SMALL_BLOBS_MAX = 4096;
/** Leaves and leaf hashes per piece: about a quarter MiB either way. */
export const PIECE_LEAVES_MAX = 4;
export const PIECE_HASHES_MAX = 8192;
export const PIECE_BYTES_MAX = PIECE_LEAVES_MAX * LEAF_BYTES;
const REQUEST_BYTES_MAX = 256 * 1024;

const LEAVES_MAX = BLOB_BYTES_MAX / LEAF_BYTES;

const requestShape = variant('kind', {
  leaves: struct({
    v: oneOf(1),
    kind: oneOf('leaves'),
    root: bytes(DIGEST_BYTES),
    bytes: integer(0, BLOB_BYTES_MAX),
    hashes: boolean,
    /** First leaf and count of each run, flattened; ascending and disjoint. */
    runs: list(integer(0, LEAVES_MAX), 2 * RUNS_MAX),
  }),
  small: struct({
    v: oneOf(1),
    kind: oneOf('small'),
    roots: bytesUpTo(SMALL_BLOBS_MAX * DIGEST_BYTES, DIGEST_BYTES),
  }),
});

export type BlobRequest = Infer<typeof requestShape>;

export interface LeafRun {
  readonly first: number;
  readonly count: number;
}

export function encodeBlobRequest(request: BlobRequest): Uint8Array {
  return encodeCanonical(request);
}

/** Also refuses runs that are out of order, overlap, are empty or leave the blob. */
export function decodeBlobRequest(body: Uint8Array): Checked<BlobRequest> {
  const decoded = decodeCanonical(body, requestShape, REQUEST_BYTES_MAX);
  if (!decoded.ok || decoded.value.kind !== 'leaves') return decoded;
  const { runs, bytes: blobBytes } = decoded.value;
  let end = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const first = runs[i]!;
    const count = runs[i + 1] ?? 0;
    if (count === 0 || first < end || first + count > leafCount(blobBytes)) {
      return { ok: false, penalty: 'reject', reason: 'bad-leaf-runs' };
    }
    end = first + count;
  }
  return decoded;
}

export function leafCount(blobBytes: number): number {
  return Math.max(1, Math.ceil(blobBytes / LEAF_BYTES));
}

/** Content bytes of `count` leaves from `first` in a blob of this size. */
export function leavesBytes(blobBytes: number, first: number, count: number): number {
  return Math.min(blobBytes, (first + count) * LEAF_BYTES) - first * LEAF_BYTES;
}

export function unflattenRuns(runs: readonly number[]): LeafRun[] {
  const out: LeafRun[] = [];
  for (let i = 0; i < runs.length; i += 2) out.push({ first: runs[i]!, count: runs[i + 1]! });
  return out;
}

/** The runs cut to what one piece carries, in order. */
export function* piecesOf(runs: Iterable<LeafRun>): Generator<LeafRun> {
  for (const { first, count } of runs) {
    for (let at = 0; at < count; at += PIECE_LEAVES_MAX) {
      yield { first: first + at, count: Math.min(PIECE_LEAVES_MAX, count - at) };
    }
  }
}

export const HELD = Uint8Array.of(1);
export const NOT_HELD = Uint8Array.of(0);

/** One entry of a small-blob piece: u32 length + 1 and the bytes, or u32 0 when not held. */
export function smallEntry(content: Uint8Array | undefined): Uint8Array {
  return content === undefined ? u32(0) : concatBytes([u32(content.length + 1), content]);
}

/** Entries of one piece; undefined when it does not parse to the last byte. */
export function parseSmallEntries(piece: Uint8Array): (Uint8Array | undefined)[] | undefined {
  const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
  const entries: (Uint8Array | undefined)[] = [];
  let at = 0;
  while (at < piece.length) {
    if (at + 4 > piece.length) return undefined;
    const length = view.getUint32(at);
    at += 4;
    if (length === 0) {
      entries.push(undefined);
      continue;
    }
    if (at + length - 1 > piece.length) return undefined;
    entries.push(piece.slice(at, at + length - 1));
    at += length - 1;
  }
  return entries;
}

/** A reference that this protocol can carry. */
export function isFetchable(ref: BlobRef): boolean {
  return (
    ref.root.length === DIGEST_BYTES &&
    Number.isSafeInteger(ref.bytes) &&
    ref.bytes >= 0 &&
    ref.bytes <= BLOB_BYTES_MAX
  );
}

export function joinRoots(roots: readonly Digest[]): Uint8Array {
  return concatBytes([...roots]);
}
