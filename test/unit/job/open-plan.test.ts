import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accept, refuse } from '../../../src/base/verdict.ts';
import { signCadreEntry } from '../../../src/job/build-plan.ts';
import { openDraft, openPlan } from '../../../src/job/open-plan.ts';
import { type CadreEntry, type PlanPackage, planIdOf } from '../../../src/job/plan.ts';
import {
  CHECKS,
  type JobInit,
  makeJob,
  makePackage,
  type NodeInit,
  signedAdvert,
  signerNamed,
  unwrap,
} from '../../support/job-factory.ts';

const INIT: JobInit = { nodes: 12, shards: 6 };

function reasonOf(pkg: PlanPackage, checks = CHECKS): string {
  const opened = openPlan(pkg, checks);
  return opened.ok ? 'accepted' : opened.reason;
}

/** The package with entry 0 changed. */
function withEntry(pkg: PlanPackage, change: Partial<CadreEntry>): PlanPackage {
  return { ...pkg, cadre: [{ ...pkg.cadre[0]!, ...change }, ...pkg.cadre.slice(1)] };
}

test('a plan opens to what everyone derives from it', () => {
  const { plan } = makeJob(INIT);
  assert.deepEqual([plan.q, plan.f, plan.seats.length], [3, 1, 4]);
  assert.equal(plan.overlap, false);
  assert.equal(plan.workers.length, 8);
  assert.equal(plan.outputsPerShard, 1);
  for (const [seat, entry] of plan.seats.entries()) {
    assert.equal(plan.seatOf(entry.node), seat);
    assert.equal(plan.candidateOf(entry.node), undefined);
  }
  for (const [candidate, index] of plan.workers.entries()) {
    assert.equal(plan.candidateOf(plan.nodes[index]!), candidate);
    assert.equal(plan.rosterIndexOf(plan.nodes[index]!), index);
  }
  assert.equal(plan.rosterIndexOf(signerNamed('requester').nodeId), undefined);
});

test('cadre and workers are disjoint from n + 2R nodes on, and may overlap below', () => {
  const ten = makeJob({ nodes: 10, shards: 2 }).plan;
  assert.equal(ten.overlap, false);
  assert.equal(ten.workers.length, 6);
  const nine = makeJob({ nodes: 9, shards: 2 }).plan;
  assert.equal(nine.overlap, true);
  assert.equal(nine.workers.length, 9);
});

test('only workers with this very kernel are candidates, only cadre-capable nodes sit', () => {
  const nodes: NodeInit[] = [
    ...[0, 1, 2, 3].map((i) => ({ name: `c${i}`, roles: ['cadre'] as const })),
    ...[0, 1, 2].map((i) => ({ name: `w${i}`, roles: ['worker'] as const, speed: 10 ** i })),
    ...[0, 1, 2].map((i) => ({ name: `k${i}`, roles: ['worker'] as const, hasKernel: false })),
    { name: 'relay', roles: ['relay'] },
  ];
  const { plan } = makeJob({ nodes, shards: 2 });
  const named = (names: string[]) => names.map((name) => signerNamed(name).nodeId);
  const isAmong = (node: Uint8Array, names: string[]) =>
    named(names).some((other) => Buffer.compare(node, other) === 0);
  assert.equal(plan.workers.length, 3);
  for (const index of plan.workers) assert.ok(isAmong(plan.nodes[index]!, ['w0', 'w1', 'w2']));
  for (const { node } of plan.seats) assert.ok(isAmong(node, ['c0', 'c1', 'c2', 'c3']));
});

test('without a cadre there are no seats, and nothing may stand in their place', () => {
  const init = { nodes: 4, shards: 2, policy: { cadre: 0 } };
  const { plan } = makeJob(init);
  assert.deepEqual([plan.q, plan.f, plan.seats.length], [0, 0, 0]);
  assert.equal(plan.workers.length, 4);
  const { package: pkg } = makePackage(init);
  const { cadre } = makePackage(INIT).package;
  assert.equal(reasonOf({ ...pkg, cadre: cadre.slice(0, 1) }), 'unexpected-cadre');
  assert.equal(reasonOf({ ...pkg, skipped: [0] }), 'unexpected-cadre');
});

test('every tampered package is refused for its own reason', () => {
  const { package: pkg } = makePackage(INIT);
  const planId = planIdOf(pkg.plan);
  const other = makePackage({ ...INIT, nonce: 1 }).package;
  assert.equal(reasonOf(pkg), 'accepted');
  assert.equal(reasonOf(pkg, { ...CHECKS, network: 'another' }), 'wrong-network');
  const beacon = { source: 'beacon', round: 1, proof: new Uint8Array(0) } as const;
  const beaconPlan = { ...pkg, plan: { ...pkg.plan, seedSource: beacon } };
  assert.equal(reasonOf(beaconPlan), 'unsupported-seed-source');
  assert.equal(reasonOf({ ...pkg, job: other.job }), 'wrong-job-id');
  assert.equal(reasonOf({ ...pkg, roster: pkg.roster.toReversed() }), 'unsorted-roster');
  assert.equal(reasonOf({ ...pkg, roster: pkg.roster.slice(1) }), 'wrong-roster-root');
  const faster = signedAdvert({ name: 'node 0', speed: 2 });
  const at = pkg.roster.findIndex(({ advert }) => same(advert.node, faster.advert.node));
  assert.equal(reasonOf({ ...pkg, roster: pkg.roster.with(at, faster) }), 'wrong-roster-root');
  const unsigned = { ...pkg.job, signature: new Uint8Array(64) };
  assert.equal(reasonOf({ ...pkg, job: unsigned }), 'bad-signature');
  const stale = { ...CHECKS, checkAdvert: () => refuse('expired') };
  assert.equal(reasonOf(pkg, stale), 'expired');
  assert.equal(reasonOf({ ...pkg, cadre: pkg.cadre.slice(1) }), 'bad-seat-count');
  assert.equal(reasonOf({ ...pkg, cadre: pkg.cadre.toReversed() }), 'bad-seat-order');
  assert.equal(reasonOf(withEntry(pkg, { node: signerNamed('requester').nodeId })), 'wrong-member');
  assert.equal(reasonOf(withEntry(pkg, { key: pkg.cadre[1]!.key })), 'duplicate-cadre-key');
  assert.equal(reasonOf(withEntry(pkg, { key: new Uint8Array(32) })), 'bad-cadre-key');
  const fresh = signerNamed('fresh key').publicKey;
  assert.equal(reasonOf(withEntry(pkg, { key: fresh })), 'bad-cadre-signature');
  const impostor = signCadreEntry(signerNamed('requester'), planId, 0, fresh);
  assert.equal(
    reasonOf(withEntry(pkg, { key: fresh, signature: impostor.signature })),
    'bad-cadre-signature',
  );
  assert.equal(reasonOf({ ...pkg, plan: { ...pkg.plan, instance: 1 } }), 'wrong-member');
});

