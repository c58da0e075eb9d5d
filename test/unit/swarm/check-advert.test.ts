import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes } from '../../../src/base/bytes.ts';
import { nodeIdOfKey } from '../../../src/base/ids.ts';
import type { Signer } from '../../../src/base/ports.ts';
import type { Advert } from '../../../src/swarm/advert.ts';
import { type AdvertRules, checkAdvert } from '../../../src/swarm/check-advert.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { advertOf, ISSUED_MS, NETWORK, signedOf, signerNumber } from '../../support/adverts.ts';

const signer = signerNumber(1);
const rules: AdvertRules = { network: NETWORK, wallMs: ISSUED_MS };

function reasonOf(bytes: Uint8Array, change: Partial<AdvertRules> = {}): string {
  const checked = checkAdvert(bytes, { ...rules, ...change });
  return checked.ok ? 'accepted' : checked.reason;
}

/** The verdict on a properly signed advert that says something else. */
function reasonFor(change: Partial<Advert>, rulesChange: Partial<AdvertRules> = {}): string {
  return reasonOf(encodeCanonical(signedOf(signer, change)), rulesChange);
}

test('a good advert is accepted and comes back as it was', () => {
  const signed = signedOf(signer);
  const checked = checkAdvert(encodeCanonical(signed), { ...rules, expect: signer.nodeId });
  assert.ok(checked.ok);
  assert.deepEqual(checked.value, signed);
});

test('size, encoding and shape', () => {
  const bytes = encodeCanonical(signedOf(signer));
  assert.equal(reasonOf(new Uint8Array(LIMITS.advertBytesMax + 1)), 'too-large');
  assert.equal(reasonOf(new Uint8Array(0)), 'malformed');
  assert.equal(reasonOf(bytes.subarray(0, -1)), 'malformed');
  assert.equal(reasonOf(concatBytes([bytes, Uint8Array.of(0)])), 'malformed');
  // The same value spelled otherwise: a longer length, then the two fields in the other order.
  assert.equal(reasonOf(concatBytes([Uint8Array.of(0xb8, 2), bytes.subarray(1)])), 'malformed');
  const { advert, signature } = signedOf(signer);
  const swapped = [{ signature }, { advert }].map((field) => encodeCanonical(field).subarray(1));
  assert.equal(reasonOf(concatBytes([Uint8Array.of(0xa2), ...swapped])), 'not-canonical');
  assert.equal(reasonOf(encodeCanonical({})), 'wrong-shape');
  assert.equal(reasonOf(encodeCanonical({ ...signedOf(signer), more: 1 })), 'wrong-shape');
  assert.equal(reasonFor({ sequence: 0 }), 'wrong-shape');
  assert.equal(reasonFor({ v: 2 as 1 }), 'wrong-shape');
  const strange = { ...advertOf(signer), more: 1 } as Advert;
  assert.equal(reasonFor(strange), 'wrong-shape');
});

test('network, node and time', () => {
  assert.equal(reasonFor({ network: 'other' }), 'wrong-network');
  const rsa = signer.nodeId.slice();
  rsa[3] = 0;
  assert.equal(reasonFor({ node: rsa }), 'bad-node-id');
  assert.equal(reasonFor({}, { expect: signerNumber(2).nodeId }), 'wrong-node');
  const { expiresMs } = advertOf(signer);
  assert.equal(reasonFor({}, { wallMs: expiresMs - 1 }), 'accepted');
  assert.equal(reasonFor({}, { wallMs: expiresMs }), 'expired');
  assert.equal(reasonFor({}, { wallMs: ISSUED_MS - 120_000 }), 'accepted');
  assert.equal(reasonFor({}, { wallMs: ISSUED_MS - 120_001 }), 'from-the-future');
  assert.equal(reasonFor({ expiresMs: expiresMs + 1 }), 'lifetime-too-long');
  assert.equal(reasonFor({ expiresMs: ISSUED_MS }), 'lifetime-too-long');
});

test('a sequence at or below the known one is replayed', () => {
  const { sequence } = advertOf(signer);
  assert.equal(reasonFor({}, { known: sequence - 1 }), 'accepted');
  assert.equal(reasonFor({}, { known: sequence }), 'replayed');
  assert.equal(reasonFor({}, { known: sequence + 1 }), 'replayed');
});

