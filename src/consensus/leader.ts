/**
 * Who leads a round: round-robin over a permutation of the seats that nobody chose. Design
 * consensus.md section 1.7; reputation over committed data may replace it behind this function.
 */
import { compareBytes, u64 } from '../base/bytes.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { TAGS } from '../wire/tags.ts';
import { type Domain, domainBytes } from './seats.ts';

/** Seats by rising H(leader, domain, u64 seat): a seeded permutation. */
export function leaderOrder(domain: Domain, seatCount: number): readonly number[] {
  const bound = domainBytes(domain);
  return Array.from({ length: seatCount }, (_, seat) => ({
    seat,
    rank: taggedHash(TAGS.leader, bound, u64(seat)),
  }))
    .sort((a, b) => compareBytes(a.rank, b.rank))
    .map((entry) => entry.seat);
}

/** Leader of a round >= 1. */
export function leaderOf(order: readonly number[], round: number): number {
  return order[(round - 1) % order.length]!;
}
