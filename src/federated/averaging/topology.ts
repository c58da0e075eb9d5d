/**
 * Who adds up what: a tensor is cut into parts, one rooted at each member; sums flow along a tree
 * to a part's root and its mean flows back (docs/protocol/averaging.md, section 2). Pure integers,
 * so that all members compute the same plan.
 */
import { assert } from '../../base/errors.ts';

export const TOPOLOGIES = ['butterfly', 'ring', 'hierarchical'] as const;
export type Topology = (typeof TOPOLOGIES)[number];

/** Parts begin at multiples of this, and pieces of them have as many elements. */
export const PIECE_ELEMENTS = 65_536;
export const MEMBERS_MAX = 64;

export interface Part {
  readonly from: number;
  readonly to: number;
  /** Of each member, by index, whom it sends its sum to; undefined for the root. */
  readonly parents: readonly (number | undefined)[];
}

export interface TopologyInit {
  readonly elements: number;
  readonly topology: Topology;
  /** Bytes per second of each member; a 0 stands for the mean of those that are known. */
  readonly bandwidths: readonly number[];
  /** Of each member the number of its site: members of one are close to each other. */
  readonly sites: readonly number[];
}

/** One part per member, some of them perhaps empty; ascending, without gaps. */
export function planParts({ elements, topology, bandwidths, sites }: TopologyInit): Part[] {
  const count = bandwidths.length;
  assert(count >= 1 && count <= MEMBERS_MAX && sites.length === count, 'a group of members');
  const ends = cut(elements, bandwidths);
  return ends.map((to, root) => {
    const parents = Array.from({ length: count }, (_, member) =>
      member === root ? undefined : parentOf(member, root, { topology, sites }),
    );
    return { from: ends[root - 1] ?? 0, to, parents };
  });
}

function parentOf(
  member: number,
  root: number,
  { topology, sites }: Pick<TopologyInit, 'topology' | 'sites'>,
): number {
  if (topology === 'ring') return (member + 1) % sites.length;
  if (topology === 'butterfly' || sites[member] === sites[root]) return root;
  // Another site speaks with one voice, a different member's for each part.
  const neighbours = [...sites.keys()].filter((other) => sites[other] === sites[member]);
  const speaker = neighbours[root % neighbours.length]!;
  return member === speaker ? root : speaker;
}

/** Ends of parts in proportion to bandwidth, whole pieces each; largest remainders. */
function cut(elements: number, bandwidths: readonly number[]): number[] {
  const known = bandwidths.filter((one) => one > 0);
  const mean = known.length === 0 ? 1 : Math.ceil(known.reduce((a, b) => a + b, 0) / known.length);
  const shares = bandwidths.map((one) => BigInt(one > 0 ? one : mean));
  const total = shares.reduce((sum, share) => sum + share, 0n);
  const pieces = BigInt(Math.ceil(elements / PIECE_ELEMENTS));
  const counts = shares.map((share) => (pieces * share) / total);
  const byRest = shares
    .map((share, index) => ({ rest: (pieces * share) % total, index }))
    .sort((a, b) => (a.rest === b.rest ? a.index - b.index : a.rest < b.rest ? 1 : -1));
  let missing = Number(pieces - counts.reduce((sum, one) => sum + one, 0n));
  for (const { index } of byRest) {
    if (missing === 0) break;
    counts[index]! += 1n;
    missing -= 1;
  }
  let end = 0;
  return counts.map((one) => {
    end += Number(one);
    return Math.min(elements, end * PIECE_ELEMENTS);
  });
}
