/** Ed25519 signing with the runtime's native crypto. Private keys stay inside KeyObjects. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { nodeIdOfKey, peerIdOf } from '../../base/ids.ts';
import type { SignatureVerifier, Signer } from '../../base/ports.ts';
import { noteOwnKey, verifyEd25519Later } from '../portable/ed25519.ts';

/** PKCS#8 header of an Ed25519 private key (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A signer from its 32-byte Ed25519 seed. */
export function signerFromSeed(seed: Uint8Array): Signer {
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  return signerFromKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

/** A fresh random signer. */
export function generateSigner(): Signer {
  return signerFromKey(generateKeyPairSync('ed25519').privateKey);
}

/** The 32-byte seed of a fresh key, for storing. */
export function generateSeed(): Uint8Array {
  const { privateKey } = generateKeyPairSync('ed25519');
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  return Uint8Array.from(der.subarray(PKCS8_PREFIX.length));
}

function signerFromKey(privateKey: KeyObject): Signer {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const publicKey = Uint8Array.from(spki.subarray(-32));
  noteOwnKey(publicKey);
  const nodeId = nodeIdOfKey(publicKey);
  return {
    nodeId,
    publicKey,
    peerId: peerIdOf(nodeId),
    sign: (message) => Uint8Array.from(sign(null, message, privateKey)),
  };
}

/** The verifier that nodes use, off the event loop; the rule is in crypto/portable/ed25519.ts. */
export const ed25519Verifier: SignatureVerifier = {
  verify: verifyEd25519Later,
};
