/**
 * The roster: the signed adverts that one job was planned on, sorted by node id. Its root goes into
 * the plan, before the seed exists (docs/protocol/advert.md, "Roster"; job.md section 2).
 */
import { compareBytes, equalBytes } from '../base/bytes.ts';
import type { Digest, NodeId } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import { countedRoot } from '../crypto/portable/hash.ts';
import { hashFromPath, leafHash, MerkleTree, treeHash } from '../crypto/portable/merkle.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { TAGS } from '../wire/tags.ts';
import type { SignedAdvert } from './advert.ts';

export interface Roster {
  /** Ascending by node id, no node twice. */
  readonly adverts: readonly SignedAdvert[];
  readonly root: Digest;
}

/**
 * Sorts and commits. Reasons: `empty-roster`, `roster-too-large`, `duplicate-node`. Whether each
 * advert is valid is `checkAdvert`'s business.
 */
export function freezeRoster(signedAdverts: readonly SignedAdvert[]): Checked<Roster> {
  const adverts = [...signedAdverts].sort((a, b) => compareBytes(a.advert.node, b.advert.node));
  const checked = checkRosterOrder(adverts);
  if (!checked.ok) return checked;
  return accept({ adverts, root: rosterRootOf(adverts) });
}

/** Reasons: `empty-roster`, `roster-too-large`, `duplicate-node`, `unsorted-roster`. */
export function checkRosterOrder(
  adverts: readonly SignedAdvert[],
): Checked<readonly SignedAdvert[]> {
  if (adverts.length === 0) return refuse('empty-roster');
  if (adverts.length > LIMITS.rosterAdvertsMax) return refuse('roster-too-large');
  for (let i = 1; i < adverts.length; i++) {
    const order = compareBytes(adverts[i - 1]!.advert.node, adverts[i]!.advert.node);
    if (order === 0) return refuse('duplicate-node');
    if (order > 0) return refuse('unsorted-roster');
  }
  return accept(adverts);
}

/** H(roster, u64 count, tree hash of the canonical signed adverts), in the given order. */
export function rosterRootOf(adverts: readonly SignedAdvert[]): Digest {
  return countedRoot(TAGS.roster, adverts.length, treeHash(adverts.map(rosterLeaf)));
}

/** Inclusion paths of some adverts of a sorted roster, by index; the tree is built once. */
export function rosterPaths(
  adverts: readonly SignedAdvert[],
  indexes: readonly number[],
): Digest[][] {
  const tree = new MerkleTree(adverts.map(rosterLeaf));
  return indexes.map((index) => tree.path(index));
}

export interface RosterInclusion {
  readonly advert: SignedAdvert;
  /** Position in the roster. */
  readonly index: number;
  /** Adverts in the roster. */
  readonly count: number;
  readonly path: readonly Digest[];
}

/** True when this very signed advert stands at `index` of the roster of `count` with this root. */
export function isInRoster(root: Digest, inclusion: RosterInclusion): boolean {
  const { advert, index, count, path } = inclusion;
  const hash = hashFromPath(rosterLeaf(advert), { index, leafCount: count, path });
  return hash !== undefined && equalBytes(countedRoot(TAGS.roster, count, hash), root);
}

/** Index of a node in a sorted roster; undefined when it is not there. */
export function rosterIndexOf(adverts: readonly SignedAdvert[], node: NodeId): number | undefined {
  let low = 0;
  let high = adverts.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const order = compareBytes(adverts[middle]!.advert.node, node);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

function rosterLeaf(signed: SignedAdvert): Digest {
  return leafHash(encodeCanonical(signed));
}
