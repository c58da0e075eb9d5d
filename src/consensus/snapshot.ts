/**
 * A snapshot: the application's state after the last block of an era, for a member that lacks more
 * blocks than others keep. Nothing in it is believed: its block lies on the chain under a commit
 * certificate, the state must have the roots that this block claims, and everything else that
 * decides about later blocks follows from the headers of its era. Format:
 * docs/protocol/consensus.md, "Snapshots"; design consensus.md section 1.8; ADR 0205.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { decodeCanonical, encodeCanonical } from '../wire/cbor.ts';
import { bytesUpTo, type Infer, integer, list, oneOf, struct } from '../wire/shape.ts';
import type { Executed } from './application.ts';
import { eraOf, eraStart, isCheckpoint } from './eras.ts';
import type { HeldEvidence } from './evidence.ts';
import { blockId, EVIDENCE_BYTES_MAX, SNAPSHOT_BYTES_MAX } from './messages.ts';
import { type Block, type CommitCert, SEATS_MAX, type Verified } from './types.ts';

/** Faults of three kinds, each of a seat at most once in an era. */
const EVIDENCE_MAX = 3 * SEATS_MAX;

const snapshotShape = struct({
  v: oneOf(1),
  height: integer(1),
  /** What the blocks of the era that ends here refer to, in chain order. */
  evidence: list(bytesUpTo(EVIDENCE_BYTES_MAX), EVIDENCE_MAX),
  /** As the application wrote it. */
  state: bytesUpTo(SNAPSHOT_BYTES_MAX),
});
export type SnapshotBody = Infer<typeof snapshotShape>;

export function encodeSnapshot(body: Omit<SnapshotBody, 'v'>): Uint8Array {
  return encodeCanonical({ v: 1, ...body });
}

export function decodeSnapshot(encoded: Uint8Array): Checked<SnapshotBody> {
  return decodeCanonical(encoded, snapshotShape, SNAPSHOT_BYTES_MAX);
}

/** What a replica installs. */
export interface Snapshot {
  readonly cert: Verified<CommitCert>;
  /**
   * From the certified block down to the first block of the era that ends with the snapshot's own;
   * newest first.
   */
  readonly headers: readonly Block[];
  /** What blocks of that era refer to; proven. */
  readonly evidence: readonly HeldEvidence[];
  /** The state after the snapshot's block, restored from its content; an S of the application. */
  readonly executed: Executed<unknown>;
}

/** A chain of headers, cut where a snapshot belongs. */
export interface CutChain {
  /** The last block of its era: whose state is wanted. */
  readonly checkpoint: Block;
  /** The blocks of that era, oldest first, the checkpoint last. */
  readonly era: readonly Block[];
  /** The blocks after it, oldest first, the certified one last. */
  readonly after: readonly Block[];
}

/** Height at which a walk backwards from a block of this height may end without connecting. */
export const walkEnd = (height: number): number => eraStart(eraOf(height) - 1);

/**
 * Checks that the headers hang together under the certificate and reach back one whole era.
 * Reasons: `snapshot-chain`, `snapshot-span`.
 */
export function cutChain(
  cert: Pick<CommitCert, 'blockId' | 'height'>,
  headers: readonly Block[],
): Checked<CutChain> {
  let wanted = cert.blockId;
  for (const [i, header] of headers.entries()) {
    const isNext = header.height === cert.height - i && equalBytes(blockId(header), wanted);
    if (!isNext) return refuse('snapshot-chain');
    wanted = header.parentId;
  }
  const oldest = headers.at(-1);
  if (oldest === undefined || oldest.height !== walkEnd(cert.height))
    return refuse('snapshot-span');
  const chain = headers.toReversed();
  const at = chain.findIndex(({ height }) => isCheckpoint(height));
  if (at < 0) return refuse('snapshot-span');
  return accept({
    checkpoint: chain[at]!,
    era: chain.slice(0, at + 1),
    after: chain.slice(at + 1),
  });
}

/** What the blocks refer to, in their order. Reason: `snapshot-evidence`. */
export function evidenceOfEra(
  era: readonly Block[],
  evidence: readonly HeldEvidence[],
): Checked<readonly (readonly HeldEvidence[])[]> {
  const byKey = new Map(evidence.map((held) => [held.key, held]));
  const carried: HeldEvidence[][] = [];
  for (const block of era) {
    const held = block.evidence.map((ref) => byKey.get(toHex(ref)));
    if (held.some((one) => one === undefined)) return refuse('snapshot-evidence');
    carried.push(held as HeldEvidence[]);
  }
  return accept(carried);
}
