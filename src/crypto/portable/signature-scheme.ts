/**
 * How the seats of a cadre sign and how their signatures stand together in a certificate: one
 * interface for a list of signatures and for an aggregate of constant size. What every scheme must
 * do is test/conformance/signature-scheme.ts; design consensus.md section 1.13.
 */
import { concatBytes } from '../../base/bytes.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../../base/ids.ts';
import type { SignatureVerifier } from '../../base/ports.ts';
import { isAdmissibleKey } from './ed25519.ts';

/** The pure part: sizes, and how signatures are put together. */
export interface SignatureForm {
  readonly signatureBytes: number;
  /** Bytes of what a certificate of so many signers carries. */
  joinedBytes(signers: number): number;
  /** Joins checked signatures of distinct signers, in seat order. */
  join(signatures: readonly Uint8Array[]): Uint8Array;
  /** The signature of each signer, where they can be told apart; undefined for an aggregate. */
  parts(joined: Uint8Array): readonly Uint8Array[] | undefined;
}

export interface SignedBy {
  readonly key: Uint8Array;
  readonly message: Uint8Array;
}

export interface SignatureScheme extends SignatureForm {
  readonly name: string;
  readonly keyBytes: number;
  /** Bytes of a proof of possession; 0 where none is needed. */
  readonly proofBytes: number;
  /** True when a seat may have this key: well formed, and its holder has the secret. */
  admits(key: Uint8Array, proof: Uint8Array): boolean;
  /** One signature; false for anything malformed, never throws. The key was admitted. */
  verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** What a certificate carries: every key signed its message. Says nothing about single ones. */
  verifyJoined(signed: readonly SignedBy[], joined: Uint8Array): Promise<boolean>;
}

/** 64 bytes of every signer, one after the other, in seat order. */
export const LIST_FORM: SignatureForm = {
  signatureBytes: SIGNATURE_BYTES,
  joinedBytes: (signers) => signers * SIGNATURE_BYTES,
  join: concatBytes,
  parts: (joined) =>
    Array.from({ length: Math.floor(joined.length / SIGNATURE_BYTES) }, (_, i) =>
      joined.subarray(i * SIGNATURE_BYTES, (i + 1) * SIGNATURE_BYTES),
    ),
};

/** Ed25519 one by one, under the one rule of `ed25519.ts`, whoever computes it. */
export function ed25519List(verifier: SignatureVerifier): SignatureScheme {
  return {
    ...LIST_FORM,
    name: 'ed25519',
    keyBytes: PUBLIC_KEY_BYTES,
    // Nothing is added up, so a key that was chosen to cancel another's gains nothing.
    proofBytes: 0,
    admits: (key, proof) => proof.length === 0 && isAdmissibleKey(key),
    verify: (key, message, signature) => verifier.verify(key, message, signature),
    verifyJoined: async (signed, joined) => {
      if (joined.length !== signed.length * SIGNATURE_BYTES) return false;
      const parts = LIST_FORM.parts(joined)!;
      const held = await Promise.all(
        signed.map(({ key, message }, i) => verifier.verify(key, message, parts[i]!)),
      );
      return held.every((holds) => holds);
    },
  };
}
