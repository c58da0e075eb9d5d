/** Verified leaf lists in memory, the least recently used forgotten first. */
const BYTES_MAX = 32 * 2 ** 20;

export class LeafLists {
  readonly #lists = new Map<string, Uint8Array>();
  #bytes = 0;

  get(key: string): Uint8Array | undefined {
    const list = this.#lists.get(key);
    if (list === undefined) return undefined;
    this.#lists.delete(key);
    this.#lists.set(key, list);
    return list;
  }

  /** Gives the list back, for chaining. */
  remember(key: string, list: Uint8Array): Uint8Array {
    this.forget(key);
    this.#lists.set(key, list);
    this.#bytes += list.length;
    for (const oldest of this.#lists.keys()) {
      if (this.#bytes <= BYTES_MAX || oldest === key) break;
      this.forget(oldest);
    }
    return list;
  }

  forget(key: string): void {
    this.#bytes -= this.#lists.get(key)?.length ?? 0;
    this.#lists.delete(key);
  }
}
