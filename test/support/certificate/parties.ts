/** The parties of a test certificate: requester, roster and seats. */
import { equalBytes, toHex } from '../../../src/base/bytes.ts';
import type { Signer } from '../../../src/base/ports.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import { signTagged } from '../../../src/crypto/portable/signed.ts';
import {
  type CadreEntry,
  cadreEntryBody,
  type Plan,
  planIdOf,
  seedOf,
} from '../../../src/job/plan.ts';
import type { JobSpec } from '../../../src/job/spec.ts';
import type { Parameters } from '../../../src/kernel/contract.ts';
import { dtypeOf } from '../../../src/kernel/nd-array.ts';
import { findKernel, kernelDigest } from '../../../src/kernel/registry.ts';
import type { Advert, SignedAdvert } from '../../../src/swarm/advert.ts';
import { cadreOrder } from '../../../src/swarm/cadre-order.ts';
import { freezeRoster } from '../../../src/swarm/roster.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import { labelled, NETWORK, namedSigner, outsider, type Recipe } from './recipe.ts';

export function makeSpec(recipe: Recipe, requester: Signer): JobSpec {
  const kernel = findKernel(recipe.kernel ?? 'noop@1')!;
  const inputs = Object.entries(recipe.inputs ?? {}).map(([name, { data, shape }]) => ({
    name,
    dtype: dtypeOf(data)!,
    shape,
    root: blobRoot(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  }));
  const parameters =
    recipe.parameters ?? (recipe.kernel === undefined ? { items: 64 } : ({} as Parameters));
  return {
    v: 1,
    kernel: recipe.kernel ?? 'noop@1',
    kernelDigest: kernelDigest(kernel),
    parameters,
    inputs,
    shards: recipe.shards ?? 4,
    policy: {
      replicas: recipe.replicas ?? 3,
      quorum: recipe.quorum ?? 2,
      cadre: recipe.cadre ?? 4,
      deadlineMs: 0,
      sealMs: 10_000,
      revealMs: 5_000,
    },
    network: NETWORK,
    nonce: labelled(`${recipe.label ?? ''}/nonce`).subarray(0, 16),
    requester: requester.nodeId,
  };
}

export interface Swarm {
  readonly adverts: readonly SignedAdvert[];
  /** Signers in roster order. */
  readonly signers: readonly Signer[];
  readonly root: Uint8Array;
}

export function makeAdvert(node: Signer, spec: Pick<JobSpec, 'kernel' | 'kernelDigest'>): Advert {
  return {
    v: 1,
    node: node.nodeId,
    network: NETWORK,
    sequence: 1,
    issuedMs: 1_700_000_000_000,
    expiresMs: 1_700_000_600_000,
    software: 'kadre/0.0.1',
    roles: ['worker', 'cadre'],
    addresses: [`/ip4/127.0.0.1/tcp/4001/p2p/${node.peerId}`],
    devices: [
      { kind: 'cpu', name: 'cpu/js', model: 'test', cores: 1, memory: 1 << 30, features: [] },
    ],
    kernels: [{ id: spec.kernel, digest: spec.kernelDigest, backend: 'cpu/js', speed: 1_000_000 }],
    load: { shards: 0, plans: 0 },
  };
}

export function signAdvert(signer: Signer, advert: Advert): SignedAdvert {
  return { advert, signature: signTagged(signer, TAGS.signAdvert, encodeCanonical(advert)) };
}

export function makeRoster(recipe: Recipe, spec: JobSpec): Swarm {
  const label = recipe.label ?? 'certificate';
  const byNode = new Map<string, Signer>();
  const adverts = Array.from({ length: recipe.nodes ?? 7 }, (_, index) => {
    const signer = namedSigner(`${label}/node/${index}`);
    const advert = makeAdvert(signer, spec);
    byNode.set(toHex(signer.nodeId), signer);
    const signed = signAdvert(signer, recipe.bend?.advert?.(advert, index) ?? advert);
    return recipe.bend?.signedAdvert?.(signed, index) ?? signed;
  });
  const frozen = freezeRoster(adverts);
  if (!frozen.ok) throw new Error(frozen.reason);
  const signers = frozen.value.adverts.map(
    ({ advert }) => byNode.get(toHex(advert.node)) ?? outsider,
  );
  return { adverts: frozen.value.adverts, signers, root: frozen.value.root };
}

export interface Seats {
  readonly entries: readonly CadreEntry[];
  readonly keys: readonly Signer[];
  readonly seated: ReadonlySet<number>;
  /** Nodes that rank after the seated ones, by rank. */
  readonly spare: readonly Signer[];
}

export function makeSeats(recipe: Recipe, plan: Plan, swarm: Swarm): Seats {
  const label = recipe.label ?? 'certificate';
  const planId = planIdOf(plan);
  const capable = [...swarm.adverts.keys()].filter((position) =>
    swarm.adverts[position]!.advert.roles.includes('cadre'),
  );
  const order = cadreOrder(
    seedOf(planId),
    capable.map((position) => swarm.adverts[position]!.advert),
  ).map((index) => capable[index]!);
  const skipped = new Set(recipe.skipped ?? []);
  const left = order.filter((_, rank) => !skipped.has(rank));
  const chosen = left.slice(0, recipe.cadre ?? 4);
  const spare = left.slice(chosen.length).map((position) => swarm.signers[position]!);
  const keys = chosen.map((_, seat) => namedSigner(`${label}/key/${seat}`));
  const entries = chosen.map((position, seat) => {
    const node = swarm.adverts[position]!.advert.node;
    const plain = { seat, node, key: keys[seat]!.publicKey };
    const entry = recipe.bend?.entry?.(plain) ?? plain;
    const inRoster = swarm.signers.find((each) => equalBytes(each.nodeId, entry.node));
    const body = cadreEntryBody(planId, entry.seat, entry.key);
    const signature = signTagged(inRoster ?? outsider, TAGS.signCadreEntry, body);
    return recipe.bend?.signedEntry?.({ ...entry, signature }) ?? { ...entry, signature };
  });
  return { entries, keys, seated: new Set(chosen), spare };
}
