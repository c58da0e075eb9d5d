/**
 * Eras: runs of blocks by height that bound what a replica remembers. Whatever decides about a
 * block of one era (which payloads may not be repeated, which faults are on record, who leads) lies
 * in that era and the one before, and follows from headers alone; so the state after the last block
 * of an era, with the headers of that era, is all that somebody who missed everything needs.
 * ADR 0205.
 */

/** Blocks of one era: twice the 256 that design consensus.md section 1.8 prunes below. */
export const ERA_BLOCKS = 512;

export const eraOf = (height: number): number => Math.floor(height / ERA_BLOCKS);

/** Height of an era's first block; that of era 0 is genesis. */
export const eraStart = (era: number): number => era * ERA_BLOCKS;

/** True for the last block of an era: its state is kept for those who lag. */
export const isCheckpoint = (height: number): boolean => (height + 1) % ERA_BLOCKS === 0;

/** True when what a block of height `then` holds still counts for one of height `now`. */
export function isRemembered(then: number, now: number): boolean {
  return eraOf(then) >= eraOf(now) - 1;
}