test('what it says must make sense', () => {
  assert.equal(reasonFor({ roles: [] }), 'bad-roles');
  assert.equal(reasonFor({ roles: ['worker', 'worker'] }), 'bad-roles');
  const tail = `/p2p/${signer.peerId}`;
  const relayed = `/ip4/1.2.3.4/tcp/1/p2p/${signerNumber(2).peerId}/p2p-circuit${tail}`;
  assert.equal(reasonFor({ addresses: [relayed] }), 'accepted');
  assert.equal(reasonFor({ addresses: [] }), 'accepted');
  const wrong = [
    tail,
    `/ip4/127.0.0.1/tcp/1/p2p/${signerNumber(2).peerId}`,
    '/ip4/127.0.0.1/tcp/1',
    `ip4/127.0.0.1/tcp/1${tail}`,
    `/ip4/127.0.0.1/tcp/1 ${tail}`,
    `/ip4/127.0.0.1/tcp/\u0661${tail}`,
    `/ip4/127.0.0.1/tcp/1${tail}\n`,
  ];
  for (const address of wrong) assert.equal(reasonFor({ addresses: [address] }), 'bad-address');
  assert.equal(reasonFor({ addresses: [relayed, relayed] }), 'bad-address');
  const { devices, kernels } = advertOf(signer);
  assert.equal(reasonFor({ devices: [{ ...devices[0]!, name: 'cuda/sm_90' }] }), 'bad-device');
  assert.equal(reasonFor({ kernels: [kernels[0]!, kernels[0]!] }), 'bad-kernel');
  const onGpu = { ...kernels[0]!, backend: 'cuda/sm_90' };
  assert.equal(reasonFor({ kernels: [onGpu] }), 'bad-kernel');
  const admission = { kind: 'open' as const, proof: new Uint8Array(64) };
  assert.equal(reasonFor({ admission }), 'unsupported-admission');
});

test('a GPU in the same schema', () => {
  const { devices } = advertOf(signer);
  const gpu = {
    kind: 'cuda' as const,
    name: 'cuda/sm_90',
    model: 'Example GPU',
    capability: 90,
    memory: 151_000_000_000,
    driver: 12_040,
  };
  const offer = { ...advertOf(signer).kernels[1]!, backend: 'cuda/sm_90', speed: 50e12 };
  assert.equal(reasonFor({ devices: [...devices, gpu, gpu], kernels: [offer] }), 'accepted');
});

test('forged: another key, another tag, a changed word', () => {
  const { advert, signature } = signedOf(signer);
  const flipped = signature.slice();
  flipped[0]! ^= 1;
  assert.equal(reasonOf(encodeCanonical({ advert, signature: flipped })), 'bad-signature');
  const other = signedOf(signerNumber(2), { node: signer.nodeId, addresses: [] });
  assert.equal(reasonOf(encodeCanonical(other)), 'bad-signature');
  const bare = signer.sign(encodeCanonical(advert));
  assert.equal(reasonOf(encodeCanonical({ advert, signature: bare })), 'bad-signature');
  const faster = { ...advert, load: { shards: 1, plans: 0 } };
  assert.equal(reasonOf(encodeCanonical({ advert: faster, signature })), 'bad-signature');
});

test('a key of small order verifies anything and is therefore not admitted', () => {
  const point = new Uint8Array(32);
  point[0] = 1;
  const signature = new Uint8Array(64);
  signature[0] = 1;
  const forger: Signer = {
    nodeId: nodeIdOfKey(point),
    peerId: 'nobody',
    publicKey: point,
    sign: () => signature,
  };
  const bytes = encodeCanonical(signedOf(forger, { addresses: [] }));
  assert.equal(reasonOf(bytes), 'inadmissible-key');
});

test('every single flipped byte of an advert is refused', () => {
  const bytes = encodeCanonical(signedOf(signer));
  for (let i = 0; i < bytes.length; i++) {
    const bent = bytes.slice();
    bent[i]! ^= 0x01;
    assert.notEqual(reasonOf(bent), 'accepted', `byte ${i}`);
  }
});
