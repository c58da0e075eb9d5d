/**
 * Everything that happened in a world, as one running SHA-256: two runs of a seed are the same run
 * iff their traces are equal.
 */
import { concatBytes, toHex, utf8 } from '../base/bytes.ts';
import { sha256 } from '../crypto/portable/hash.ts';

export class Trace {
  #digest: Uint8Array = new Uint8Array(32);
  #events = 0;

  get events(): number {
    return this.#events;
  }

  get hash(): string {
    return toHex(this.#digest);
  }

  /** `atMs` in virtual time; `body` in whole. */
  add(atMs: number, what: string, body: Uint8Array = new Uint8Array(0)): void {
    this.#events += 1;
    this.#digest = sha256(concatBytes([this.#digest, utf8(`${atMs} ${what}\0`), body]));
  }
}
