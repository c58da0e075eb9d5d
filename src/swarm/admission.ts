/**
 * Who belongs to a network that does not take everybody, and how a node shows that it does: an
 * invitation that the network's authority signed, or the solution of a puzzle about the node's own
 * identity (docs/protocol/advert.md, section 6). The proof is bound to one network and one node, so
 * that whoever sees it gains nothing. Pure, and works in browsers: `verify` judges with it.
 */
import { fromHex, toHex } from '../base/bytes.ts';
import { type NodeId, nodeIdOf, SIGNATURE_BYTES } from '../base/ids.ts';
import type { Signer } from '../base/ports.ts';
import { type Refusal, refuse } from '../base/verdict.ts';
import { sha256, taggedHash } from '../crypto/portable/hash.ts';
import { isSignedBy, signTagged } from '../crypto/portable/signed.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { TAGS } from '../wire/tags.ts';
import type { Admission } from './advert.ts';
import type { AdmissionRule } from './network-file.ts';

/** What a node must know of admission: the network's rule, and its own proof where one is asked. */
export interface Membership {
  readonly rule: AdmissionRule;
  readonly own?: Admission | undefined;
}

export const ANYBODY: Membership = { rule: { kind: 'none' } };

/** The authority's word that `node` belongs to `network`; 64 bytes. */
export function signInvitation(authority: Signer, network: string, node: NodeId): Uint8Array {
  return signTagged(authority, TAGS.signInvitation, subjectOf(network, node));
}

/** 128 hexadecimal digits to an admission; undefined for anything else. */
export function parseInvitation(text: string): Admission | undefined {
  const proof = fromHex(text);
  return proof?.length === SIGNATURE_BYTES ? { kind: 'invite', proof } : undefined;
}

export function formatInvitation(proof: Uint8Array): string {
  return toHex(proof);
}

/**
 * Undefined when the network's rule takes this node. Reasons: `unsupported-admission` (a proof
 * where nobody asks for one must not look like an admitted node), `not-admitted` (none, or of
 * another kind), `bad-admission` (of the right kind, and it does not hold).
 */
export function checkAdmission(
  rule: AdmissionRule,
  network: string,
  node: NodeId,
  shown: Admission | undefined,
): Refusal | undefined {
  if (rule.kind === 'none') {
    return shown === undefined ? undefined : refuse('unsupported-admission');
  }
  if (shown?.kind !== rule.kind) return refuse('not-admitted');
  const holds =
    rule.kind === 'open'
      ? leadingZeroBits(puzzleHash(puzzleOf(network, node), shown.proof)) >= rule.bits
      : isInvited(rule.authority, network, node, shown.proof);
  return holds ? undefined : refuse('bad-admission');
}

/** One try after another at the puzzle of a node: a caller chooses how many at a time. */
export class PuzzleSearch {
  readonly #puzzle: Uint8Array;
  readonly #bits: number;
  readonly #proof = new Uint8Array(SIGNATURE_BYTES);
  readonly #counter = new DataView(this.#proof.buffer);
  #tried = 0;

  constructor(network: string, node: NodeId, bits: number) {
    this.#puzzle = puzzleOf(network, node);
    this.#bits = bits;
  }

  /** Tries so many more; the solution, or undefined when none of them is one. */
  attempt(tries: number): Admission | undefined {
    for (const end = this.#tried + tries; this.#tried < end; this.#tried++) {
      this.#counter.setBigUint64(0, BigInt(this.#tried));
      if (leadingZeroBits(puzzleHash(this.#puzzle, this.#proof)) >= this.#bits) {
        return { kind: 'open', proof: this.#proof.slice() };
      }
    }
    return undefined;
  }
}

function isInvited(authority: string, network: string, node: NodeId, proof: Uint8Array): boolean {
  const signer = nodeIdOf(authority);
  if (signer === undefined) return false;
  return isSignedBy(signer, TAGS.signInvitation, subjectOf(network, node), proof);
}

function subjectOf(network: string, node: NodeId): Uint8Array {
  return encodeCanonical({ network, node });
}

function puzzleOf(network: string, node: NodeId): Uint8Array {
  return taggedHash(TAGS.puzzle, subjectOf(network, node));
}

function puzzleHash(puzzle: Uint8Array, proof: Uint8Array): Uint8Array {
  const message = new Uint8Array(puzzle.length + proof.length);
  message.set(puzzle);
  message.set(proof, puzzle.length);
  return sha256(message);
}

function leadingZeroBits(digest: Uint8Array): number {
  const at = digest.findIndex((byte) => byte !== 0);
  return at < 0 ? 8 * digest.length : 8 * at + Math.clz32(digest[at]!) - 24;
}
