/**
 * Which payloads were executed on the final chain lately, as an immutable value. It remembers whole
 * eras of blocks and forgets the one before the last, so a replica's memory does not grow with its
 * chain; that what is older does not count twice is for the application to see. What counts for a
 * block follows from heights alone, because all replicas must judge a block alike.
 */
import { eraOf } from './eras.ts';

interface Era {
  readonly number: number;
  /**
   * Sets whose sizes fall by half or more, so that adding is O(log n) amortised and no set is ever
   * changed after it was made.
   */
  readonly sets: readonly ReadonlySet<string>[];
}

/** Oldest first, at most two. */
export type ExecutedIds = readonly Era[];

/** Whether a block of this height would execute the payload again. */
export function hasExecuted(ids: ExecutedIds, id: string, height: number): boolean {
  const oldest = eraOf(height) - 1;
  return ids.some((era) => era.number >= oldest && era.sets.some((set) => set.has(id)));
}

/** After a final block of this height executed these. */
export function addExecuted(
  ids: ExecutedIds,
  height: number,
  added: readonly string[],
): ExecutedIds {
  const number = eraOf(height);
  const kept = ids.filter((era) => era.number >= number - 1);
  const current = kept.at(-1)?.number === number ? kept.at(-1)! : { number, sets: [] };
  const before = kept.filter((era) => era.number < number);
  return [...before, { number, sets: addTo(current.sets, added) }];
}

function addTo(
  sets: readonly ReadonlySet<string>[],
  added: readonly string[],
): readonly ReadonlySet<string>[] {
  if (added.length === 0) return sets;
  const kept = sets.slice();
  let newest = new Set(added);
  for (let last = kept.at(-1); last !== undefined && last.size <= newest.size * 2; ) {
    newest = new Set([...last, ...newest]);
    kept.pop();
    last = kept.at(-1);
  }
  return [...kept, newest];
}
