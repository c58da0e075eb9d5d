/**
 * What is kept of a round, and the chain that rounds make: each record names the hash of the one
 * before (docs/protocol/federated-round.md, section 6).
 */
import { DIGEST_BYTES, type Digest } from '../../base/ids.ts';
import type { Checked } from '../../base/verdict.ts';
import { blobRoot } from '../../blob/tree.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import { LIMITS } from '../../wire/limits.ts';
import { bytes, bytesUpTo, type Infer, integer, list, oneOf, struct } from '../../wire/shape.ts';
import { TAGS } from '../../wire/tags.ts';
import { UPDATES_MAX } from '../rule/pipeline.ts';
import { STATEMENT_BYTES_MAX } from './statement.ts';
import { PLAN_BYTES_MAX, ROUNDS_MAX } from './training-plan.ts';

export const roundRecordShape = struct({
  v: oneOf(1),
  kind: oneOf('round'),
  round: integer(0, 2 ** 32),
  parent: bytes(DIGEST_BYTES),
  /** The kernel's input of that name. */
  statements: bytesUpTo(UPDATES_MAX * STATEMENT_BYTES_MAX),
  state: bytes(DIGEST_BYTES),
  trace: bytes(DIGEST_BYTES),
  certificate: bytesUpTo(LIMITS.certificateBytesMax),
});
export type RoundRecord = Infer<typeof roundRecordShape>;

const chainShape = struct({
  v: oneOf(1),
  kind: oneOf('chain'),
  plan: bytesUpTo(PLAN_BYTES_MAX),
  rounds: list(roundRecordShape, ROUNDS_MAX),
});
export type Chain = Infer<typeof chainShape>;

/** One file; some 20,000 rounds of an ordinary cadre. */
export const CHAIN_BYTES_MAX = 2 ** 30;

/** What two certificates of one result have in common. */
export interface RoundBody extends Pick<RoundRecord, 'round' | 'parent' | 'state' | 'trace'> {
  readonly statements: Uint8Array;
  readonly jobId: Digest;
  readonly resultsRoot: Digest;
}

/** The parent of the next round. */
export function roundHash(body: RoundBody): Digest {
  const { round, parent, state, trace, jobId, resultsRoot } = body;
  const statements = blobRoot(body.statements);
  const content = { round, parent, statements, state, trace, jobId, resultsRoot };
  return taggedHash(TAGS.round, encodeCanonical(content));
}

export function encodeChain(plan: Uint8Array, rounds: readonly RoundRecord[]): Uint8Array {
  return encodeCanonical({ v: 1, kind: 'chain', plan, rounds: [...rounds] });
}

export const decodeChain = (encoded: Uint8Array): Checked<Chain> =>
  decodeCanonical(encoded, chainShape, CHAIN_BYTES_MAX);
