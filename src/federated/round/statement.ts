/**
 * What a client signs when it sends an update: which training, which round on which past, how much
 * it claims to weigh, and exactly which bytes (docs/protocol/federated-round.md, section 3).
 */
import { compareBytes, concatBytes, equalBytes, toHex } from '../../base/bytes.ts';
import { DIGEST_BYTES, NODE_ID_BYTES, SIGNATURE_BYTES } from '../../base/ids.ts';
import type { Signer } from '../../base/ports.ts';
import { accept, type Checked, type Refusal, refuse } from '../../base/verdict.ts';
import { isSignedBy, signTagged } from '../../crypto/portable/signed.ts';
import { decodeCanonical, encodeCanonical } from '../../wire/cbor.ts';
import { bytes, type Infer, integer, list, oneOf, struct } from '../../wire/shape.ts';
import { TAGS } from '../../wire/tags.ts';
import { WEIGHT_TOTAL_MAX } from '../fixed-point.ts';
import { UPDATES_MAX } from '../rule/pipeline.ts';

/** One container: the largest dense model of 2^26 elements in q8. */
export const UPDATE_BYTES_MAX = 2 ** 27;
/** A signed statement, encoded, is well below. */
export const STATEMENT_BYTES_MAX = 512;

export const statementShape = struct({
  v: oneOf(1),
  training: bytes(DIGEST_BYTES),
  round: integer(0, 2 ** 32),
  parent: bytes(DIGEST_BYTES),
  client: bytes(NODE_ID_BYTES),
  weight: integer(1, WEIGHT_TOTAL_MAX),
  bytes: integer(1, UPDATE_BYTES_MAX),
  root: bytes(DIGEST_BYTES),
});
export type Statement = Infer<typeof statementShape>;

export const signedStatementShape = struct({
  statement: statementShape,
  signature: bytes(SIGNATURE_BYTES),
});
export type SignedStatement = Infer<typeof signedStatementShape>;

const listShape = list(signedStatementShape, UPDATES_MAX, 1);

export function signStatement(signer: Signer, statement: Omit<Statement, 'v'>): SignedStatement {
  const body: Statement = { v: 1, ...statement };
  return { statement: body, signature: signTagged(signer, TAGS.signUpdate, encodeCanonical(body)) };
}

/** What a statement must be about. */
export interface RoundPlace {
  readonly training: Uint8Array;
  readonly round: number;
  readonly parent: Uint8Array;
}

/** Reasons: `wrong-training`, `stale-round`, `wrong-parent`, `bad-signature`. */
export function checkStatement(
  { statement, signature }: SignedStatement,
  place: RoundPlace,
): Refusal | undefined {
  if (!equalBytes(statement.training, place.training)) return refuse('wrong-training');
  if (statement.round !== place.round) return refuse('stale-round', 'ignore');
  if (!equalBytes(statement.parent, place.parent)) return refuse('wrong-parent', 'ignore');
  const { client } = statement;
  if (!isSignedBy(client, TAGS.signUpdate, encodeCanonical(statement), signature)) {
    return refuse('bad-signature');
  }
  return undefined;
}

/** Ascending by client, as the kernel wants them. */
export function encodeStatements(signed: readonly SignedStatement[]): Uint8Array {
  const sorted = signed.toSorted((a, b) => compareBytes(a.statement.client, b.statement.client));
  return encodeCanonical(sorted);
}

/**
 * A round's whole list. Reasons: those of decoding and of `checkStatement`, `not-ascending`,
 * `duplicate-root`, `bad-weight`.
 */
export function decodeStatements(
  encoded: Uint8Array,
  place: RoundPlace,
): Checked<readonly SignedStatement[]> {
  const decoded = decodeCanonical(encoded, listShape, UPDATES_MAX * STATEMENT_BYTES_MAX);
  if (!decoded.ok) return decoded;
  const roots = new Set<string>();
  let weight = 0;
  for (const [i, signed] of decoded.value.entries()) {
    const { client, root } = signed.statement;
    const before = decoded.value[i - 1]?.statement.client;
    if (before !== undefined && compareBytes(before, client) >= 0) return refuse('not-ascending');
    if (roots.has(toHex(root))) return refuse('duplicate-root');
    roots.add(toHex(root));
    weight += signed.statement.weight;
    const problem = checkStatement(signed, place);
    if (problem !== undefined) return problem;
  }
  return weight > WEIGHT_TOTAL_MAX ? refuse('bad-weight') : accept(decoded.value);
}

/** Containers one after another, in the order of their statements. */
export function joinUpdates(
  entries: readonly { readonly client: Uint8Array; readonly container: Uint8Array }[],
): Uint8Array {
  const sorted = entries.toSorted((a, b) => compareBytes(a.client, b.client));
  return concatBytes(sorted.map(({ container }) => container));
}