test('too few workers for the replicas is a refusal of placement', () => {
  const init = { nodes: 3, shards: 1, policy: { cadre: 0, replicas: 3 } };
  const nodes: NodeInit[] = [0, 1, 2].map((i) => ({ name: `n${i}`, hasKernel: i > 0 }));
  assert.equal(reasonOf(makePackage(init).package), 'accepted');
  assert.equal(reasonOf(makePackage({ ...init, nodes }).package), 'too-few-workers');
});

test('a requirement leaves only nodes whose device meets it among the candidates', () => {
  const nodes: NodeInit[] = [
    ...names(4),
    ...[75, 80, 90].map((gpu) => ({ name: `gpu ${gpu}`, gpu })),
  ];
  const requires = { kind: 'cuda', capability: 80, memory: 2 ** 33 } as const;
  const init = { nodes, shards: 3, policy: { cadre: 0, replicas: 2 }, requires };
  const { plan } = makeJob(init);
  const meeting = ['gpu 80', 'gpu 90'].map((name) => signerNamed(name).nodeId);
  assert.equal(plan.workers.length, 2);
  for (const index of plan.workers) {
    assert.ok(meeting.some((node) => same(node, plan.nodes[index]!)));
  }
  const more = { ...init, requires: { ...requires, memory: 2 ** 33 + 1 } };
  assert.equal(reasonOf(makePackage(more).package), 'too-few-workers');
  assert.equal(makeJob({ ...init, requires: { kind: 'cuda' } }).plan.workers.length, 3);
});

test('a draft tells a candidate its rank, and who is no candidate why not', () => {
  const { package: full } = makePackage({
    ...INIT,
    nodes: [...names(12), { name: 'w', roles: ['worker'] }],
  });
  const pkg = { ...full, cadre: [] };
  const ranks = unwrap(openPlan(full, CHECKS)).cadreRanks;
  const nodeAt = (rank: number) => full.roster[ranks[rank]!]!.advert.node;
  const reason = (p: PlanPackage, node: Uint8Array) => {
    const draft = openDraft(p, CHECKS, node);
    return draft.ok ? draft.value.rank : draft.reason;
  };
  assert.equal(reason(pkg, nodeAt(0)), 0);
  assert.equal(reason(pkg, nodeAt(5)), 5);
  assert.equal(reason(pkg, nodeAt(6)), 'outside-window');
  assert.equal(reason(pkg, signerNamed('w').nodeId), 'not-cadre-capable');
  assert.equal(reason(pkg, signerNamed('requester').nodeId), 'not-cadre-capable');
  assert.equal(reason({ ...pkg, skipped: [0, 2] }, nodeAt(2)), 'skipped');
  assert.equal(reason({ ...pkg, skipped: [2, 0] }, nodeAt(1)), 'bad-skipped');
  const alone = makePackage({ ...INIT, policy: { cadre: 0 } }).package;
  assert.equal(reason(alone, nodeAt(0)), 'no-cadre');
});

test('a replacement may take the seat of a skipped rank', () => {
  const { package: pkg } = makePackage(INIT);
  const { cadreRanks, planId } = unwrap(openPlan(pkg, CHECKS));
  const node = pkg.roster[cadreRanks[4]!]!.advert.node;
  const identity = names(12)
    .map(({ name }) => signerNamed(name))
    .find((signer) => same(signer.nodeId, node))!;
  const entry = signCadreEntry(identity, planId, 1, signerNamed('new key').publicKey);
  const replaced = { ...pkg, cadre: pkg.cadre.with(1, entry) };
  assert.equal(reasonOf({ ...replaced, skipped: [1] }), 'accepted');
  assert.equal(reasonOf(replaced), 'wrong-member');
});

test('adverts are judged by the caller, each once', () => {
  const { package: pkg } = makePackage(INIT);
  const seen: unknown[] = [];
  const checkAdvert: typeof CHECKS.checkAdvert = (signed) => {
    seen.push(signed);
    return accept(signed);
  };
  unwrap(openPlan(pkg, { ...CHECKS, checkAdvert }));
  assert.deepEqual(seen, pkg.roster);
});

function names(count: number): NodeInit[] {
  return Array.from({ length: count }, (_, i) => ({ name: `node ${i}` }));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
