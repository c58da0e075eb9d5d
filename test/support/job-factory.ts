/**
 * Whole jobs for tests: real keys, signed adverts, an opened plan, and workers and members that
 * make real signed records. Everything follows from the arguments; no randomness.
 */
import assert from 'node:assert/strict';
import { concatBytes, u64, utf8 } from '../../src/base/bytes.ts';
import type { Digest, NodeId } from '../../src/base/ids.ts';
import type { Signer } from '../../src/base/ports.ts';
import { accept, type Checked } from '../../src/base/verdict.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { sha256 } from '../../src/crypto/portable/hash.ts';
import { signTagged } from '../../src/crypto/portable/signed.ts';
import { draftPlan, seatCadre, signCadreEntry } from '../../src/job/build-plan.ts';
import {
  buildCancel,
  buildDeadline,
  buildOverdue,
  buildRefusal,
  buildReveal,
  buildSeal,
  encodeRecord,
} from '../../src/job/build-record.ts';
import { buildSpec } from '../../src/job/build-spec.ts';
import { type CheckedRecord, checkRecord } from '../../src/job/ledger/check-record.ts';
import { type OpenPlan, openPlan } from '../../src/job/open-plan.ts';
import { type PlanPackage, planIdOf, seedOf } from '../../src/job/plan.ts';
import { derivePolicy, type PolicyChoice } from '../../src/job/policy.ts';
import type { LedgerRecord, RefusalReason } from '../../src/job/records.ts';
import { sealBatch } from '../../src/job/sealing.ts';
import type { SignedJobSpec } from '../../src/job/spec.ts';
import { findKernel, kernelDigest } from '../../src/kernel/registry.ts';
import type { Advert, Device, Role, SignedAdvert } from '../../src/swarm/advert.ts';
import { cadreOrder } from '../../src/swarm/cadre-order.ts';
import type { Requirement } from '../../src/swarm/requirement.ts';
import { freezeRoster } from '../../src/swarm/roster.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import { TAGS } from '../../src/wire/tags.ts';

export const NETWORK = 'test';
export const KERNEL = 'noop@1';

const signers = new Map<string, Signer>();

/** The same name gives the same key. */
export function signerNamed(name: string): Signer {
  let signer = signers.get(name);
  if (signer === undefined) {
    signer = signerFromSeed(sha256(utf8(`test signer ${name}`)));
    signers.set(name, signer);
  }
  return signer;
}

export interface NodeInit {
  readonly name: string;
  readonly roles?: readonly Role[];
  readonly speed?: number;
  /** False: offers no kernel. */
  readonly hasKernel?: boolean;
  /** Runs the kernel on a GPU of this compute capability, times ten, with 8 GiB. */
  readonly gpu?: number;
}

export function signedAdvert(init: NodeInit): SignedAdvert {
  const signer = signerNamed(init.name);
  const kernel = findKernel(KERNEL)!;
  const offer = {
    id: KERNEL,
    digest: kernelDigest(kernel),
    backend: init.gpu === undefined ? 'cpu/js' : `cuda/sm_${init.gpu}`,
    speed: init.speed ?? 1000,
  };
  const advert: Advert = {
    v: 1,
    node: signer.nodeId,
    network: NETWORK,
    sequence: 1,
    issuedMs: 1_000_000,
    expiresMs: 2_000_000,
    software: 'kadre/test',
    roles: init.roles ?? ['worker', 'cadre'],
    addresses: [],
    devices: init.gpu === undefined ? [] : [gpuOf(init.gpu)],
    kernels: init.hasKernel === false ? [] : [offer],
    load: { shards: 0, plans: 0 },
  };
  return { advert, signature: signTagged(signer, TAGS.signAdvert, encodeCanonical(advert)) };
}

function gpuOf(capability: number): Device {
  const name = `cuda/sm_${capability}`;
  return { kind: 'cuda', name, model: 'a GPU', capability, memory: 2 ** 33, driver: 12_040 };
}

export interface JobInit {
  /** A number: that many equal nodes. */
  readonly nodes: number | readonly NodeInit[];
  readonly shards: number;
  readonly policy?: PolicyChoice;
  readonly requires?: Requirement;
  readonly nonce?: number;
}

export interface TestJob {
  readonly plan: OpenPlan;
  readonly package: PlanPackage;
  readonly requester: Signer;
  /** Consensus keys by seat. */
  readonly seatKeys: readonly Signer[];
  /** Identity of a roster index. */
  identity(rosterIndex: number): Signer;
}

export function signSpec(init: JobInit, requester: Signer): SignedJobSpec {
  const nonce = new Uint8Array(16);
  nonce.set(u64(init.nonce ?? 0));
  return buildSpec(
    {
      kernelId: KERNEL,
      parameters: { items: Math.max(init.shards, 64) },
      inputs: [],
      shards: init.shards,
      policy: derivePolicy(init.policy),
      requires: init.requires,
      network: NETWORK,
      nonce,
    },
    requester,
  );
}

