/**
 * Who sits in a job's cadre: the unweighted rendezvous order of the cadre-capable nodes under the
 * plan's seed, the window in which unreachable ranks may be skipped, and the check that a list of
 * seats follows from it (docs/protocol/placement.md section 7; job.md section 2).
 */
import { compareBytes, equalBytes } from '../base/bytes.ts';
import type { Digest, NodeId } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { LIMITS } from '../wire/limits.ts';
import { TAGS } from '../wire/tags.ts';

/** Indexes of the candidates by rank. Unweighted: claimed speed buys no seat. */
export function cadreOrder(
  seed: Digest,
  candidates: readonly { readonly node: NodeId }[],
): number[] {
  const keys = candidates.map(({ node }) => taggedHash(TAGS.cadreRank, seed, node));
  return candidates
    .map((_, index) => index)
    .sort(
      (a, b) =>
        compareBytes(keys[a]!, keys[b]!) || compareBytes(candidates[a]!.node, candidates[b]!.node),
    );
}

/** Signatures that make a certificate: n - floor((n - 1) / 3). */
export function quorumOf(seats: number): number {
  return seats - faultsOf(seats);
}

/** Faulty seats that n tolerate: floor((n - 1) / 3); none without seats. */
export function faultsOf(seats: number): number {
  return seats < 1 ? 0 : Math.floor((seats - 1) / 3);
}

/** Ranks among which n seats may be found: n + ceil(n / 2). */
export function windowOf(seats: number): number {
  return seats + Math.ceil(seats / 2);
}

export interface CadreChoice {
  /** The n seated ranks, ascending. */
  readonly ranks: readonly number[];
  /** Ranks passed over before the last seated one, ascending. */
  readonly skipped: readonly number[];
}

/**
 * Seats the first n ranks that are not unreachable. Reasons: `bad-seat-count`, `outside-window`
 * (too many of the window's ranks are unreachable, or too few candidates exist).
 */
export function chooseCadre(
  candidateCount: number,
  seats: number,
  unreachable: ReadonlySet<number>,
): Checked<CadreChoice> {
  if (!isSeatCount(seats)) return refuse('bad-seat-count');
  const end = Math.min(windowOf(seats), candidateCount);
  const ranks: number[] = [];
  const skipped: number[] = [];
  for (let rank = 0; rank < end && ranks.length < seats; rank++) {
    (unreachable.has(rank) ? skipped : ranks).push(rank);
  }
  return ranks.length === seats ? accept({ ranks, skipped }) : refuse('outside-window');
}

export interface SeatsCheck {
  /** Node ids of the cadre-capable candidates by rank; the window's part is enough. */
  readonly order: readonly NodeId[];
  /** Seats, 1..100. */
  readonly n: number;
  readonly skipped: readonly number[];
  readonly seats: readonly { readonly seat: number; readonly node: NodeId }[];
}

/**
 * Accepts the seated ranks, by seat number, when exactly the first n ranks that are not skipped are
 * seated. Seat numbers may be in any rank order, because a replacement takes the vacated seat.
 * Reasons: `bad-seat-count`, `bad-skipped`, `outside-window`, `bad-seat-number`, `wrong-member`.
 */
export function checkSeats(check: SeatsCheck): Checked<readonly number[]> {
  const { order, n, skipped, seats } = check;
  if (!isSeatCount(n) || seats.length !== n) return refuse('bad-seat-count');
  if (skipped.length > windowOf(n) - n) return refuse('outside-window');
  const isAscending = skipped.every((rank, i) => i === 0 || rank > skipped[i - 1]!);
  if (!isAscending || skipped.some((rank) => !Number.isInteger(rank) || rank < 0)) {
    return refuse('bad-skipped');
  }
  const choice = chooseCadre(order.length, n, new Set(skipped));
  if (!choice.ok) return choice;
  // A skip behind the last seated rank changes nothing, so it could say anything: refused.
  if (choice.value.skipped.length !== skipped.length) return refuse('bad-skipped');
  return matchSeats(order, choice.value.ranks, seats);
}

function matchSeats(
  order: readonly NodeId[],
  ranks: readonly number[],
  seats: SeatsCheck['seats'],
): Checked<readonly number[]> {
  const rankBySeat: number[] = [];
  const open = new Set(ranks);
  for (const { seat, node } of seats) {
    if (!Number.isInteger(seat) || seat < 0 || seat >= seats.length) {
      return refuse('bad-seat-number');
    }
    if (rankBySeat[seat] !== undefined) return refuse('bad-seat-number');
    const rank = ranks.find((candidate) => equalBytes(order[candidate]!, node));
    if (rank === undefined || !open.delete(rank)) return refuse('wrong-member');
    rankBySeat[seat] = rank;
  }
  return accept(rankBySeat);
}

function isSeatCount(seats: number): boolean {
  return Number.isInteger(seats) && seats >= 1 && seats <= LIMITS.cadreSeatsMax;
}
