/**
 * The set of payload ids executed on the final chain, as an immutable value that grows cheaply:
 * a list of sets whose sizes fall by half or more, so adding is O(log n) amortised and no set is
 * ever changed after it was made.
 */
export type ExecutedIds = readonly ReadonlySet<string>[];

export function hasExecuted(ids: ExecutedIds, id: string): boolean {
  return ids.some((set) => set.has(id));
}

export function addExecuted(ids: ExecutedIds, added: readonly string[]): ExecutedIds {
  if (added.length === 0) return ids;
  const kept = ids.slice();
  let newest = new Set(added);
  for (let last = kept.at(-1); last !== undefined && last.size <= newest.size * 2; ) {
    newest = new Set([...last, ...newest]);
    kept.pop();
    last = kept.at(-1);
  }
  return [...kept, newest];
}
