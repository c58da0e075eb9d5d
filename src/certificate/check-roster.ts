/**
 * The adverts that a certificate shows, and that each stood in the roster that the plan froze
 * (docs/protocol/certificate.md, section 2).
 */
import { equalBytes } from '../base/bytes.ts';
import { DIGEST_BYTES, type Digest, type NodeId, publicKeyOf } from '../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import type { SignedAdvert } from '../swarm/advert.ts';
import { checkRosterOrder, isInRoster, rosterIndexOf, rosterRootOf } from '../swarm/roster.ts';
import type { CertificateRoster } from './format.ts';

/** The roster as far as the certificate shows it. Positions are those of the whole roster. */
export interface RosterView {
  readonly kind: 'whole' | 'part';
  /** Adverts in the whole roster. */
  readonly count: number;
  /** Positions shown, ascending. */
  readonly positions: readonly number[];
  /** The advert at a position; undefined when it is not shown. */
  at(position: number): SignedAdvert | undefined;
  /** The position of a node; undefined when it is not shown. */
  positionOf(node: NodeId): number | undefined;
}

export interface RosterExpectation {
  readonly rosterRoot: Digest;
  readonly network: string;
}

/**
 * Reasons: those of `checkRosterOrder`, `bad-member-position`, `bad-node-id`,
 * `advert-of-other-network`, `wrong-roster-root`, `bad-inclusion-path`.
 */
export function checkRoster(
  roster: CertificateRoster,
  expected: RosterExpectation,
): Checked<RosterView> {
  const adverts =
    roster.kind === 'whole' ? roster.adverts : roster.members.map((member) => member.advert);
  const ordered = checkRosterOrder(adverts);
  if (!ordered.ok) return ordered;
  for (const { advert } of adverts) {
    if (publicKeyOf(advert.node) === undefined) return refuse('bad-node-id');
    if (advert.network !== expected.network) return refuse('advert-of-other-network');
  }
  if (roster.kind === 'whole') {
    if (!equalBytes(rosterRootOf(adverts), expected.rosterRoot)) return refuse('wrong-roster-root');
    const positions = adverts.map((_, index) => index);
    return accept(viewOf({ kind: 'whole', count: adverts.length, positions }, adverts));
  }
  const positions = roster.members.map((member) => member.index);
  const problem = checkMembers(roster, expected.rosterRoot);
  return problem ?? accept(viewOf({ kind: 'part', count: roster.count, positions }, adverts));
}

function checkMembers(
  roster: Extract<CertificateRoster, { kind: 'part' }>,
  root: Digest,
): Refusal | undefined {
  let previous = -1;
  for (const { index } of roster.members) {
    if (index <= previous || index >= roster.count) return refuse('bad-member-position');
    previous = index;
  }
  for (const { advert, index, path } of roster.members) {
    const inclusion = { advert, index, count: roster.count, path: splitPath(path) };
    if (!isInRoster(root, inclusion)) return refuse('bad-inclusion-path');
  }
  return undefined;
}

function splitPath(packed: Uint8Array): Digest[] {
  const path: Digest[] = [];
  for (let at = 0; at < packed.length; at += DIGEST_BYTES) {
    path.push(packed.subarray(at, at + DIGEST_BYTES));
  }
  return path;
}

function viewOf(
  shown: Pick<RosterView, 'kind' | 'count' | 'positions'>,
  adverts: readonly SignedAdvert[],
): RosterView {
  const byPosition = new Map(shown.positions.map((position, i) => [position, adverts[i]!]));
  return {
    ...shown,
    at: (position) => byPosition.get(position),
    positionOf: (node) => {
      const index = rosterIndexOf(adverts, node);
      return index === undefined ? undefined : shown.positions[index];
    },
  };
}
