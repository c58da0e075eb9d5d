import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { describe, test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { concatBytes, fromHex, toHex, utf8 } from '../../../src/base/bytes.ts';
import { signerFromSeed } from '../../../src/crypto/node/keys.ts';
import {
  isAdmissibleKey,
  verifyEd25519,
  verifyEd25519Later,
} from '../../../src/crypto/portable/ed25519.ts';
import { isSignedBy, signTagged } from '../../../src/crypto/portable/signed.ts';
import { TAGS } from '../../../src/wire/tags.ts';

/** RFC 8032, section 7.1, test 1. */
const SEED = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')!;
const KEY = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')!;
const SIGNATURE = fromHex(
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
)!;
const ORDER = ed25519.Point.Fn.ORDER;

/** Every encoding of a point of small order, canonical or not. */
const SMALL_ORDER = [
  `01${'00'.repeat(31)}`,
  `01${'00'.repeat(30)}80`,
  `00${'00'.repeat(31)}`,
  `00${'00'.repeat(30)}80`,
  `ec${'ff'.repeat(30)}7f`,
  `ec${'ff'.repeat(30)}ff`,
  `ed${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}ff`,
  `ee${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}ff`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
].map((hex) => fromHex(hex)!);

function nativeAccepts(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
    const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
    return verify(null, message, publicKey, signature);
  } catch {
    return false;
  }
}

function scalarBytes(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, '0'))!.reverse();
}

describe('Ed25519', () => {
  test('signs and verifies as RFC 8032 says', () => {
    const signer = signerFromSeed(SEED);
    assert.equal(toHex(signer.publicKey), toHex(KEY));
    assert.equal(toHex(signer.sign(new Uint8Array(0))), toHex(SIGNATURE));
    assert.ok(verifyEd25519(KEY, new Uint8Array(0), SIGNATURE));
  });

  test('any flipped bit of key, message or signature is refused', () => {
    const message = utf8('a message');
    const signature = signerFromSeed(SEED).sign(message);
    const flip = (source: Uint8Array, bit: number): Uint8Array => {
      const copy = source.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      return copy;
    };
    for (let bit = 0; bit < 512; bit += 3) {
      assert.ok(!verifyEd25519(KEY, message, flip(signature, bit)), `signature bit ${bit}`);
    }
    for (let bit = 0; bit < 256; bit += 5) {
      assert.ok(!verifyEd25519(flip(KEY, bit), message, signature), `key bit ${bit}`);
    }
    for (let bit = 0; bit < 72; bit++) {
      assert.ok(!verifyEd25519(KEY, flip(message, bit), signature), `message bit ${bit}`);
    }
  });

  test('malformed lengths and scalars are refused without throwing', () => {
    const message = new Uint8Array(0);
    assert.ok(!verifyEd25519(KEY.subarray(1), message, SIGNATURE));
    assert.ok(!verifyEd25519(KEY, message, SIGNATURE.subarray(1)));
    assert.ok(!verifyEd25519(KEY, message, concatBytes([SIGNATURE, Uint8Array.of(0)])));
    assert.ok(!verifyEd25519(new Uint8Array(32).fill(0xff), message, SIGNATURE));
    // The same signature with S + L: the classic malleability.
    const s = BigInt(`0x${toHex(SIGNATURE.slice(32).reverse())}`);
    const malleable = concatBytes([SIGNATURE.subarray(0, 32), scalarBytes(s + ORDER)]);
    assert.ok(!verifyEd25519(KEY, message, malleable));
  });

  test('whatever the native routine accepts, the rule accepts: all small-order cases', () => {
    const zero = new Uint8Array(32);
    let native = 0;
    for (const key of SMALL_ORDER) {
      for (const point of SMALL_ORDER) {
        const signature = concatBytes([point, zero]);
        const message = utf8('Zcash');
        if (nativeAccepts(key, message, signature)) native += 1;
        // ZIP-215 is cofactored: with S = 0 every one of these is valid, whatever the message.
        assert.ok(verifyEd25519(key, message, signature), `${toHex(key)} ${toHex(point)}`);
      }
    }
    assert.ok(native < SMALL_ORDER.length ** 2, 'the native routine is stricter');
  });

  test('the answer from another thread is the same, also where the native routine is stricter', async () => {
    const message = new Uint8Array(0);
    const zero = new Uint8Array(32);
    const cases = [
      [KEY, message, SIGNATURE],
      [KEY, utf8('x'), SIGNATURE],
      [KEY, message, SIGNATURE.map((byte, i) => (i === 12 ? byte ^ 4 : byte))],
      [KEY.subarray(1), message, SIGNATURE],
      [KEY, message, SIGNATURE.subarray(1)],
      [new Uint8Array(32).fill(0xff), message, SIGNATURE],
      ...SMALL_ORDER.map((key) => [key, utf8('Zcash'), concatBytes([SMALL_ORDER[3]!, zero])]),
    ] as const;
    for (const [key, text, signature] of cases) {
      const later = await verifyEd25519Later(key!, text!, signature!);
      assert.equal(later, verifyEd25519(key!, text!, signature!), toHex(key!));
    }
  });

  test('admission refuses small-order, mixed-order and non-canonical keys', () => {
    assert.ok(isAdmissibleKey(KEY));
    for (const key of SMALL_ORDER) assert.ok(!isAdmissibleKey(key), toHex(key));
    const torsion = ed25519.Point.fromBytes(SMALL_ORDER[10]!, true);
    const mixed = ed25519.Point.fromBytes(KEY, false).add(torsion).toBytes();
    assert.ok(!isAdmissibleKey(mixed));
    assert.ok(!isAdmissibleKey(KEY.subarray(1)));
    assert.ok(!isAdmissibleKey(fromHex(`02${'00'.repeat(31)}`)!), 'no point has this encoding');
  });

  test('a signature binds its tag', () => {
    const signer = signerFromSeed(SEED);
    const body = utf8('body');
    const signature = signTagged(signer, TAGS.signSeal, body);
    assert.ok(isSignedBy(signer.nodeId, TAGS.signSeal, body, signature));
    assert.ok(!isSignedBy(signer.nodeId, TAGS.signClaim, body, signature));
    assert.ok(!isSignedBy(signer.nodeId.subarray(1), TAGS.signSeal, body, signature));
  });
});
