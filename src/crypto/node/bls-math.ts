/**
 * BLS12-381 with keys in G1 (48 bytes) and signatures in G2 (96 bytes), in the ciphersuite
 * BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_, by the blst library. Keys are checked once, for the
 * group and against infinity, and remembered; signatures are checked whenever they are read.
 * Everything here computes for milliseconds: node code runs it in a worker (`bls-scheme.ts`).
 * Sources: draft-irtf-cfrg-bls-signature-05; design consensus.md section 1.13.
 */
import {
  aggregateSignatures,
  aggregateVerify,
  fastAggregateVerify,
  PublicKey,
  SecretKey,
  Signature,
  verify,
  verifyMultipleAggregateSignatures,
} from '@chainsafe/blst';
import { concatBytes, equalBytes, toHex } from '../../base/bytes.ts';
import type { DomainTag } from '../portable/hash.ts';
import type { SignedBy } from '../portable/signature-scheme.ts';
import { signingBytes } from '../portable/signed.ts';

export const BLS_KEY_BYTES = 48;
export const BLS_SIGNATURE_BYTES = 96;
/** Parsed keys that are remembered; a cadre has a hundred at most. */
const KEYS_CACHED_MAX = 1_024;

export interface SignedTriple extends SignedBy {
  readonly signature: Uint8Array;
}

export interface BlsSigner {
  readonly publicKey: Uint8Array;
  /** Proof of possession: the key's own signature over itself, under a tag of its own. */
  readonly proof: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** `possessionTag` is the domain of proofs of possession: `TAGS.consensusPossession`. */
export function blsSignerFromSeed(seed: Uint8Array, possessionTag: DomainTag): BlsSigner {
  const secret = SecretKey.fromKeygen(seed);
  const publicKey = copied(secret.toPublicKey().toBytes());
  const sign = (message: Uint8Array) => copied(secret.sign(message).toBytes());
  return { publicKey, proof: sign(signingBytes(possessionTag, publicKey)), sign };
}

/** A key whose holder can sign with it, which no sum of other people's keys is. */
export function hasPossession(
  key: Uint8Array,
  proof: Uint8Array,
  possessionTag: DomainTag,
): boolean {
  const message = signingBytes(possessionTag, key);
  return verifyEach([{ key, message, signature: proof }])[0]!;
}

/** The sum of checked signatures. */
export function addSignatures(signatures: readonly Uint8Array[]): Uint8Array {
  const parsed = signatures.map((signature) => Signature.fromBytes(signature, false));
  return copied(aggregateSignatures(parsed, false).toBytes());
}

/**
 * Which of these hold. All at once with random coefficients, so that wrong ones cannot cancel each
 * other; only when that fails one by one, which names the culprits and spares everyone else.
 */
export function verifyEach(triples: readonly SignedTriple[]): boolean[] {
  const sets = triples.map(parseTriple);
  const whole = sets.filter((set) => set !== undefined);
  if (whole.length > 1 && verifyMultipleAggregateSignatures(whole, false, false)) {
    return sets.map((set) => set !== undefined);
  }
  return sets.map((set) => set !== undefined && verify(set.msg, set.pk, set.sig, false, false));
}

/** Whether the sum of one signature by each key over its message is this one. */
export function verifySum(signed: readonly SignedBy[], sum: Uint8Array): boolean {
  const keys = signed.map(({ key }) => parseKey(key));
  const signature = parseSignature(sum);
  if (signature === undefined || keys.length === 0) return false;
  const parsed = keys.filter((key) => key !== undefined);
  if (parsed.length < keys.length) return false;
  const { message } = signed[0]!;
  const isOneMessage = signed.every((other) => equalBytes(other.message, message));
  if (isOneMessage) return fastAggregateVerify(message, parsed, signature, false);
  // Possession was proven, so messages need not differ from each other.
  const messages = signed.map((entry) => entry.message);
  return aggregateVerify(messages, parsed, signature, false, false);
}

function parseTriple({ key, message, signature }: SignedTriple) {
  const pk = parseKey(key);
  const sig = parseSignature(signature);
  return pk === undefined || sig === undefined ? undefined : { msg: message, pk, sig };
}

const keys = new Map<string, PublicKey>();

function parseKey(key: Uint8Array): PublicKey | undefined {
  if (key.length !== BLS_KEY_BYTES) return undefined;
  const name = toHex(key);
  let parsed = keys.get(name);
  try {
    parsed ??= PublicKey.fromBytes(key, true);
  } catch {
    return undefined;
  }
  if (keys.size >= KEYS_CACHED_MAX) keys.delete(keys.keys().next().value!);
  keys.set(name, parsed);
  return parsed;
}

function parseSignature(signature: Uint8Array): Signature | undefined {
  if (signature.length !== BLS_SIGNATURE_BYTES) return undefined;
  try {
    return Signature.fromBytes(signature, true, true);
  } catch {
    return undefined;
  }
}

/** Out of the library's own buffer. */
function copied(bytes: Uint8Array): Uint8Array {
  return concatBytes([bytes]);
}
