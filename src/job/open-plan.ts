/**
 * Opening a plan: everything a member, a worker or the requester recomputes from a plan package
 * before it believes any of it (job.md sections 2 and 3, docs/protocol/job.md "Plan"). Cheap checks
 * come before signatures; nothing a stranger sends throws.
 */
import { equalBytes, toHex } from '../base/bytes.ts';
import { type Digest, type NodeId, publicKeyOf } from '../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import { isAdmissibleKey } from '../crypto/portable/ed25519.ts';
import { isSignedBy } from '../crypto/portable/signed.ts';
import type { ResolvedKernel } from '../kernel/contract.ts';
import type { SignedAdvert } from '../swarm/advert.ts';
import { cadreOrder, checkSeats, faultsOf, quorumOf, windowOf } from '../swarm/cadre-order.ts';
import { type Candidate, capWeights, type Placement, place } from '../swarm/placement.ts';
import { checkRosterOrder, rosterRootOf } from '../swarm/roster.ts';
import { TAGS } from '../wire/tags.ts';
import { checkSignedSpec } from './build-spec.ts';
import {
  type CadreEntry,
  cadreEntryBody,
  cadreRootOf,
  type PlanPackage,
  planIdOf,
  seedOf,
} from './plan.ts';
import { type JobSpec, jobIdOf, type Policy } from './spec.ts';
import { workerSpeed } from './worker-speed.ts';

export interface PlanChecks {
  readonly network: string;
  /** Judges one advert, with the caller's clock and cache. */
  checkAdvert(signed: SignedAdvert): Checked<SignedAdvert>;
}

/** What follows from job, plan and roster alone, before anyone is seated. */
export interface PlanBase {
  readonly package: PlanPackage;
  readonly jobId: Digest;
  readonly planId: Digest;
  readonly seed: Digest;
  readonly spec: JobSpec;
  readonly kernel: ResolvedKernel;
  readonly policy: Policy;
  /** Node ids in roster order, ascending. */
  readonly nodes: readonly NodeId[];
  /** Cadre-capable roster indexes by rank. */
  readonly cadreRanks: readonly number[];
  /** Roster indexes of the nodes that may work on the job, ascending. */
  readonly offering: readonly number[];
  /** Position of a node in the roster. */
  rosterIndexOf(node: NodeId): number | undefined;
}

export interface OpenPlan extends PlanBase {
  readonly cadreRoot: Digest;
  /** By seat number; empty without a cadre. */
  readonly seats: readonly CadreEntry[];
  /** Signatures that make a certificate; 0 without a cadre. */
  readonly q: number;
  /** Faulty members that the cadre tolerates. */
  readonly f: number;
  /** Roster indexes of the candidates of `placement`, ascending. */
  readonly workers: readonly number[];
  /** True when a seated node is also a candidate. */
  readonly overlap: boolean;
  /** Over `workers`: candidate c is the node `nodes[workers[c]]`. */
  readonly placement: Placement;
  readonly outputsPerShard: number;
  /** Position of a node in `workers`. */
  candidateOf(node: NodeId): number | undefined;
  seatOf(node: NodeId): number | undefined;
}

/** A draft: the plan as a convened candidate sees it, before the cadre's entries exist. */
export interface DraftPlan extends PlanBase {
  /** This node's rank in the cadre order. */
  readonly rank: number;
}

/**
 * Reasons: those of `checkSignedSpec`, `checkAdvert`, `checkRosterOrder`, `checkSeats` and `place`,
 * and `wrong-network`, `wrong-job-id`, `unsupported-seed-source`, `wrong-roster-root`,
 * `unexpected-cadre`, `bad-seat-order`, `bad-cadre-key`, `duplicate-cadre-key`,
 * `bad-cadre-signature`.
 */
export function openPlan(pkg: PlanPackage, checks: PlanChecks): Checked<OpenPlan> {
  const base = openBase(pkg, checks);
  return base.ok ? seatPlan(base.value, pkg) : base;
}

/**
 * The rest of `openPlan` for a package of the same plan whose base was opened before, by a draft of
 * it: job, plan and roster are taken from there, cadre and hints from the package.
 */
export function seatPlan(opened: PlanBase, pkg: PlanPackage): Checked<OpenPlan> {
  const { skipped, cadre, requesterAddresses } = pkg;
  const base = { ...opened, package: { ...opened.package, skipped, cadre, requesterAddresses } };
  const problem = cadreProblem(base);
  return problem ?? seatAndPlace(base);
}

/**
 * What a candidate checks before it makes its key: as `openPlan` without the cadre's entries, and
 * `no-cadre`, `bad-skipped`, `not-cadre-capable`, `outside-window`, `skipped`.
 */
export function openDraft(pkg: PlanPackage, checks: PlanChecks, node: NodeId): Checked<DraftPlan> {
  const base = openBase(pkg, checks);
  return base.ok ? rankDraft(base.value, pkg, node) : base;
}

/** The rest of `openDraft` for a package whose base is open. */
export function rankDraft(base: PlanBase, pkg: PlanPackage, node: NodeId): Checked<DraftPlan> {
  const { policy, cadreRanks, rosterIndexOf } = base;
  if (policy.cadre === 0) return refuse('no-cadre');
  if (!isAscending(pkg.skipped)) return refuse('bad-skipped');
  const index = rosterIndexOf(node);
  const rank = index === undefined ? -1 : cadreRanks.indexOf(index);
  if (rank === -1) return refuse('not-cadre-capable', 'ignore');
  if (rank >= windowOf(policy.cadre)) return refuse('outside-window');
  if (pkg.skipped.includes(rank)) return refuse('skipped', 'ignore');
  return accept({ ...base, rank });
}

