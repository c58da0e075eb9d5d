/** Memory of the latest of whatever keeps coming: beyond its bound the oldest is forgotten. */

export class RecentMap<K, V> {
  readonly #max: number;
  /** Oldest first. */
  readonly #held = new Map<K, V>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#held.size;
  }

  get(key: K): V | undefined {
    return this.#held.get(key);
  }

  has(key: K): boolean {
    return this.#held.has(key);
  }

  /** The youngest from now on, also when it was known. */
  set(key: K, value: V): void {
    this.#held.delete(key);
    if (this.#held.size >= this.#max) this.#held.delete(this.#held.keys().next().value!);
    this.#held.set(key, value);
  }

  delete(key: K): void {
    this.#held.delete(key);
  }

  entries(): Iterable<[K, V]> {
    return this.#held.entries();
  }
}

export class RecentSet<T> {
  readonly #held: RecentMap<T, true>;

  constructor(max: number) {
    this.#held = new RecentMap(max);
  }

  get size(): number {
    return this.#held.size;
  }

  has(entry: T): boolean {
    return this.#held.has(entry);
  }

  add(entry: T): void {
    this.#held.set(entry, true);
  }
}
