/**
 * What a full store lets go (docs/protocol/blob.md, "Retention"): decided here without touching a
 * disk. What a live job pinned never goes, nor what was put here to be kept before its time is
 * over; of the rest the one goes first that nobody has used for longest.
 */

/** One thing that is let go as a whole: a file, a pack, all chunks of a blob. */
export interface Holding<K> {
  readonly key: K;
  readonly bytes: number;
  /** Wall time before which it must stay; 0 for a copy of what others have too. */
  readonly keptUntilMs: number;
  /** Wall time of the last read or put. */
  readonly usedMs: number;
  /** Wanted by a live job, or being written. */
  readonly isPinned: boolean;
}

/**
 * Keys to let go so that at least `bytes` become free, in the order in which to; undefined when
 * even all that may go would not be enough, and then nothing should go.
 */
export function chooseEvictions<K>(
  holdings: Iterable<Holding<K>>,
  bytes: number,
  nowMs: number,
): readonly K[] | undefined {
  if (bytes <= 0) return [];
  const free = [...holdings].filter((one) => !one.isPinned && one.keptUntilMs <= nowMs);
  const chosen: K[] = [];
  let freed = 0;
  for (const one of free.sort((a, b) => a.usedMs - b.usedMs)) {
    chosen.push(one.key);
    freed += one.bytes;
    if (freed >= bytes) return chosen;
  }
  return undefined;
}
