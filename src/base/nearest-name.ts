/** The known name that a mistyped one most likely meant, for advice in errors. */

/**
 * The name with the smallest edit distance (insert, delete, replace, swap), if that is at most a
 * third of the mistyped name's length, and at least one edit is granted; ties go to the first. Both
 * are cut at 64 characters.
 */
export function nearestName(mistyped: string, names: readonly string[]): string | undefined {
  const given = mistyped.slice(0, 64).toLowerCase();
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(given.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(given, name.slice(0, 64).toLowerCase());
    if (distance < least) {
      nearest = name;
      least = distance;
    }
  }
  return nearest;
}

/** Inserted, deleted, replaced and swapped neighbouring characters, one row at a time. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, row[j]! + 1, next[j - 1]! + 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** `did you mean X?`, to stand as advice; empty when no name is near. */
export function suggestion(mistyped: string, names: readonly string[]): string {
  const near = nearestName(mistyped, names);
  return near === undefined ? '' : `did you mean ${near}?`;
}
