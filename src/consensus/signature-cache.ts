/**
 * Signatures that were checked once and held, so that a certificate made of votes already seen
 * costs no curve arithmetic. Only successes are kept; bounded, the oldest leaves first.
 */
import { concatBytes, u64 } from '../base/bytes.ts';
import type { SignatureVerifier } from '../base/ports.ts';
import { sha256 } from '../crypto/portable/hash.ts';
import type { CadreSeats } from './seats.ts';
import type { SignatureCheck } from './signature-checks.ts';

const ENTRIES_MAX = 16_384;

export class SignatureCache {
  readonly #seats: CadreSeats;
  readonly #verifier: SignatureVerifier;
  readonly #held = new Set<string>();

  constructor(components: { readonly seats: CadreSeats; readonly verifier: SignatureVerifier }) {
    this.#seats = components.seats;
    this.#verifier = components.verifier;
  }

  /** True when every signature holds; all are checked at once. */
  async check(checks: readonly SignatureCheck[]): Promise<boolean> {
    const results = await Promise.all(checks.map((check) => this.#holds(check)));
    return results.every((holds) => holds);
  }

  /** Takes a signature of our own as checked. */
  trust(check: SignatureCheck): void {
    this.#add(nameOf(check));
  }

  async #holds(check: SignatureCheck): Promise<boolean> {
    const name = nameOf(check);
    if (this.#held.has(name)) return true;
    const seat = this.#seats.seats[check.seat];
    if (seat === undefined) return false;
    const holds = await this.#verifier.verify(seat.key, check.message, check.signature);
    if (holds) this.#add(name);
    return holds;
  }

  #add(name: string): void {
    if (this.#held.size >= ENTRIES_MAX) this.#held.delete(this.#held.values().next().value!);
    this.#held.add(name);
  }
}

/** Binds seat (hence key), signature and message. */
function nameOf(check: SignatureCheck): string {
  const digest = sha256(concatBytes([u64(check.seat), check.signature, check.message]));
  return String.fromCharCode(...digest);
}
