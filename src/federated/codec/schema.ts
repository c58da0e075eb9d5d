/**
 * What an update is about: tensors with names and shapes, in order, and the fraction bits. Its hash
 * is in every container, so that bytes cannot be read again under another shape
 * (docs/protocol/federated-codec.md, "Schema").
 */
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import { taggedHash } from '../../crypto/portable/hash.ts';
import { encodeCanonical } from '../../wire/cbor.ts';
import { TAGS } from '../../wire/tags.ts';
import { FRACTION_BITS_MAX, FRACTION_BITS_MIN } from '../fixed-point.ts';

export const ELEMENTS_MAX = 2 ** 30;
const TENSORS_MAX = 4096;
const EXTENTS_MAX = 8;
const NAME_CHARACTERS_MAX = 256;
export const SCHEMA_HASH_BYTES = 16;

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface UpdateSchema {
  readonly tensors: readonly Tensor[];
  readonly fractionBits: number;
  /** Of all tensors, 1..2^30. */
  readonly elements: number;
  /** 16 bytes. */
  readonly hash: Uint8Array;
}

/** Reason `bad-schema`, with what is wrong. */
export function makeSchema(
  tensors: readonly Tensor[],
  fractionBits: number,
): Checked<UpdateSchema> {
  const bad = (detail: string) => refuse('bad-schema', 'reject', detail);
  if (tensors.length > TENSORS_MAX) return bad(`over ${TENSORS_MAX} tensors`);
  const isFraction = Number.isInteger(fractionBits) && fractionBits >= FRACTION_BITS_MIN;
  if (!isFraction || fractionBits > FRACTION_BITS_MAX) return bad('fraction bits out of range');
  const names = new Set(tensors.map(({ name }) => name));
  if (names.size !== tensors.length) return bad('a name occurs twice');
  let elements = 0;
  for (const tensor of tensors) {
    if (tensor.name.length === 0 || tensor.name.length > NAME_CHARACTERS_MAX) {
      return bad('a name is empty or too long');
    }
    if (tensor.shape.length > EXTENTS_MAX) return bad(`${tensor.name} has too many extents`);
    if (!tensor.shape.every((extent) => Number.isInteger(extent) && extent >= 1)) {
      return bad(`${tensor.name} has an extent below 1`);
    }
    elements += sizeOf(tensor);
    if (elements > ELEMENTS_MAX) return bad(`over ${ELEMENTS_MAX} elements`);
  }
  if (elements === 0) return bad('no elements');
  const fields = tensors.map(({ name, shape }) => [name, [...shape]]);
  const encoded = encodeCanonical({ v: 1, fractionBits, tensors: fields });
  const hash = taggedHash(TAGS.updateSchema, encoded).slice(0, SCHEMA_HASH_BYTES);
  return accept({ tensors, fractionBits, elements, hash });
}

export function sizeOf({ shape }: Tensor): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
