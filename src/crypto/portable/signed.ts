/** Signatures over tagged bytes: what is signed is always tag ‖ 00 ‖ canonical body. */
import { concatBytes } from '../../base/bytes.ts';
import { type NodeId, publicKeyOf } from '../../base/ids.ts';
import type { Signer } from '../../base/ports.ts';
import { verifyEd25519 } from './ed25519.ts';
import { type DomainTag, tagPrefix } from './hash.ts';

export function signingBytes(tag: DomainTag, body: Uint8Array): Uint8Array {
  return concatBytes([tagPrefix(tag), body]);
}

export function signTagged(signer: Signer, tag: DomainTag, body: Uint8Array): Uint8Array {
  return signer.sign(signingBytes(tag, body));
}

/** True when the node behind this id signed the tagged body. */
export function isSignedBy(
  node: NodeId,
  tag: DomainTag,
  body: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = publicKeyOf(node);
  return key !== undefined && verifyEd25519(key, signingBytes(tag, body), signature);
}