/** Nodes, roster, seats and plan package; the first n ranks sit. */
export function makePackage(init: JobInit): {
  readonly package: PlanPackage;
  readonly seatKeys: readonly Signer[];
} {
  const nodes =
    typeof init.nodes === 'number'
      ? Array.from({ length: init.nodes }, (_, i) => ({ name: `node ${i}` }))
      : init.nodes;
  const job = signSpec(init, signerNamed('requester'));
  const roster = unwrap(freezeRoster(nodes.map(signedAdvert)));
  const draft = draftPlan({ job, roster, instance: 0, requesterAddresses: [] });
  const planId = planIdOf(draft.plan);
  const byNode = new Map(nodes.map(({ name }) => [signerNamed(name).peerId, signerNamed(name)]));
  const identities = roster.adverts.map(
    ({ advert }) => [...byNode.values()].find((s) => same(s.nodeId, advert.node))!,
  );
  const capable = roster.adverts
    .map(({ advert }, index) => ({ node: advert.node, roles: advert.roles, index }))
    .filter(({ roles }) => roles.includes('cadre'));
  const order = cadreOrder(seedOf(planId), capable).slice(0, job.spec.policy.cadre);
  const seatKeys = order.map((_, seat) => signerNamed(`seat ${seat}`));
  const entries = order.map((rank, seat) =>
    signCadreEntry(identities[capable[rank]!.index]!, planId, seat, seatKeys[seat]!.publicKey),
  );
  return { package: seatCadre(draft, [], entries), seatKeys };
}

export const CHECKS = {
  network: NETWORK,
  checkAdvert: (signed: SignedAdvert): Checked<SignedAdvert> => accept(signed),
};

export function makeJob(init: JobInit): TestJob {
  const { package: pkg, seatKeys } = makePackage(init);
  const plan = unwrap(openPlan(pkg, CHECKS));
  const named = [...signers.values()];
  return {
    plan,
    package: pkg,
    requester: signerNamed('requester'),
    seatKeys,
    identity: (index) => named.find((signer) => same(signer.nodeId, plan.nodes[index]!))!,
  };
}

export function unwrap<T>(checked: Checked<T>): T {
  assert.ok(checked.ok, checked.ok ? '' : `refused: ${checked.reason} ${checked.detail ?? ''}`);
  return checked.value;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** What a worker claims that a shard's output is. `0`: the right answer. */
export function digestOf(shard: number, variant = 0): Digest {
  return sha256(concatBytes([utf8('output'), u64(shard), u64(variant)]));
}

function saltOf(shard: number, worker: NodeId, flavour: number): Uint8Array {
  return sha256(concatBytes([utf8('salt'), u64(shard), u64(flavour), worker])).subarray(0, 16);
}

export interface WorkInit {
  /** Roster index. */
  readonly worker: number;
  readonly shards: readonly number[];
  readonly wave?: number;
  /** Which answer, for all shards or per shard; 0 is right. */
  readonly variant?: number | ((shard: number) => number);
  /** Another flavour is another salt, so another seal over the same answer. */
  readonly flavour?: number;
}

/** The seal of a worker over one answer per shard, and the reveal that opens it. */
export function workOf(
  job: TestJob,
  init: WorkInit,
): { seal: CheckedRecord; reveal: CheckedRecord } {
  const { plan } = job;
  const signer = job.identity(init.worker);
  const { shards, wave = 0, variant = 0, flavour = 0 } = init;
  const pick = typeof variant === 'function' ? variant : () => variant;
  const scope = { planId: plan.planId, wave, shards };
  const digests = concatBytes(shards.map((shard) => digestOf(shard, pick(shard))));
  const salts = concatBytes(shards.map((shard) => saltOf(shard, signer.nodeId, flavour)));
  const worker = signer.nodeId;
  const { tuples } = sealBatch({ planId: plan.planId, worker, shards, salts, digests });
  const seal = buildSeal(signer, scope, tuples);
  const reveal = buildReveal(scope, { worker, seal: encodeRecord(seal).id, salts, digests });
  return { seal: checked(job, seal), reveal: checked(job, reveal) };
}

export function refusalOf(job: TestJob, init: WorkInit, reason: RefusalReason = 'busy') {
  const { worker, shards, wave = 0 } = init;
  const scope = { planId: job.plan.planId, wave, shards };
  return checked(job, buildRefusal(job.identity(worker), scope, { reason, detail: '' }));
}

export function overdueOf(job: TestJob, seat: number, phase: 'seal' | 'reveal', init: WorkInit) {
  const { worker, shards, wave = 0 } = init;
  const scope = { planId: job.plan.planId, wave, shards };
  const late = { worker: job.plan.nodes[worker]!, phase };
  return checked(job, buildOverdue({ seat, signer: job.seatKeys[seat] }, scope, late));
}

export function deadlineOf(job: TestJob, seat: number): CheckedRecord {
  return checked(job, buildDeadline({ seat, signer: job.seatKeys[seat] }, job.plan.planId));
}

export function cancelOf(job: TestJob): CheckedRecord {
  return checked(job, buildCancel(job.requester, job.plan.planId));
}

/** Through the wire and back. */
export function checked(job: TestJob, record: LedgerRecord): CheckedRecord {
  return unwrap(checkRecord(job.plan, encodeRecord(record).bytes));
}
