import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify as verifyNatively } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { concatBytes } from '../../../src/base/bytes.ts';
import { encodeCertificate } from '../../../src/certificate/format.ts';
import { openCertificate } from '../../../src/certificate/open.ts';
import { commitSigningBytes } from '../../../src/consensus/messages.ts';
import { ed25519Verifier } from '../../../src/crypto/node/keys.ts';
import { isAdmissibleKey } from '../../../src/crypto/portable/ed25519.ts';
import { cadreRootOf, planIdOf } from '../../../src/job/plan.ts';
import { labelled } from '../../support/certificate/recipe.ts';
import { makeCertificate } from '../../support/certificate-factory.ts';

/** A point of order 8 (ZIP-215's list of small-order encodings). */
const TORSION = ed25519.Point.fromHex(
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
);

/** A signature whose R has a small-order part: only a cofactored check accepts it. */
function signWithTorsion(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const { scalar, prefix } = ed25519.utils.getExtendedPublicKey(seed);
  const { Fn } = ed25519.Point;
  const toScalar = (parts: Uint8Array[]) => {
    const digest = ed25519HashOf(parts);
    return Fn.create(digest);
  };
  const nonce = toScalar([prefix, message]);
  const point = ed25519.Point.BASE.multiply(nonce).add(TORSION);
  const encoded = point.toBytes();
  const challenge = toScalar([encoded, ed25519.getPublicKey(seed), message]);
  const s = Fn.create(nonce + challenge * scalar);
  return concatBytes([encoded, littleEndian(s)]);
}

function ed25519HashOf(parts: Uint8Array[]): bigint {
  const digest = createHash('sha512').update(concatBytes(parts)).digest();
  return digest.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

test('what the cadre accepts and strict checks refuse is accepted offline', async () => {
  const label = 'agreement';
  const made = makeCertificate({ label, nodes: 2, cadre: 1, replicas: 1, quorum: 1 });
  const { cadre, plan, commit } = made.certificate;
  const domain = { planId: planIdOf(plan), epoch: 0, cadreRoot: cadreRootOf(cadre) };
  const message = commitSigningBytes(domain, commit);
  const signature = signWithTorsion(labelled(`${label}/key/0`), message);
  const key = cadre[0]!.key;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') };
  const strict = createPublicKey({ key: jwk, format: 'jwk' });
  assert.equal(verifyNatively(null, message, strict, signature), false);
  assert.ok(isAdmissibleKey(key));
  assert.ok(await ed25519Verifier.verify(key, message, signature));
  const bytes = encodeCertificate({ ...made.certificate, commit: { ...commit, sigs: signature } });
  assert.equal(openCertificate(bytes).ok, true);
});
