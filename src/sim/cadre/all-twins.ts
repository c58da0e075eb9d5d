/**
 * Every way in which a cadre of four with a pair of twins can be kept apart for a few rounds, each
 * once: the place of the twins in the order of leaders, times, for each round, the two sides that
 * the five machines are on. The Twins paper (arXiv 2004.10617) enumerates so; what differs only by
 * the names of machines that are alike is run once.
 */
import { leaderOrder } from '../../consensus/leader.ts';
import type { Domain } from '../../consensus/seats.ts';
import type { Fault } from './cadre-world.ts';
import { groupsRule, OPEN, type RoundRule } from './round-net.ts';

export const TWIN_SEATS = 4;
/** Rounds that the network takes sides in; then everything passes. */
export const TWIN_ROUNDS = 3;

/** The two twins, then the honest machines in the order in which they lead. */
const ROLES = 5;
/** The first twin is on side 0; each other role's side is a bit. */
const SIDES = 2 ** (ROLES - 1);

export interface TwinScenario {
  /** Place of the twins' seat in the order of leaders. */
  readonly place: number;
  /** By round from 1: a bit for each role but the first, the second twin's lowest. */
  readonly sides: readonly number[];
}

/** All of them, none twice under renaming, in a fixed order. */
export function twinScenarios(rounds = TWIN_ROUNDS): TwinScenario[] {
  const found: TwinScenario[] = [];
  for (let place = 0; place < TWIN_SEATS; place++) {
    const renamings = renamingsOf(place, rounds);
    for (let code = 0; code < SIDES ** rounds; code++) {
      const sides = Array.from({ length: rounds }, (_, i) => Math.floor(code / SIDES ** i) % SIDES);
      const isFirst = renamings.every((rename) => codeOf(sides.map(rename)) >= code);
      if (isFirst) found.push({ place, sides });
    }
  }
  return found;
}

/** Before what is alike is put together. */
export function twinScenarioCount(rounds = TWIN_ROUNDS): number {
  return TWIN_SEATS * SIDES ** rounds;
}

function codeOf(sides: readonly number[]): number {
  return sides.reduceRight((code, side) => code * SIDES + side, 0);
}

/**
 * Machines that are alike: the two twins, and honest ones that lead none of the rounds. Each
 * renaming maps the sides of one round.
 */
function renamingsOf(place: number, rounds: number): ((sides: number) => number)[] {
  const leads = (role: number) => role - 2 + (role - 2 >= place ? 1 : 0) < rounds;
  const idle = [2, 3, 4].filter((role) => !leads(role));
  const orders = permutations(idle);
  return [false, true].flatMap((swaps) =>
    orders.map((order) => (sides: number) => {
      const groups = groupsOf(sides);
      const renamed = [...groups];
      idle.forEach((role, i) => {
        renamed[role] = groups[order[i]!]!;
      });
      if (swaps) [renamed[0], renamed[1]] = [groups[1]!, groups[0]!];
      return sidesOf(renamed);
    }),
  );
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) =>
    permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]),
  );
}

function groupsOf(sides: number): number[] {
  return [0, ...Array.from({ length: ROLES - 1 }, (_, bit) => (sides >> bit) & 1)];
}

/** The same two sides, whatever they are called. */
function sidesOf(groups: readonly number[]): number {
  return groups.slice(1).reduce((sides, group, bit) => sides | ((group ^ groups[0]!) << bit), 0);
}

/** Who is faulty by seat, and what each round's network lets through. */
export function stageTwins(
  { place, sides }: TwinScenario,
  domain: Domain,
): { readonly faults: readonly Fault[]; readonly rules: (round: number) => RoundRule } {
  const order = leaderOrder(domain, TWIN_SEATS);
  const twin = order[place]!;
  const honest = order.filter((seat) => seat !== twin);
  // Both machines of the twins' seat come where one of another would.
  const machineOf = (seat: number) => seat + (seat > twin ? 1 : 0);
  const machines = [twin, twin + 1, ...honest.map(machineOf)];
  const faults = order.map((_, seat): Fault => (seat === twin ? 'twins' : undefined));
  const rules = (round: number): RoundRule => {
    const side = sides[round - 1];
    if (side === undefined) return OPEN;
    const groups: number[] = [];
    groupsOf(side).forEach((group, role) => {
      groups[machines[role]!] = group;
    });
    return groupsRule(groups);
  };
  return { faults, rules };
}
