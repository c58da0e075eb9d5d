/**
 * Writes test/vectors/advert.json, the golden bytes of docs/protocol/advert.md.
 * Run: node scripts/vectors/advert.ts
 */
import { writeFileSync } from 'node:fs';
import { toHex, u32 } from '../../src/base/bytes.ts';
import type { Signer } from '../../src/base/ports.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { PuzzleSearch, signInvitation } from '../../src/swarm/admission.ts';
import type { Advert, SignedAdvert } from '../../src/swarm/advert.ts';
import { capabilityClasses, signAdvert } from '../../src/swarm/own-advert.ts';
import { freezeRoster, rosterPaths } from '../../src/swarm/roster.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';

const NETWORK = 'vectors';
const WALL_MS = 1_800_000_000_000;
const HOUR_MS = 3_600_000;

const signers = [1, 2, 3, 4, 5].map((number) => signerFromSeed(sha256(u32(number))));
const [first, second] = signers as [Signer, Signer];

function advertOf(signer: Signer, change: Partial<Advert> = {}): Advert {
  return {
    v: 1,
    node: signer.nodeId,
    network: NETWORK,
    sequence: WALL_MS,
    issuedMs: WALL_MS,
    expiresMs: WALL_MS + HOUR_MS,
    software: 'kadre/0.0.1',
    roles: ['worker', 'cadre'],
    addresses: [`/ip4/192.0.2.1/tcp/4001/p2p/${signer.peerId}`],
    devices: [
      {
        kind: 'cpu',
        name: 'cpu/avx2',
        model: 'Example CPU',
        cores: 8,
        memory: 17_179_869_184,
        features: ['avx2', 'fma'],
      },
      {
        kind: 'cuda',
        name: 'cuda/sm_90',
        model: 'Example GPU',
        capability: 90,
        memory: 85_899_345_920,
        driver: 12_040,
      },
    ],
    kernels: [
      { id: 'noop@1', digest: sha256(u32(101)), backend: 'cpu/js', speed: 1_000_000 },
      { id: 'gemm.f32@1', digest: sha256(u32(102)), backend: 'cpu/avx2', speed: 150_000_000_000 },
    ],
    load: { shards: 3, plans: 1 },
    ...change,
  };
}

function signedOf(change: Partial<Advert> = {}): SignedAdvert {
  return signAdvert(first, advertOf(first, change));
}

/** The two fields in the order that canonical encoding forbids. */
function swapped({ advert, signature }: SignedAdvert): Uint8Array {
  const fields = [{ signature }, { advert }].map((field) => encodeCanonical(field).subarray(1));
  return Buffer.concat([Uint8Array.of(0xa2), ...fields]);
}

const PUZZLE_BITS = 12;
const good = signedOf();
const bad: Record<string, Uint8Array | SignedAdvert> = {
  malformed: encodeCanonical(good).subarray(0, -1),
  'not-canonical': swapped(good),
  'wrong-shape': { ...good, more: 1 } as SignedAdvert,
  'wrong-network': signedOf({ network: 'other' }),
  'bad-node-id': signedOf({ node: new Uint8Array(38) }),
  'lifetime-too-long': signedOf({ expiresMs: WALL_MS + HOUR_MS + 1 }),
  'from-the-future': signedOf({ issuedMs: WALL_MS + 120_001 }),
  expired: signedOf({ issuedMs: WALL_MS - HOUR_MS, expiresMs: WALL_MS }),
  replayed: signedOf({ sequence: 1 }),
  'bad-roles': signedOf({ roles: [] }),
  'bad-address': signedOf({ addresses: [`/ip4/192.0.2.1/tcp/4001/p2p/${second.peerId}`] }),
  'bad-device': signedOf({ devices: [{ ...advertOf(first).devices[0]!, name: 'cuda/sm_90' }] }),
  'bad-kernel': signedOf({ devices: [] }),
  'unsupported-admission': signedOf({ admission: { kind: 'open', proof: new Uint8Array(64) } }),
  'bad-signature': {
    advert: good.advert,
    signature: signedOf({ sequence: WALL_MS + 1 }).signature,
  },
};

/** Of section 6: an invitation by the second signer, and the first solution of a puzzle. */
function admissions() {
  const { nodeId } = first;
  const search = new PuzzleSearch(NETWORK, nodeId, PUZZLE_BITS);
  let solved = search.attempt(1);
  while (solved === undefined) solved = search.attempt(1);
  return {
    node: toHex(nodeId),
    authority: second.peerId,
    invitation: toHex(signInvitation(second, NETWORK, nodeId)),
    bits: PUZZLE_BITS,
    puzzle: toHex(solved.proof),
  };
}

function vectors() {
  const frozen = freezeRoster(signers.map((signer) => signAdvert(signer, advertOf(signer))));
  if (!frozen.ok) throw new Error(frozen.reason);
  const { adverts, root } = frozen.value;
  const paths = rosterPaths(adverts, [...adverts.keys()]);
  return {
    network: NETWORK,
    wallMs: WALL_MS,
    knownSequence: 1,
    good: {
      seed: toHex(sha256(u32(1))),
      peer: first.peerId,
      advert: toHex(encodeCanonical(good.advert)),
      signature: toHex(good.signature),
      signed: toHex(encodeCanonical(good)),
      classes: capabilityClasses(good.advert),
    },
    bad: Object.entries(bad).map(([reason, value]) => ({
      reason,
      signed: toHex(value instanceof Uint8Array ? value : encodeCanonical(value)),
    })),
    admissions: admissions(),
    roster: {
      adverts: adverts.map((advert) => toHex(encodeCanonical(advert))),
      root: toHex(root),
      paths: paths.map((path) => path.map(toHex)),
    },
  };
}

writeFileSync(
  new URL('../../test/vectors/advert.json', import.meta.url),
  `${JSON.stringify(vectors(), undefined, 1)}\n`,
);
