/**
 * Placement: which workers run which shard, and who comes next when they fail. Weighted rendezvous
 * hashing with bounded loads, in integers, so that requester, workers, cadre and auditors all
 * compute the same lists from the plan alone (docs/protocol/placement.md; Thaler and Ravishankar's
 * highest-random-weight hashing; Mirrokni et al., "Consistent hashing with bounded loads").
 */
import { compareBytes } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest, NODE_ID_BYTES, type NodeId } from '../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { LIMITS } from '../wire/limits.ts';
import { loadBounds, Room } from './load-bound.ts';
import { Scorer, WEIGHT_MAX } from './score.ts';

/** A weight is at most this many times the median of all. */
const WEIGHT_CAP_MEDIANS = 64;

export interface Candidate {
  readonly node: NodeId;
  /** Integer in 1..2^20, from `capWeights`. */
  readonly weight: number;
}

export interface PlacementInit {
  /** The plan's seed, 32 bytes. */
  readonly seed: Digest;
  /** Ascending by node id, no id twice; at most `LIMITS.rosterAdvertsMax`. */
  readonly candidates: readonly Candidate[];
  readonly shardCount: number;
  readonly replicas: number;
}

/** Candidates are named by their index in `PlacementInit.candidates`. */
export interface Placement {
  readonly replicas: number;
  readonly shardCount: number;
  /** Most first-wave replicas that each candidate may hold. */
  readonly bounds: readonly number[];
  /** The first wave of a shard, most preferred first: exactly `replicas` distinct candidates. */
  firstWave(shard: number): readonly number[];
  /** All candidates: the first wave, then the others by preference, whatever their load. */
  order(shard: number): readonly number[];
  /** All candidates by score alone, as if there were no bound. */
  preference(shard: number): readonly number[];
  /** Shards, ascending, whose first wave holds this candidate. */
  shardsOf(candidate: number): readonly number[];
}

/**
 * Computes the first waves of all shards: shards times candidates hashes, about 0.25 us each.
 *
 * Reasons: `too-few-workers` (fewer candidates than replicas), `too-many-workers`, `bad-seed`,
 * `bad-shard-count`, `bad-replicas`, `too-much-work`, `bad-node-id`, `bad-weight`,
 * `unsorted-candidates`. Never throws.
 *
 * @example
 * const placed = place({ seed, candidates, shardCount: 16, replicas: 3 });
 * if (placed.ok) placed.value.firstWave(0); // e.g. [4, 1, 6]
 */
export function place(init: PlacementInit): Checked<Placement> {
  const problem = problemWith(init);
  if (problem !== undefined) return problem;
  const { candidates, shardCount, replicas } = init;
  const scores = new ShardScores(init);
  const weights = candidates.map((candidate) => candidate.weight);
  const bounds = loadBounds(weights, shardCount, replicas);
  const room = new Room(bounds, shardCount, replicas);
  const waves = new Uint16Array(shardCount * replicas);
  for (let shard = 0; shard < shardCount; shard++) {
    scores.select(shard);
    const wave = chooseWave(scores, room);
    room.take(wave);
    waves.set(wave, shard * replicas);
  }
  return accept(new FrozenPlacement(init, scores, { bounds, waves }));
}

/**
 * Weights from the speeds of all candidates (docs/protocol/placement.md section 1.1): none above 64
 * times the lower median, all scaled by one power of two into 1..2^20. Speeds are integers >= 1.
 */
export function capWeights(speeds: readonly number[]): number[] {
  if (speeds.length === 0) return [];
  const ascending = Float64Array.from(speeds).sort();
  const cap = WEIGHT_CAP_MEDIANS * ascending[Math.floor((speeds.length - 1) / 2)]!;
  const heaviest = Math.min(cap, ascending.at(-1)!);
  let divisor = 1;
  while (heaviest / divisor > WEIGHT_MAX) divisor *= 2;
  return speeds.map((speed) => Math.max(1, Math.floor(Math.min(speed, cap) / divisor)));
}

