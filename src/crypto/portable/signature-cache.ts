/**
 * Signatures that were checked once and held, so that a certificate made of votes already seen
 * costs no curve arithmetic. Only successes are kept; bounded, the oldest leaves first.
 */
import { concatBytes } from '../../base/bytes.ts';
import type { SignatureVerifier } from '../../base/ports.ts';
import { sha256 } from './hash.ts';

export interface KeyedSignature {
  /** 32-byte Ed25519 public key. */
  readonly key: Uint8Array;
  readonly message: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export class SignatureCache {
  readonly #verifier: SignatureVerifier;
  readonly #entriesMax: number;
  readonly #held = new Set<string>();

  constructor(verifier: SignatureVerifier, init: { readonly entriesMax: number }) {
    this.#verifier = verifier;
    this.#entriesMax = init.entriesMax;
  }

  /** True when every signature holds; all are checked at once. */
  async check(signatures: readonly KeyedSignature[]): Promise<boolean> {
    const results = await Promise.all(signatures.map((signature) => this.#holds(signature)));
    return results.every((holds) => holds);
  }

  /** Takes a signature of our own as checked. */
  trust(signature: KeyedSignature): void {
    this.#add(nameOf(signature));
  }

  async #holds(signature: KeyedSignature): Promise<boolean> {
    const name = nameOf(signature);
    if (this.#held.has(name)) return true;
    const { key, message } = signature;
    const holds = await this.#verifier.verify(key, message, signature.signature);
    if (holds) this.#add(name);
    return holds;
  }

  #add(name: string): void {
    if (this.#held.size >= this.#entriesMax) this.#held.delete(this.#held.values().next().value!);
    this.#held.add(name);
  }
}

/** Key and signature have fixed lengths, so the digest binds all three parts. */
function nameOf({ key, message, signature }: KeyedSignature): string {
  const digest = sha256(concatBytes([key, signature, message]));
  return String.fromCharCode(...digest);
}