/** Job, plan and roster of a package, whatever its cadre: what all packages of a plan share. */
export function openBase(pkg: PlanPackage, checks: PlanChecks): Checked<PlanBase> {
  const { job, plan, roster } = pkg;
  if (job.spec.network !== checks.network) return refuse('wrong-network', 'ignore');
  if (plan.seedSource.source !== 'requester') return refuse('unsupported-seed-source', 'ignore');
  const jobId = jobIdOf(job.spec);
  if (!equalBytes(jobId, plan.jobId)) return refuse('wrong-job-id');
  const order = checkRosterOrder(roster);
  if (!order.ok) return order;
  if (!equalBytes(rosterRootOf(roster), plan.rosterRoot)) return refuse('wrong-roster-root');
  const spec = checkSignedSpec(job);
  if (!spec.ok) return spec;
  for (const signed of roster) {
    const advert = checks.checkAdvert(signed);
    if (!advert.ok) return advert;
  }
  return accept(describe(pkg, jobId, spec.value.resolved));
}

function describe(pkg: PlanPackage, jobId: Digest, kernel: ResolvedKernel): PlanBase {
  const { spec } = pkg.job;
  const planId = planIdOf(pkg.plan);
  const seed = seedOf(planId);
  const nodes = pkg.roster.map(({ advert }) => advert.node);
  const indexes = new Map(nodes.map((node, index) => [toHex(node), index]));
  const capable = [...nodes.keys()].filter((i) => pkg.roster[i]!.advert.roles.includes('cadre'));
  const ranks = cadreOrder(
    seed,
    capable.map((index) => ({ node: nodes[index]! })),
  );
  return {
    package: pkg,
    jobId,
    planId,
    seed,
    spec,
    kernel,
    policy: spec.policy,
    nodes,
    cadreRanks: ranks.map((at) => capable[at]!),
    offering: [...nodes.keys()].filter(
      (i) => workerSpeed(pkg.roster[i]!.advert, spec) !== undefined,
    ),
    rosterIndexOf: (node) => indexes.get(toHex(node)),
  };
}

/** What is wrong with skipped ranks and entries; undefined when they follow from the roster. */
function cadreProblem(base: PlanBase): Refusal | undefined {
  const { policy, planId, nodes, cadreRanks } = base;
  const { skipped, cadre } = base.package;
  if (policy.cadre === 0) {
    return skipped.length + cadre.length === 0 ? undefined : refuse('unexpected-cadre');
  }
  const order = cadreRanks.map((index) => nodes[index]!);
  const seats = checkSeats({ order, n: policy.cadre, skipped, seats: cadre });
  if (!seats.ok) return seats;
  if (cadre.some((entry, index) => entry.seat !== index)) return refuse('bad-seat-order');
  const keys = new Set(cadre.map(({ key }) => toHex(key)));
  if (keys.size !== cadre.length) return refuse('duplicate-cadre-key');
  for (const { seat, node, key, signature } of cadre) {
    if (publicKeyOf(node) === undefined || !isAdmissibleKey(key)) return refuse('bad-cadre-key');
    const body = cadreEntryBody(planId, seat, key);
    if (!isSignedBy(node, TAGS.signCadreEntry, body, signature)) {
      return refuse('bad-cadre-signature');
    }
  }
  return undefined;
}

/** Chooses the candidates by the rule of disjointness, and places. */
function seatAndPlace(base: PlanBase): Checked<OpenPlan> {
  const { policy, nodes, offering, seed, spec } = base;
  const seats = base.package.cadre;
  const n = seats.length;
  const seatByNode = new Map(seats.map(({ node, seat }) => [toHex(node), seat]));
  const isSeated = (index: number) => seatByNode.has(toHex(nodes[index]!));
  // Cadre and workers are disjoint when the roster has at least n + 2R nodes (job.md section 2).
  const isDisjoint = nodes.length >= n + 2 * policy.replicas;
  const workers = isDisjoint ? offering.filter((index) => !isSeated(index)) : offering;
  const weights = capWeights(
    workers.map((i) => workerSpeed(base.package.roster[i]!.advert, spec)!),
  );
  const candidates: Candidate[] = workers.map((index, at) => ({
    node: nodes[index]!,
    weight: weights[at]!,
  }));
  const placed = place({ seed, candidates, shardCount: spec.shards, replicas: policy.replicas });
  if (!placed.ok) return placed;
  const candidateByNode = new Map(candidates.map(({ node }, at) => [toHex(node), at]));
  return accept({
    ...base,
    cadreRoot: cadreRootOf(seats),
    seats,
    q: n === 0 ? 0 : quorumOf(n),
    f: faultsOf(n),
    workers,
    overlap: workers.some(isSeated),
    placement: placed.value,
    outputsPerShard: base.kernel.outputs.length,
    candidateOf: (node) => candidateByNode.get(toHex(node)),
    seatOf: (node) => seatByNode.get(toHex(node)),
  });
}

function isAscending(ranks: readonly number[]): boolean {
  return ranks.every((rank, at) => at === 0 || rank > ranks[at - 1]!);
}
