/**
 * Cutting a length into near-even contiguous pieces: the first `length % parts` pieces are one
 * longer. Planner version 1 of every built-in kernel (docs/protocol/kernel.md, "Planner").
 */

/** More shards than this are refused whatever the kernel could do. */
export const SHARDS_MAX = 2 ** 24;

export interface Piece {
  readonly offset: number;
  readonly length: number;
}

/** Piece `index` of `parts` of 0..length-1; 1 <= parts, 0 <= index < parts. */
export function pieceOf(length: number, parts: number, index: number): Piece {
  const shorter = Math.floor(length / parts);
  const longerCount = length % parts;
  return {
    offset: index * shorter + Math.min(index, longerCount),
    length: index < longerCount ? shorter + 1 : shorter,
  };
}

/** The piece that holds `position`, as (index, position inside it); needs parts <= length. */
export function pieceHolding(
  length: number,
  parts: number,
  position: number,
): { index: number; within: number } {
  const shorter = Math.floor(length / parts);
  const longerCount = length % parts;
  const longerEnd = longerCount * (shorter + 1);
  if (position < longerEnd) {
    return { index: Math.floor(position / (shorter + 1)), within: position % (shorter + 1) };
  }
  const rest = position - longerEnd;
  return { index: longerCount + Math.floor(rest / shorter), within: rest % shorter };
}
