/**
 * Keys of a world: real Ed25519, so that certificates convince the real verifier, but a signature
 * that was made here is recognised instead of computed again: every member checks every vote, and
 * nine tenths of a world's time would go there. What was not signed here is checked in full, so
 * nothing can be forged by being unknown.
 */
import type { SignatureVerifier, Signer } from '../base/ports.ts';
import { signerFromSeed } from '../crypto/node/keys.ts';
import { verifyEd25519 } from '../crypto/portable/ed25519.ts';

export interface Signing {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

export class SimKeys {
  readonly #made = new Set<string>();
  readonly #signers = new Map<string, Signer>();

  /** A signer of this seed; `observe` hears of everything it signs. */
  signer(seed: Uint8Array, observe: (signing: Signing) => void = () => {}): Signer {
    const inner = this.#inner(seed);
    const { publicKey } = inner;
    return {
      ...inner,
      sign: (message) => {
        const signature = inner.sign(message);
        observe({ publicKey, message, signature });
        this.#made.add(nameOf(publicKey, message, signature));
        return signature;
      },
    };
  }

  readonly verifier: SignatureVerifier = {
    verify: async (publicKey, message, signature) =>
      this.#made.has(nameOf(publicKey, message, signature)) ||
      // In this turn: an answer from another thread would come at a moment that no seed decides.
      verifyEd25519(publicKey, message, signature),
  };

  #inner(seed: Uint8Array): Signer {
    const name = textOf(seed);
    let signer = this.#signers.get(name);
    if (signer === undefined) {
      signer = signerFromSeed(seed);
      this.#signers.set(name, signer);
    }
    return signer;
  }
}

/** Key and signature have fixed lengths, so no two triples share a name. */
function nameOf(key: Uint8Array, message: Uint8Array, signature: Uint8Array): string {
  return `${textOf(key)}${textOf(signature)}${textOf(message)}`;
}

/** One character per byte: a name for a map. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
