/**
 * Canonical bytes: DAG-CBOR, and only the one spelling of each value (docs/protocol/bytes.md).
 * Decoding is hostile-safe: size first, then parse, then proof that the value re-encodes to the
 * very same bytes, then the shape.
 */
import { decode, encode } from '@ipld/dag-cbor';
import { equalBytes } from '../base/bytes.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';
import type { Shape } from './shape.ts';

/** DAG-CBOR of a value made of maps, lists, text, byte strings, safe integers, floats, booleans. */
export function encodeCanonical(value: unknown): Uint8Array {
  return encode(value);
}

/** Reasons: `too-large`, `malformed`, `not-canonical`, `wrong-shape`. Never throws. */
export function decodeCanonical<T>(
  bytes: Uint8Array,
  shape: Shape<T>,
  bytesMax: number,
): Checked<T> {
  if (bytes.length > bytesMax) {
    return refuse('too-large', 'reject', `${bytes.length} bytes, at most ${bytesMax}`);
  }
  let value: unknown;
  let canonical: Uint8Array;
  try {
    value = decode(bytes);
    canonical = encode(value);
  } catch (cause) {
    return refuse('malformed', 'reject', cause instanceof Error ? cause.message : String(cause));
  }
  if (!equalBytes(canonical, bytes)) return refuse('not-canonical');
  const problem = shape(value, '');
  return problem === undefined
    ? accept(value as T)
    : refuse('wrong-shape', 'reject', `${problem.path || 'value'}: ${problem.why}`);
}
