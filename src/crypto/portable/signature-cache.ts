/**
 * Signatures that were checked once and held, so that a certificate made of votes already seen
 * costs no curve arithmetic. Only successes are kept; bounded, the oldest leaves first.
 */
import { concatBytes, u64 } from '../../base/bytes.ts';
import { RecentSet } from '../../base/recent.ts';
import { sha256 } from './hash.ts';
import type { SignatureScheme, SignedBy } from './signature-scheme.ts';

export interface KeyedSignature extends SignedBy {
  readonly signature: Uint8Array;
}

/** What a certificate of an aggregate scheme carries. */
export interface KeyedJoined {
  readonly signed: readonly SignedBy[];
  readonly joined: Uint8Array;
}

export class SignatureCache {
  readonly #scheme: Pick<SignatureScheme, 'verify' | 'verifyJoined'>;
  readonly #held: RecentSet<string>;

  constructor(
    scheme: Pick<SignatureScheme, 'verify' | 'verifyJoined'>,
    init: { readonly entriesMax: number },
  ) {
    this.#scheme = scheme;
    this.#held = new RecentSet(init.entriesMax);
  }

  get occupancy(): { readonly signaturesCached: number } {
    return { signaturesCached: this.#held.size };
  }

  /** True when every signature holds; all are checked at once. */
  async check(signatures: readonly (KeyedSignature | KeyedJoined)[]): Promise<boolean> {
    const results = await Promise.all(signatures.map((signature) => this.#holds(signature)));
    return results.every((holds) => holds);
  }

  /** Takes a signature of our own, or one joined of checked ones, as checked. */
  trust(signature: KeyedSignature | KeyedJoined): void {
    this.#held.add(nameOf(signature));
  }

  async #holds(entry: KeyedSignature | KeyedJoined): Promise<boolean> {
    const name = nameOf(entry);
    if (this.#held.has(name)) return true;
    const holds = await ('joined' in entry
      ? this.#scheme.verifyJoined(entry.signed, entry.joined)
      : this.#scheme.verify(entry.key, entry.message, entry.signature));
    if (holds) this.#held.add(name);
    return holds;
  }
}

/** Keys and signatures of a scheme have fixed lengths and messages stand behind theirs. */
function nameOf(entry: KeyedSignature | KeyedJoined): string {
  const parts =
    'joined' in entry
      ? [
          entry.joined,
          u64(entry.signed.length),
          ...entry.signed.flatMap(({ key, message }) => [key, u64(message.length), message]),
        ]
      : [entry.key, entry.signature, entry.message];
  const digest = sha256(concatBytes(parts));
  return String.fromCharCode('joined' in entry ? 1 : 0, ...digest);
}
