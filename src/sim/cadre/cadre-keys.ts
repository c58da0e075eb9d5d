/**
 * Signatures for worlds of many seeds: keyed hashes instead of curves. Unforgeable there, because
 * only the holder of a secret can sign with it and only this object, which nobody in the world can
 * read, knows which secret stands behind a key. Not for use outside a simulation.
 */
import { concatBytes, u64, utf8 } from '../../base/bytes.ts';
import type { SignatureVerifier } from '../../base/ports.ts';
import { sha256 } from '../../crypto/portable/hash.ts';
import { type Signing, textOf } from '../sim-keys.ts';

export interface FastSigner {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export class CadreKeys {
  readonly #secrets = new Map<string, Uint8Array>();

  /** The signer of a seat; the same name gives the same key. */
  signer(seed: number, seat: number, observe: (signing: Signing) => void = () => {}): FastSigner {
    const secret = sha256(concatBytes([utf8('cadre key'), u64(seed), u64(seat)]));
    const publicKey = sha256(secret);
    this.#secrets.set(textOf(publicKey), secret);
    const sign = (message: Uint8Array) => {
      const signature = signWith(secret, message);
      observe({ publicKey, message, signature });
      return signature;
    };
    return { publicKey, sign };
  }

  /** For the invariants, which wait for nobody. */
  isValid(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const secret = this.#secrets.get(textOf(publicKey));
    return secret !== undefined && textOf(signWith(secret, message)) === textOf(signature);
  }

  readonly verifier: SignatureVerifier = {
    verify: async (publicKey, message, signature) => this.isValid(publicKey, message, signature),
  };
}

/** 64 bytes, as Ed25519's. */
function signWith(secret: Uint8Array, message: Uint8Array): Uint8Array {
  const first = sha256(concatBytes([secret, message]));
  return concatBytes([first, sha256(first)]);
}
