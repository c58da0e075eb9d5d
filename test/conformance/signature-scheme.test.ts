import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blsSignerFromSeed } from '../../src/crypto/node/bls-math.ts';
import { BlsScheme } from '../../src/crypto/node/bls-scheme.ts';
import { ed25519Verifier, generateSigner, signerFromSeed } from '../../src/crypto/node/keys.ts';
import { ed25519List } from '../../src/crypto/portable/signature-scheme.ts';
import { SimKeys } from '../../src/sim/sim-keys.ts';
import { TAGS } from '../../src/wire/tags.ts';
import { schemeConformance } from './signature-scheme.ts';

const noProof = new Uint8Array(0);
const possessionTag = TAGS.consensusPossession;

schemeConformance('ed25519 list', {
  scheme: ed25519List(ed25519Verifier),
  signer: (seed) => ({ ...signerFromSeed(seed), proof: noProof }),
});

const keys = new SimKeys();
schemeConformance('simulated ed25519 list', {
  scheme: ed25519List(keys.verifier),
  signer: (seed) => ({ ...keys.signer(seed), proof: noProof }),
});

const bls = new BlsScheme({ possessionTag });
schemeConformance('bls12-381 aggregate', {
  scheme: bls,
  signer: (seed) => blsSignerFromSeed(seed, possessionTag),
  close: () => bls.close(),
});

test('the simulator takes what was not signed in its world for what it is', async () => {
  const stranger = generateSigner();
  const message = new Uint8Array(9);
  const { verifier } = new SimKeys();
  assert.ok(await verifier.verify(stranger.publicKey, message, stranger.sign(message)));
  assert.ok(!(await verifier.verify(stranger.publicKey, message, new Uint8Array(64))));
});

test('an aggregate takes 96 bytes however many signed, and can be closed twice', async () => {
  const scheme = new BlsScheme({ possessionTag });
  const signers = [1, 2, 3].map((n) =>
    blsSignerFromSeed(new Uint8Array(32).fill(n), possessionTag),
  );
  const message = new Uint8Array(5);
  const sums = [1, 2, 3].map((count) =>
    scheme.join(signers.slice(0, count).map(({ sign }) => sign(message))),
  );
  assert.deepEqual(
    sums.map((sum) => sum.length),
    [96, 96, 96],
  );
  const pending = scheme.verify(signers[0]!.publicKey, message, sums[0]!);
  await scheme.close();
  await scheme.close();
  assert.equal(await pending, false, 'what is cut off did not hold');
});

test('a sum of keys is nobody and is not admitted', async () => {
  // The rogue key attack: a key that cancels an honest one has no holder, so no proof either.
  const scheme = new BlsScheme({ possessionTag });
  const [honest, rogue] = [1, 2].map((n) =>
    blsSignerFromSeed(new Uint8Array(32).fill(n), possessionTag),
  );
  assert.ok(!scheme.admits(honest!.publicKey, rogue!.proof));
  await scheme.close();
});
