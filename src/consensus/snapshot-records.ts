/**
 * A snapshot in the log: the certificate, headers and content that it was checked with, in parts
 * that fit records; the last part completes it (docs/protocol/consensus.md, "Log records").
 */
import { concatBytes } from '../base/bytes.ts';
import type { Checked } from '../base/verdict.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { bytesUpTo, type Infer, list, oneOf, struct } from '../wire/shape.ts';
import { ERA_BLOCKS } from './eras.ts';
import type { LogRecord } from './log-records.ts';
import { SNAPSHOT_BYTES_MAX, SNAPSHOT_CHUNK_BYTES } from './messages.ts';
import { encodeSnapshot, type Snapshot } from './snapshot.ts';
import { blockShape, commitCertShape } from './types.ts';

/** A header of a hundred seats with all its references, with room to spare. */
const HEADER_BYTES_MAX = 32 << 10;
const STORED_BYTES_MAX = SNAPSHOT_BYTES_MAX + 2 * ERA_BLOCKS * HEADER_BYTES_MAX;

const storedShape = struct({
  v: oneOf(1),
  cert: commitCertShape,
  headers: list(blockShape, 2 * ERA_BLOCKS),
  snapshot: bytesUpTo(SNAPSHOT_BYTES_MAX),
});
export type StoredSnapshot = Infer<typeof storedShape>;

export function snapshotRecords(
  { cert, headers, evidence }: Snapshot,
  content: { readonly height: number; readonly state: Uint8Array },
): LogRecord[] {
  const snapshot = encodeSnapshot({ ...content, evidence: evidence.map(({ bytes }) => bytes) });
  const stored = encodeCanonical({ v: 1, cert, headers: [...headers], snapshot });
  const parts = Math.ceil(stored.length / SNAPSHOT_CHUNK_BYTES);
  return Array.from({ length: parts }, (_, part) => {
    const at = part * SNAPSHOT_CHUNK_BYTES;
    const bytes = stored.subarray(at, at + SNAPSHOT_CHUNK_BYTES);
    return { kind: 'snapshot', part, parts, bytes };
  });
}

/** From all parts, in order. */
export function readSnapshotRecords(parts: Uint8Array[]): Checked<StoredSnapshot> {
  return decodeCanonical(concatBytes(parts), storedShape, STORED_BYTES_MAX);
}
