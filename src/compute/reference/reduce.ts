/** `reduce@1` by its page (docs/protocol/kernels/reduce.md): chunk by chunk, level by level. */
import { CHUNK, type Fold, foldChunk } from '../../kernel/fixed-tree.ts';
import { canonicaliseNan } from './canonical-nan.ts';

/** Chunks between two pauses: some ten milliseconds. */
const STEP_CHUNKS = 256;

/** `out`: one value per 4096^level elements of `x`. */
export function* reduceSteps(
  x: Float32Array,
  level: number,
  fold: Fold,
  out: Float32Array,
): Generator<void> {
  let values = x;
  for (let height = 1; height <= level; height++) {
    const folded = height === level ? out : new Float32Array(Math.ceil(values.length / CHUNK));
    for (let i = 0; i < folded.length; i++) {
      const at = i * CHUNK;
      folded[i] = foldChunk(values, at, Math.min(CHUNK, values.length - at), fold);
      if (i % STEP_CHUNKS === STEP_CHUNKS - 1) yield;
    }
    values = folded;
  }
  canonicaliseNan(out);
}
