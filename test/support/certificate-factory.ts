/**
 * Makes certificates with real keys: a small swarm, a job, seats, results, seals and votes, each step
 * built from the one before, so that a test can bend one step and have everything after it signed
 * properly. All randomness comes from labels: the same recipe gives the same bytes.
 */
import { concatBytes, equalBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import type { Signer } from '../../src/base/ports.ts';
import { blobRoot } from '../../src/blob/tree.ts';
import { composeCertificate } from '../../src/certificate/build.ts';
import { gatherRegion } from '../../src/certificate/check-arrays.ts';
import { resultsRootOf } from '../../src/certificate/check-results.ts';
import type { RosterView } from '../../src/certificate/check-roster.ts';
import { type Certificate, encodeCertificate } from '../../src/certificate/format.ts';
import {
  packResults,
  ResultColumns,
  type ResultLeaf,
} from '../../src/certificate/result-columns.ts';
import { commitSigningBytes } from '../../src/consensus/messages.ts';
import { bitmapOf, quorumOf } from '../../src/consensus/seats.ts';
import type { Block, CommitCert } from '../../src/consensus/types.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { signTagged } from '../../src/crypto/portable/signed.ts';
import {
  type CadreEntry,
  cadreEntryBody,
  cadreRootOf,
  type Plan,
  planIdOf,
  seedOf,
} from '../../src/job/plan.ts';
import {
  type RevealRecord,
  recordIdOf,
  SALT_BYTES,
  type SealRecord,
  sealBatchRoot,
  sealBody,
  sealedTuple,
  shardResultDigest,
} from '../../src/job/records.ts';
import { packShards } from '../../src/job/shard-list.ts';
import { type JobSpec, jobIdOf } from '../../src/job/spec.ts';
import type { ArraySpec, Parameters, ResolvedKernel } from '../../src/kernel/contract.ts';
import { arrayBytes } from '../../src/kernel/contract.ts';
import { arrayOfBytes, type NdArray } from '../../src/kernel/nd-array.ts';
import { findKernel, kernelDigest } from '../../src/kernel/registry.ts';
import type { Advert, SignedAdvert } from '../../src/swarm/advert.ts';
import { cadreOrder } from '../../src/swarm/cadre-order.ts';
import { capWeights, place } from '../../src/swarm/placement.ts';
import { freezeRoster } from '../../src/swarm/roster.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import { TAGS } from '../../src/wire/tags.ts';

export const NETWORK = 'certificate-test';

/** Bends one step; whatever it returns is what the following steps sign and hash. */
export interface Bends {
  spec?(spec: JobSpec): JobSpec;
  advert?(advert: Advert, index: number): Advert;
  /** After it is signed, before the roster is frozen. */
  signedAdvert?(signed: SignedAdvert, index: number): SignedAdvert;
  plan?(plan: Plan): Plan;
  /** Before each entry is signed. */
  entry?(entry: Omit<CadreEntry, 'signature'>): Omit<CadreEntry, 'signature'>;
  /** After it is signed, before the cadre root. */
  signedEntry?(entry: CadreEntry): CadreEntry;
  leaf?(leaf: ResultLeaf, shard: number): ResultLeaf;
  outputs?(outputs: readonly ArraySpec[]): readonly ArraySpec[];
  seal?(seal: SealRecord): SealRecord;
  /** Before it is signed. */
  commit?(commit: CommitCert): CommitCert;
  certificate?(certificate: Certificate): Certificate;
}

export interface Recipe {
  readonly label?: string;
  readonly nodes?: number;
  readonly cadre?: number;
  readonly replicas?: number;
  readonly quorum?: number;
  readonly shards?: number;
  readonly kernel?: string;
  readonly parameters?: Parameters;
  readonly inputs?: Readonly<Record<string, NdArray>>;
  /** Cadre ranks that were unreachable. */
  readonly skipped?: readonly number[];
  /** Seats that vote; default: all. */
  readonly votes?: readonly number[];
  /** Leaves receipts out when false. */
  readonly receipts?: boolean;
  readonly bend?: Bends;
}

export interface MadeCertificate {
  readonly bytes: Uint8Array;
  readonly certificate: Certificate;
  readonly spec: JobSpec;
  readonly requester: Signer;
  readonly outputs: Readonly<Record<string, NdArray>>;
  readonly inputs: Readonly<Record<string, NdArray>>;
  readonly seals: readonly SealRecord[];
  readonly reveals: readonly RevealRecord[];
}

const labelled = (label: string): Uint8Array => sha256(utf8(label));
export const namedSigner = (label: string): Signer => signerFromSeed(labelled(label));
/** A node that no roster knows. */
export const outsider = namedSigner('outsider');

export function makeCertificate(recipe: Recipe = {}): MadeCertificate {
  const label = recipe.label ?? 'certificate';
  const requester = namedSigner(`${label}/requester`);
  const inputs = recipe.inputs ?? {};
  const plain = makeSpec(recipe, requester);
  const spec = recipe.bend?.spec?.(plain) ?? plain;
  const job = { spec, signature: signTagged(requester, TAGS.signJobSpec, encodeCanonical(spec)) };
  const swarm = makeRoster(recipe, spec);
  const drafted: Plan = {
    v: 1,
    jobId: jobIdOf(spec),
    instance: 0,
    rosterRoot: swarm.root,
    seedSource: { source: 'requester' },
  };
  const plan = recipe.bend?.plan?.(drafted) ?? drafted;
  const seats = makeSeats(recipe, plan, swarm);
  const pkg = {
    job,
    plan,
    roster: swarm.adverts,
    skipped: recipe.skipped ?? [],
    cadre: seats.entries,
    requesterAddresses: [],
  };
  const work = makeResults(recipe, { plain, spec, plan, swarm, seats });
  const commit = makeCommit(recipe, {
    plan,
    seats,
    swarm,
    leaves: work.leaves,
    outputs: work.specs,
  });
  const composed = composeCertificate({
    package: pkg,
    kernel: { outputs: work.specs, regions: (_, shard) => work.leaves[shard]!.regions },
    commit,
    shards: work.leaves,
    seals: recipe.receipts === false ? [] : work.seals,
    reveals: work.reveals,
  });
  const certificate = recipe.bend?.certificate?.(composed) ?? composed;
  const { arrays: outputs, seals, reveals } = work;
  return {
    bytes: encodeCertificate(certificate),
    certificate,
    spec,
    requester,
    outputs,
    inputs,
    seals,
    reveals,
  };
}

function makeSpec(recipe: Recipe, requester: Signer): JobSpec {
  const kernel = findKernel(recipe.kernel ?? 'noop@1')!;
  const inputs = Object.entries(recipe.inputs ?? {}).map(([name, { data, shape }]) => ({
    name,
    dtype: '<f4' as const,
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

interface Swarm {
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

function makeRoster(recipe: Recipe, spec: JobSpec): Swarm {
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

interface Seats {
  readonly entries: readonly CadreEntry[];
  readonly keys: readonly Signer[];
  readonly seated: ReadonlySet<number>;
}

function makeSeats(recipe: Recipe, plan: Plan, swarm: Swarm): Seats {
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
  const chosen = order.filter((_, rank) => !skipped.has(rank)).slice(0, recipe.cadre ?? 4);
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
  return { entries, keys, seated: new Set(chosen) };
}

interface Planned {
  /** Before it was bent: what the results are computed from. */
  readonly plain: JobSpec;
  readonly spec: JobSpec;
  readonly plan: Plan;
  readonly swarm: Swarm;
  readonly seats: Seats;
}

interface Results {
  readonly specs: readonly ArraySpec[];
  readonly arrays: Readonly<Record<string, NdArray>>;
  readonly leaves: readonly ResultLeaf[];
  readonly seals: readonly SealRecord[];
  readonly reveals: readonly RevealRecord[];
}

function makeResults(recipe: Recipe, planned: Planned): Results {
  const kernel = resolveOf(planned.plain);
  const specs = recipe.bend?.outputs?.(kernel.outputs) ?? kernel.outputs;
  const bytes = kernel.outputs.map((output) => outputBytes(planned.plain.kernel, output));
  const waves = firstWaves(planned);
  const leaves = Array.from({ length: planned.plain.shards }, (_, shard) => {
    const regions = kernel.regions(planned.plain.shards, shard);
    const digests = regions.map((region, output) =>
      blobRoot(gatherRegion(bytes[output]!, kernel.outputs[output]!, region)),
    );
    const leaf = { regions, digests, workers: waves(shard) };
    return recipe.bend?.leaf?.(leaf, shard) ?? leaf;
  });
  const arrays = Object.fromEntries(
    kernel.outputs.map((output, i) => [output.name, arrayOfBytes(output, bytes[i]!)]),
  );
  return { specs, arrays, leaves, ...sealAll(recipe, planned, leaves) };
}

function resolveOf(spec: JobSpec): ResolvedKernel {
  const resolved = findKernel(spec.kernel)!.resolve(spec.parameters, spec.inputs);
  if (!resolved.ok) throw new Error(resolved.reason);
  return resolved.value;
}

/** noop writes zeros; other kernels get bytes that differ everywhere, as no arithmetic is at stake. */
function outputBytes(kernel: string, output: ArraySpec): Uint8Array {
  const bytes = new Uint8Array(arrayBytes(output));
  if (kernel !== 'noop@1') for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 131 + 7) & 63;
  return bytes;
}

/** Roster positions of each shard's first wave, ascending. */
function firstWaves({ plain, plan, swarm, seats }: Planned): (shard: number) => number[] {
  const { cadre, replicas } = plain.policy;
  const isDisjoint = swarm.adverts.length >= cadre + 2 * replicas;
  const positions = [...swarm.adverts.keys()].filter((position) => {
    const { roles, kernels } = swarm.adverts[position]!.advert;
    return (
      roles.includes('worker') && kernels.length > 0 && !(isDisjoint && seats.seated.has(position))
    );
  });
  const speeds = positions.map((position) => swarm.adverts[position]!.advert.kernels[0]!.speed);
  const weights = capWeights(speeds);
  const placed = place({
    seed: seedOf(planIdOf(plan)),
    candidates: positions.map((position, i) => ({
      node: swarm.adverts[position]!.advert.node,
      weight: weights[i]!,
    })),
    shardCount: plain.shards,
    replicas,
  });
  if (!placed.ok) throw new Error(placed.reason);
  return (shard) =>
    placed.value
      .firstWave(shard)
      .map((candidate) => positions[candidate]!)
      .sort((a, b) => a - b);
}

/** One seal and one reveal per worker, over all shards that it agreed on. */
function sealAll(
  recipe: Recipe,
  { plan, swarm }: Planned,
  leaves: readonly ResultLeaf[],
): Pick<Results, 'seals' | 'reveals'> {
  const planId = planIdOf(plan);
  const seals: SealRecord[] = [];
  const reveals: RevealRecord[] = [];
  for (const [position, signer] of swarm.signers.entries()) {
    const shards = [...leaves.keys()].filter((s) => leaves[s]!.workers.includes(position));
    if (shards.length === 0) continue;
    const salts = shards.map((shard) =>
      labelled(`${signer.peerId}/${shard}`).subarray(0, SALT_BYTES),
    );
    const digests = shards.map((shard) => concatBytes([...leaves[shard]!.digests]));
    const tuples = concatBytes(
      shards.map((shard, i) => {
        const digest = shardResultDigest(digests[i]!);
        return sealedTuple(digest, signer.nodeId, { planId, shard }, salts[i]!);
      }),
    );
    const plain = { planId, worker: signer.nodeId, wave: 0 };
    const body = sealBody(plain, sealBatchRoot(tuples));
    const signature = signTagged(signer, TAGS.signSeal, body);
    const made: SealRecord = {
      kind: 'seal',
      ...plain,
      shards: packShards(shards),
      tuples,
      signature,
    };
    const seal = recipe.bend?.seal?.(made) ?? made;
    seals.push(seal);
    reveals.push({
      kind: 'reveal',
      ...plain,
      seal: recordIdOf(encodeCanonical(seal)),
      shards: packShards(shards),
      salts: concatBytes(salts),
      digests: concatBytes(digests),
    });
  }
  return { seals, reveals };
}

interface CommitInit {
  readonly plan: Plan;
  readonly seats: Seats;
  readonly swarm: Swarm;
  readonly leaves: readonly ResultLeaf[];
  readonly outputs: readonly ArraySpec[];
}

function makeCommit(recipe: Recipe, init: CommitInit): CommitCert {
  const { swarm, seats } = init;
  const view: Pick<RosterView, 'at'> = { at: (position) => swarm.adverts[position] };
  const columns = new ResultColumns(packResults(init.outputs, init.leaves));
  const plain: CommitCert = {
    epoch: 0,
    round: 2,
    height: 2,
    blockId: labelled('block'),
    stateRoot: labelled('state'),
    resultsRoot: resultsRootOf(columns, view as RosterView),
    signers: new Uint8Array(0),
    sigs: new Uint8Array(0),
  };
  return voteFor(recipe.bend?.commit?.(plain) ?? plain, {
    plan: init.plan,
    entries: seats.entries,
    keys: seats.keys,
    votes: recipe.votes ?? [...seats.keys.keys()],
  });
}

export interface Voters {
  readonly plan: Plan;
  readonly entries: readonly CadreEntry[];
  readonly keys: readonly Signer[];
  readonly votes: readonly number[];
}

/** The commit certificate over this body, signed by these seats. */
export function voteFor(commit: CommitCert, voters: Voters): CommitCert {
  const { plan, entries, keys, votes } = voters;
  const domain = {
    planId: planIdOf(plan),
    epoch: commit.epoch,
    cadreRoot: cadreRootOf(entries),
  };
  const message = commitSigningBytes(domain, commit);
  return {
    ...commit,
    signers: bitmapOf(votes, entries.length),
    sigs: concatBytes(votes.map((seat) => keys[seat]!.sign(message))),
  };
}

/** A chain of empty blocks over the result block, newest first, and the commit body that names it. */
export function headerChain(
  init: { planId: Uint8Array; resultsRoot: Uint8Array; height: number; blocks: number },
  idOf: (block: Block) => Uint8Array,
): Block[] {
  const chain: Block[] = [];
  let parentId: Uint8Array = labelled('parent');
  for (let i = 0; i < init.blocks; i++) {
    const block: Block = {
      version: 1,
      planId: init.planId,
      epoch: 0,
      round: init.height - init.blocks + 1 + i,
      height: init.height - init.blocks + 1 + i,
      parentId,
      qc: {
        epoch: 0,
        round: init.height - init.blocks + i,
        blockId: parentId,
        parentRound: 0,
        signers: new Uint8Array(1),
        sigs: new Uint8Array(0),
      },
      author: 0,
      payloadRefs: [],
      evidence: [],
      resultsRoot: init.resultsRoot,
      stateRoot: labelled('state'),
      timeMs: 0,
    };
    chain.unshift(block);
    parentId = idOf(block);
  }
  return chain;
}

/** The smallest number of votes that certifies. */
export function quorumVotes(seats: number): number[] {
  return Array.from({ length: quorumOf(seats) }, (_, seat) => seat);
}
