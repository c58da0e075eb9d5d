/** Which blobs live jobs hold on to: a root stays pinned until every job that pinned it let go. */
import { toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';

export class Pins {
  readonly #byOwner = new Map<string, ReadonlySet<string>>();
  readonly #counts = new Map<string, number>();

  /** Replaces what this owner had pinned. */
  pin(owner: string, roots: Iterable<Digest>): void {
    this.release(owner);
    const keys = new Set([...roots].map(toHex));
    this.#byOwner.set(owner, keys);
    for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  release(owner: string): void {
    for (const key of this.#byOwner.get(owner) ?? []) {
      const count = this.#counts.get(key)! - 1;
      if (count > 0) this.#counts.set(key, count);
      else this.#counts.delete(key);
    }
    this.#byOwner.delete(owner);
  }

  /** `key`: the root in hex. */
  has(key: string): boolean {
    return this.#counts.has(key);
  }
}
