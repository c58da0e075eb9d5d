/**
 * How many first-wave replicas each worker may get: 1 + 1/4 times its share by weight, and how the
 * remaining room is accounted for so that no shard is ever left without enough workers
 * (docs/protocol/placement.md sections 3 and 4).
 */

/** The bound of each candidate, 1..shardCount; together they hold shardCount * replicas. */
export function loadBounds(
  weights: readonly number[],
  shardCount: number,
  replicas: number,
): number[] {
  const heaviestFirst = weights.map((_, index) => index);
  heaviestFirst.sort((a, b) => weights[b]! - weights[a]! || a - b);
  const bounds = weights.map(() => shardCount);
  let left = replicas;
  let weightLeft = weights.reduce((sum, weight) => sum + weight, 0);
  let next = 0;
  // A share of one replica per shard or more: saturated, and out of the division of the rest.
  for (; next < heaviestFirst.length; next++) {
    const weight = weights[heaviestFirst[next]!]!;
    if (weight * left < weightLeft) break;
    left -= 1;
    weightLeft -= weight;
  }
  const divisor = 4 * weightLeft;
  for (; next < heaviestFirst.length; next++) {
    const index = heaviestFirst[next]!;
    const dividend = 5 * shardCount * left * weights[index]!;
    bounds[index] = Math.min(shardCount, Math.floor((dividend + divisor - 1) / divisor));
  }
  return bounds;
}

/** Room left below the bounds while shards are placed in order. */
export class Room {
  readonly #spare: Float64Array;
  readonly #replicas: number;
  #shardsLeft: number;
  /** How much more than the remaining replicas the remaining spares can hold; never below 0. */
  #slack: number;

  constructor(bounds: readonly number[], shardCount: number, replicas: number) {
    this.#spare = Float64Array.from(bounds);
    this.#replicas = replicas;
    this.#shardsLeft = shardCount;
    this.#slack = bounds.reduce((sum, bound) => sum + bound, 0) - replicas * shardCount;
  }

  /**
   * Candidates that need every remaining shard to use up their spare. Leaving one of them out costs
   * one unit of slack; taking or leaving any other costs none.
   */
  isTight(candidate: number): boolean {
    return this.#spare[candidate]! >= this.#shardsLeft;
  }

  hasSpare(candidate: number): boolean {
    return this.#spare[candidate]! >= 1;
  }

  /** How many tight candidates the next shard must take, so that later shards find enough. */
  tightNeeded(): number {
    return Math.max(0, this.#tightCount() - this.#slack);
  }

  /** Books one shard's first wave. */
  take(wave: readonly number[]): void {
    let leftOut = this.#tightCount();
    for (const candidate of wave) {
      if (this.isTight(candidate)) leftOut -= 1;
    }
    for (const candidate of wave) this.#spare[candidate]! -= 1;
    this.#slack -= leftOut;
    this.#shardsLeft -= 1;
  }

  get replicas(): number {
    return this.#replicas;
  }

  #tightCount(): number {
    let count = 0;
    for (const spare of this.#spare) if (spare >= this.#shardsLeft) count += 1;
    return count;
  }
}