function problemWith(init: PlacementInit): Refusal | undefined {
  const { seed, candidates, shardCount, replicas } = init;
  if (seed.length !== DIGEST_BYTES) return refuse('bad-seed');
  if (!isWithin(shardCount, LIMITS.shardsMax)) return refuse('bad-shard-count');
  if (!isWithin(replicas, LIMITS.replicasMax)) return refuse('bad-replicas');
  if (candidates.length < replicas) {
    const detail = `${replicas} replicas need as many workers; there are ${candidates.length}`;
    return refuse('too-few-workers', 'reject', detail);
  }
  if (candidates.length > LIMITS.rosterAdvertsMax) return refuse('too-many-workers');
  if (candidates.length * shardCount > LIMITS.placementScoresMax) return refuse('too-much-work');
  let previous: NodeId | undefined;
  for (const { node, weight } of candidates) {
    if (node.length !== NODE_ID_BYTES) return refuse('bad-node-id');
    if (!isWithin(weight, WEIGHT_MAX)) return refuse('bad-weight');
    if (previous !== undefined && compareBytes(previous, node) >= 0) {
      return refuse('unsorted-candidates');
    }
    previous = node;
  }
  return undefined;
}

function isWithin(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
}

/** Section 4: the tight ones that must be taken, then the most preferred that have room. */
function chooseWave(scores: ShardScores, room: Room): number[] {
  const wave: number[] = [];
  const needed = room.tightNeeded();
  const isTight = (candidate: number) => room.isTight(candidate);
  const hasSpare = (candidate: number) => room.hasSpare(candidate);
  while (wave.length < needed) wave.push(scores.best(wave, isTight));
  while (wave.length < room.replicas) wave.push(scores.best(wave, hasSpare));
  if (needed > 0) wave.sort((a, b) => scores.compare(a, b));
  return wave;
}

/** Scores of one shard at a time, over all candidates. */
class ShardScores {
  readonly #scorer: Scorer;
  readonly #candidates: readonly Candidate[];
  readonly #scores: Float64Array;

  constructor(init: PlacementInit) {
    this.#scorer = new Scorer(init.seed);
    this.#candidates = init.candidates.map(({ node, weight }) => ({ node, weight }));
    this.#scores = new Float64Array(init.candidates.length);
  }

  select(shard: number): void {
    this.#scorer.select(shard);
    for (let i = 0; i < this.#candidates.length; i++) {
      const { node, weight } = this.#candidates[i]!;
      this.#scores[i] = this.#scorer.scoreOf(node, weight);
    }
  }

  /** Equal scores: the smaller node id, which is the smaller index. */
  compare(a: number, b: number): number {
    return this.#scores[a]! - this.#scores[b]! || a - b;
  }

  /** The most preferred candidate that is eligible and not taken; one always exists (section 4). */
  best(taken: readonly number[], isEligible: (candidate: number) => boolean): number {
    let best = -1;
    for (let i = 0; i < this.#scores.length; i++) {
      // Strictly smaller: of equal scores the first index stands.
      if (best !== -1 && this.#scores[i]! >= this.#scores[best]!) continue;
      if (isEligible(i) && !taken.includes(i)) best = i;
    }
    return best;
  }

  ranked(): number[] {
    return this.#candidates.map((_, index) => index).sort((a, b) => this.compare(a, b));
  }
}

class FrozenPlacement implements Placement {
  readonly replicas: number;
  readonly shardCount: number;
  readonly bounds: readonly number[];
  readonly #scores: ShardScores;
  readonly #waves: Uint16Array;

  constructor(
    init: PlacementInit,
    scores: ShardScores,
    result: { bounds: readonly number[]; waves: Uint16Array },
  ) {
    this.replicas = init.replicas;
    this.shardCount = init.shardCount;
    this.bounds = result.bounds;
    this.#scores = scores;
    this.#waves = result.waves;
  }

  firstWave(shard: number): readonly number[] {
    const start = shard * this.replicas;
    return Array.from(this.#waves.subarray(start, start + this.replicas));
  }

  order(shard: number): readonly number[] {
    const wave = this.firstWave(shard);
    return [...wave, ...this.preference(shard).filter((candidate) => !wave.includes(candidate))];
  }

  preference(shard: number): readonly number[] {
    this.#scores.select(shard);
    return this.#scores.ranked();
  }

  shardsOf(candidate: number): readonly number[] {
    const shards: number[] = [];
    for (let i = 0; i < this.#waves.length; i++) {
      if (this.#waves[i] === candidate) shards.push(Math.floor(i / this.replicas));
    }
    return shards;
  }
}
