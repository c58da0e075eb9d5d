/**
 * What executing a block leads to: every block claims it, every commit vote signs it. Without
 * `nextCadreRoot` the epoch goes on; with it, it ends, and nothing but empty blocks may follow.
 */
import { equalBytes } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';

export interface Roots {
  readonly stateRoot: Digest;
  readonly resultsRoot: Digest;
  /** The cadre of the next epoch. */
  readonly nextCadreRoot?: Digest;
}

/** Only the roots, of something that has them among others. */
export function rootsOf({ stateRoot, resultsRoot, nextCadreRoot }: Roots): Roots {
  return { stateRoot, resultsRoot, ...(nextCadreRoot && { nextCadreRoot }) };
}

/** Why two sets of roots differ; undefined when they are the same. */
export function differenceOf(a: Roots, b: Roots): string | undefined {
  if (!equalBytes(a.stateRoot, b.stateRoot)) return 'state root';
  if (!equalBytes(a.resultsRoot, b.resultsRoot)) return 'results root';
  const [next, other] = [a.nextCadreRoot, b.nextCadreRoot];
  const isSame =
    next === undefined || other === undefined ? next === other : equalBytes(next, other);
  return isSame ? undefined : 'next cadre root';
}

export function sameRoots(a: Roots, b: Roots): boolean {
  return differenceOf(a, b) === undefined;
}
