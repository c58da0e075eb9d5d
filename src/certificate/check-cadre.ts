/**
 * The seats of a certificate: complete, distinct, taken by roster nodes that offer the role, and,
 * as far as the roster shown can tell, the ones that the seed chose (docs/protocol/certificate.md,
 * section 2; docs/protocol/placement.md, section 7).
 */
import { toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { CadreEntry } from '../job/plan.ts';
import { cadreOrder, windowOf } from '../swarm/cadre-order.ts';
import type { RosterView } from './check-roster.ts';

export interface CadreFacts {
  /** Roster position of each seat's node, by seat number. */
  readonly positions: readonly number[];
  /** Of those who took a seat later. */
  readonly standInPositions: readonly number[];
  /** Ranks, among the cadre-capable nodes shown, before the last seat's that hold no seat. */
  readonly skipped: readonly number[];
  /** Roster positions of the skipped nodes. */
  readonly skippedPositions: readonly number[];
}

/**
 * Reasons: `wrong-seat-count`, `wrong-seat-number`, `duplicate-seat-node`, `duplicate-seat-key`,
 * `seat-not-in-roster`, `seat-not-capable`, `seat-outside-window`.
 */
export function checkCadre(
  { first, standIns }: { readonly first: readonly CadreEntry[]; standIns: readonly CadreEntry[] },
  seatCount: number,
  seed: Digest,
  roster: RosterView,
): Checked<CadreFacts> {
  if (first.length !== seatCount) return refuse('wrong-seat-count');
  const nodes = new Set<string>();
  const keys = new Set<string>();
  const positions: number[] = [];
  for (const [at, entry] of [...first, ...standIns].entries()) {
    const isItsSeat = at < seatCount ? entry.seat === at : entry.seat < seatCount;
    if (!isItsSeat) return refuse('wrong-seat-number');
    if (nodes.has(toHex(entry.node))) return refuse('duplicate-seat-node');
    if (keys.has(toHex(entry.key))) return refuse('duplicate-seat-key');
    nodes.add(toHex(entry.node));
    keys.add(toHex(entry.key));
    const position = roster.positionOf(entry.node);
    if (position === undefined) return refuse('seat-not-in-roster');
    if (!isCadreCapable(roster, position)) return refuse('seat-not-capable');
    positions.push(position);
  }
  return checkRanks(positions, seatCount, seed, roster);
}

/**
 * Every rank that was ever seated lies in the window: at most ceil(n / 2) ranks before the last
 * were skipped, or came on top of the first n.
 */
function checkRanks(
  positions: readonly number[],
  seatCount: number,
  seed: Digest,
  roster: RosterView,
): Checked<CadreFacts> {
  const capable = roster.positions.filter((position) => isCadreCapable(roster, position));
  const order = cadreOrder(
    seed,
    capable.map((position) => roster.at(position)!.advert),
  );
  const seated = new Set(positions);
  const skipped: number[] = [];
  let open = positions.length;
  for (let rank = 0; open > 0; rank++) {
    if (seated.has(capable[order[rank]!]!)) open -= 1;
    else skipped.push(rank);
  }
  if (positions.length + skipped.length > windowOf(seatCount)) {
    return refuse('seat-outside-window');
  }
  const skippedPositions = skipped.map((rank) => capable[order[rank]!]!);
  return accept({
    positions: positions.slice(0, seatCount),
    standInPositions: positions.slice(seatCount),
    skipped,
    skippedPositions,
  });
}

function isCadreCapable(roster: RosterView, position: number): boolean {
  return roster.at(position)?.advert.roles.includes('cadre') ?? false;
}
