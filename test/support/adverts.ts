/** Valid adverts from numbered signers, for tests to bend. */
import type { Signer } from '../../src/base/ports.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import type { Advert, SignedAdvert } from '../../src/swarm/advert.ts';
import { signAdvert } from '../../src/swarm/own-advert.ts';
import { seedNumber } from './workers.ts';

export const NETWORK = 'test';
/** When the adverts made here were issued. */
export const ISSUED_MS = 1_800_000_000_000;

export function signerNumber(number: number): Signer {
  return signerFromSeed(seedNumber(number));
}

export function advertOf(signer: Signer, change: Partial<Advert> = {}): Advert {
  return {
    v: 1,
    node: signer.nodeId,
    network: NETWORK,
    sequence: ISSUED_MS,
    issuedMs: ISSUED_MS,
    expiresMs: ISSUED_MS + 3_600_000,
    software: 'kadre/0.0.1',
    roles: ['worker', 'cadre'],
    addresses: [`/ip4/127.0.0.1/tcp/4001/p2p/${signer.peerId}`],
    devices: [
      {
        kind: 'cpu',
        name: 'cpu/avx2',
        model: 'Example CPU',
        cores: 2,
        memory: 4_294_967_296,
        features: ['avx2', 'fma'],
      },
    ],
    kernels: [
      { id: 'noop@1', digest: seedNumber(1), backend: 'cpu/js', speed: 1_000_000 },
      { id: 'gemm.f32@1', digest: seedNumber(2), backend: 'cpu/avx2', speed: 20_000_000_000 },
    ],
    load: { shards: 0, plans: 0 },
    ...change,
  };
}

export function signedOf(signer: Signer, change: Partial<Advert> = {}): SignedAdvert {
  return signAdvert(signer, advertOf(signer, change));
}

/** A wall clock that stands where the test puts it. */
export class StillClock {
  nowMs: number;

  constructor(nowMs = ISSUED_MS) {
    this.nowMs = nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }
}
