/**
 * Ed25519 verification with one rule everywhere. The rule is ZIP-215's (cofactored, lenient on
 * encodings): the most permissive in use, so that whatever a stricter routine accepted, this one
 * accepts too. OpenSSL's check, where the runtime has it, is strictly narrower and much faster:
 * it goes first, and only what it refuses is decided by the portable routine. Strictness is added
 * at admission instead: keys must be canonical and torsion-free (`isAdmissibleKey`).
 * Sources: RFC 8032, ZIP-215; docs/adr/0003-ed25519-rule.md.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { concatBytes, toHex } from '../../base/bytes.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../../base/ids.ts';

interface NodeCrypto {
  createPublicKey(key: { key: Uint8Array; format: 'der'; type: 'spki' }): object;
  verify(algorithm: null, data: Uint8Array, key: object, signature: Uint8Array): boolean;
  verify(
    algorithm: null,
    data: Uint8Array,
    key: object,
    signature: Uint8Array,
    callback: (error: Error | null, holds: boolean) => void,
  ): void;
}

const native = (
  globalThis as { process?: { getBuiltinModule?: (name: string) => NodeCrypto | undefined } }
).process?.getBuiltinModule?.('node:crypto');

/** SubjectPublicKeyInfo header of an Ed25519 key (RFC 8410). */
const SPKI_PREFIX = Uint8Array.of(48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0);
const KEYS_CACHED_MAX = 1024;
const keys = new Map<string, object>();

/** Verifies one signature over the whole message; false for anything malformed, never throws. */
export function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  if (nativeAccepts(publicKey, message, signature)) return true;
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: true });
  } catch {
    return false;
  }
}

/**
 * The same answer, computed beside the event loop where the runtime can. What its strict check
 * refuses the portable routine decides here: honest peers do not send it.
 */
export async function verifyEd25519Later(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { length } = signature;
  if (native === undefined || publicKey.length !== PUBLIC_KEY_BYTES || length !== SIGNATURE_BYTES) {
    return verifyEd25519(publicKey, message, signature);
  }
  const accepted = await nativeAcceptsLater(native, { publicKey, message, signature });
  return accepted || verifyEd25519(publicKey, message, signature);
}

function nativeAcceptsLater(
  crypto: NodeCrypto,
  signed: {
    readonly publicKey: Uint8Array;
    readonly message: Uint8Array;
    readonly signature: Uint8Array;
  },
): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const key = nativeKey(crypto, signed.publicKey);
      crypto.verify(null, signed.message, key, signed.signature, (error, holds) =>
        resolve(error === null && holds),
      );
    } catch {
      resolve(false);
    }
  });
}

function nativeAccepts(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (native === undefined) return false;
  try {
    return native.verify(null, message, nativeKey(native, key), signature);
  } catch {
    return false;
  }
}

function nativeKey(crypto: NodeCrypto, publicKey: Uint8Array): object {
  const name = toHex(publicKey);
  let key = keys.get(name);
  if (key === undefined) {
    const der = concatBytes([SPKI_PREFIX, publicKey]);
    key = crypto.createPublicKey({ key: der, format: 'der', type: 'spki' });
    if (keys.size >= KEYS_CACHED_MAX) keys.delete(keys.keys().next().value!);
    keys.set(name, key);
  }
  return key;
}

/** Answers of `isAdmissibleKey`: one costs half a millisecond, and the same few keys return. */
const admissible = new Map<string, boolean>();

/** Admission rule for identity and consensus keys: canonical encoding, no small-order part. */
export function isAdmissibleKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES) return false;
  const name = toHex(publicKey);
  const known = admissible.get(name);
  if (known !== undefined) return known;
  const answer = isTorsionFreeKey(publicKey);
  remember(name, answer);
  return answer;
}

/** Our own keys are multiples of the base point, hence admissible: no need to find out. */
export function noteOwnKey(publicKey: Uint8Array): void {
  remember(toHex(publicKey), true);
}

function remember(name: string, answer: boolean): void {
  if (admissible.size >= KEYS_CACHED_MAX) admissible.delete(admissible.keys().next().value!);
  admissible.set(name, answer);
}

function isTorsionFreeKey(publicKey: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(publicKey, false);
    return !point.is0() && point.isTorsionFree();
  } catch {
    return false;
  }
}
