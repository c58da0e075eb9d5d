/**
 * Who leads a round. Round-robin over a permutation that nobody chose, and, once the final chain
 * says who takes part, over those seats only: a crashed seat then costs no more rounds. A pure
 * function of the seats and the final chain up to a fixed lag, because replicas that elect from
 * different windows elect different leaders. Design consensus.md section 1.7; ADR 0200.
 */
import { compareBytes, u64 } from '../base/bytes.ts';
import { taggedHash } from '../crypto/portable/hash.ts';
import { TAGS } from '../wire/tags.ts';
import { isRemembered } from './eras.ts';
import { type Domain, domainBytes, seatsOf } from './seats.ts';
import type { Block } from './types.ts';

/** Rounds between the newest block that counts and the round it helps to decide. */
export const LEADER_LAG_ROUNDS = 4;
/** Final blocks whose certificates say who takes part. */
export const LEADER_WINDOW_BLOCKS = 8;
/** Blocks inside the lag are remembered beside those of the window. */
const MARKS_MAX = LEADER_WINDOW_BLOCKS + LEADER_LAG_ROUNDS;

/** What one final block says about its cadre. */
export interface FinalMark {
  readonly round: number;
  readonly height: number;
  /** Seats that certified its parent: agreed data, because the id covers the whole QC. */
  readonly signers: readonly number[];
}

/** The end of the final chain as leader election sees it. */
export interface LeaderRecord {
  /** Round of the last final block; 0 for genesis. */
  readonly finalRound: number;
  /** Oldest first, at most MARKS_MAX. */
  readonly marks: readonly FinalMark[];
  /** Faults that the chain carries, oldest first. */
  readonly faults: readonly CarriedFault[];
}

/** A proven fault and the block that carries it. */
export interface CarriedFault {
  readonly seat: number;
  /** `faultName` of the evidence. */
  readonly name: string;
  readonly round: number;
  readonly height: number;
}

export const NO_RECORD: LeaderRecord = { finalRound: 0, marks: [], faults: [] };

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

/** The record after these blocks, oldest first, became final. */
export function withFinal(
  record: LeaderRecord,
  blocks: readonly Block[],
  seatCount: number,
): LeaderRecord {
  const last = blocks.at(-1);
  if (last === undefined) return record;
  const marks = blocks.slice(-MARKS_MAX).map(({ round, height, qc }) => ({
    round,
    height,
    signers: seatsOf(qc.signers, seatCount) ?? [],
  }));
  return {
    ...record,
    finalRound: last.round,
    marks: [...record.marks, ...marks].slice(-MARKS_MAX),
  };
}

/**
 * Leader of a round >= 1. Everyone is a candidate while the window is not final here: at the start
 * of a chain, and after as many failed rounds as the lag has, which ends any run of bad leaders.
 */
export function leaderOf(order: readonly number[], record: LeaderRecord, round: number): number {
  const upTo = round - LEADER_LAG_ROUNDS;
  const settled = settledLeaderOf(order, round);
  if (settled !== undefined) return settled;
  if (record.finalRound < upTo) return roundRobin(order, round);
  const window = record.marks.filter((mark) => mark.round <= upTo).slice(-LEADER_WINDOW_BLOCKS);
  const active = new Set(window.flatMap((mark) => mark.signers));
  const isWindowFull = window.length === LEADER_WINDOW_BLOCKS;
  const height = window.at(-1)?.height ?? 0;
  const isFaulty = (seat: number) =>
    record.faults.some((fault) => {
      return fault.seat === seat && fault.round <= upTo && isRemembered(fault.height, height);
    });
  const able = order.filter((seat) => !isFaulty(seat) && (!isWindowFull || active.has(seat)));
  return roundRobin(able.length === 0 ? order : able, round);
}

/** The leader that no final chain can change; undefined from the first round that one may. */
export function settledLeaderOf(order: readonly number[], round: number): number | undefined {
  return round < LEADER_LAG_ROUNDS + LEADER_WINDOW_BLOCKS ? roundRobin(order, round) : undefined;
}

function roundRobin(order: readonly number[], round: number): number {
  return order[(round - 1) % order.length]!;
}
