/**
 * A holder's side of the blob protocol: answers from a store, a quarter MiB at a time, at the pace
 * of the one who asked (docs/protocol/blob.md, "Exchange").
 */
import { concatBytes } from '../base/bytes.ts';
import { KadreError } from '../base/errors.ts';
import { DIGEST_BYTES, type PeerId } from '../base/ids.ts';
import type { BlobRef, BlobStore, Network, SignalOption } from '../base/ports.ts';
import { chunksOver } from './chunks.ts';
import {
  type BlobRequest,
  decodeBlobRequest,
  HELD,
  type LeafRun,
  leavesBytes,
  NOT_HELD,
  PIECE_BYTES_MAX,
  PIECE_HASHES_MAX,
  piecesOf,
  smallEntry,
  unflattenRuns,
} from './protocol.ts';
import { LEAF_BYTES } from './tree.ts';

export interface ServeBlobsComponents {
  readonly network: Pick<Network, 'handle' | 'penalise'>;
  readonly store: Pick<BlobStore, 'size' | 'part' | 'read' | 'leaves'>;
  /**
   * Asked for chunks that are not here, at most `PROVIDED_CHUNKS_MAX`: gets them into the store if
   * this node wants them anyway and owes them to that peer. Never throws; may take a while.
   */
  readonly provide?: (from: PeerId, wanted: WantedChunks) => Promise<void>;
}

export interface WantedChunks {
  readonly ref: BlobRef;
  readonly chunks: readonly number[];
}

/** Who wants more at once than this is better off with a holder that has it. */
const PROVIDED_CHUNKS_MAX = 4;

/** Answers blob requests until the returned function is called. */
export function serveBlobs(components: ServeBlobsComponents): () => void {
  return components.network.handle('blob', {
    stream: (from, body, options) => answer(components, from, body, options),
    request: (from, body, options) => answerAtOnce(components, from, body, options),
  });
}

/** A few small blobs over the stream that is open anyway: a stream of their own costs more. */
async function answerAtOnce(
  components: ServeBlobsComponents,
  from: PeerId,
  body: Uint8Array,
  options: SignalOption,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of answer(components, from, body, options)) {
    pieces.push(piece);
    if (pieces.length > 1) break;
  }
  if (pieces.length === 1) return pieces[0]!;
  throw new KadreError({ code: 'PEER_REFUSED' }, 'this answer needs a stream of its own');
}

async function* answer(
  components: ServeBlobsComponents,
  from: PeerId,
  body: Uint8Array,
  options: SignalOption,
): AsyncGenerator<Uint8Array> {
  const request = decodeBlobRequest(body);
  if (!request.ok) {
    components.network.penalise(from, request.penalty, `blob-request-${request.reason}`);
    throw new KadreError({ code: 'PEER_REFUSED' }, `malformed blob request: ${request.reason}`);
  }
  if (request.value.kind === 'leaves') yield* leaves(components, from, request.value, options);
  else yield* small(components, request.value, options);
}

type LeavesRequest = Extract<BlobRequest, { kind: 'leaves' }>;

async function* leaves(
  components: ServeBlobsComponents,
  from: PeerId,
  request: LeavesRequest,
  { signal }: SignalOption,
): AsyncGenerator<Uint8Array> {
  const { store } = components;
  const { root, bytes } = request;
  const hashes = (await holds(components, from, request)) ? await store.leaves(root) : undefined;
  if (hashes === undefined) {
    yield NOT_HELD;
    return;
  }
  yield HELD;
  if (request.hashes) {
    const step = PIECE_HASHES_MAX * DIGEST_BYTES;
    for (let at = 0; at < hashes.length; at += step) yield hashes.subarray(at, at + step);
  }
  const read = ({ first, count }: LeafRun) =>
    store.read(root, first * LEAF_BYTES, leavesBytes(bytes, first, count));
  // One piece is read while the one before is on its way: the disk does not wait for the network.
  let ahead: Promise<Uint8Array | undefined> | undefined;
  for (const run of piecesOf(unflattenRuns(request.runs))) {
    if (signal?.aborted) return;
    const ready = ahead;
    ahead = read(run);
    ahead.catch(() => undefined);
    if (ready !== undefined) yield stillHeld(await ready);
  }
  if (ahead !== undefined) yield stillHeld(await ahead);
}

/** Whether all that is asked for is here, perhaps because it was just fetched. */
async function holds(
  { store, provide }: ServeBlobsComponents,
  from: PeerId,
  { root, bytes, runs }: LeavesRequest,
): Promise<boolean> {
  const chunks = new Set<number>();
  for (const { first, count } of unflattenRuns(runs)) {
    const range = { offset: first * LEAF_BYTES, length: count * LEAF_BYTES };
    for (const chunk of chunksOver(range)) chunks.add(chunk);
  }
  const missing = (): number[] | undefined => {
    const part = store.part(root);
    if (part !== undefined && part.bytes !== bytes) return undefined;
    return [...chunks].filter((chunk) => part?.has(chunk) !== true);
  };
  const wanted = missing();
  if (wanted === undefined) return false;
  if (wanted.length > 0 && wanted.length <= PROVIDED_CHUNKS_MAX) {
    await provide?.(from, { ref: { root, bytes }, chunks: wanted });
  }
  return store.part(root) !== undefined && missing()?.length === 0;
}

function stillHeld(piece: Uint8Array | undefined): Uint8Array {
  if (piece !== undefined) return piece;
  throw new KadreError({ code: 'PEER_REFUSED' }, 'the blob is no longer held');
}

/** Reads overlap a little, because each is mostly waiting. */
const READS_AT_ONCE = 16;

async function* small(
  { store }: ServeBlobsComponents,
  request: Extract<BlobRequest, { kind: 'small' }>,
  { signal }: SignalOption,
): AsyncGenerator<Uint8Array> {
  const { roots } = request;
  let entries: Uint8Array[] = [];
  let entriesBytes = 0;
  const readAt = async (at: number): Promise<Uint8Array> => {
    const root = roots.subarray(at, at + DIGEST_BYTES);
    const bytes = await store.size(root);
    const isSmall = bytes !== undefined && bytes <= LEAF_BYTES;
    return smallEntry(isSmall ? await store.read(root, 0, bytes) : undefined);
  };
  for (let at = 0; at < roots.length; at += READS_AT_ONCE * DIGEST_BYTES) {
    if (signal?.aborted) return;
    const batch: Promise<Uint8Array>[] = [];
    const end = Math.min(roots.length, at + READS_AT_ONCE * DIGEST_BYTES);
    for (let next = at; next < end; next += DIGEST_BYTES) batch.push(readAt(next));
    for (const entry of await Promise.all(batch)) {
      if (entriesBytes > 0 && entriesBytes + entry.length > PIECE_BYTES_MAX) {
        yield concatBytes(entries);
        entries = [];
        entriesBytes = 0;
      }
      entries.push(entry);
      entriesBytes += entry.length;
    }
  }
  if (entriesBytes > 0) yield concatBytes(entries);
}
