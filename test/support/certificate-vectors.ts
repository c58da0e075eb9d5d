/**
 * Certificates that must be accepted, and certificates that must each be refused for its own reason.
 * Everything behind the one bent step is hashed and signed anew, so only that step is wrong.
 * `scripts/vectors/certificate.ts` writes them to `test/vectors/certificate.json`.
 */
import { concatBytes, utf8 } from '../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../src/base/ids.ts';
import { partOfRoster } from '../../src/certificate/build.ts';
import { type Certificate, encodeCertificate } from '../../src/certificate/format.ts';
import { blockId } from '../../src/consensus/messages.ts';
import { planIdOf, seedOf } from '../../src/job/plan.ts';
import type { Region } from '../../src/kernel/contract.ts';
import { place } from '../../src/swarm/placement.ts';
import { rosterPaths } from '../../src/swarm/roster.ts';
import { encodeCanonical } from '../../src/wire/cbor.ts';
import {
  type Bends,
  headerChain,
  type MadeCertificate,
  makeCertificate,
  namedSigner,
  outsider,
  type Recipe,
} from './certificate-factory.ts';

export interface GoodVector {
  readonly name: string;
  readonly made: MadeCertificate;
}

export interface BadVector {
  readonly name: string;
  /** As in `verify`'s verdict. */
  readonly reason: string;
  readonly bytes: Uint8Array;
}

/** One seat, one replica, two shards: what most vectors bend. */
const SMALL: Recipe = { label: 'small', nodes: 2, cadre: 1, replicas: 1, quorum: 1, shards: 2 };
/** Four seats, two replicas. */
const FULL: Recipe = { label: 'full', nodes: 6, replicas: 2, shards: 2 };
/** Room to keep cadre and workers apart. */
const WIDE: Recipe = { label: 'wide', nodes: 8, cadre: 1, replicas: 1, quorum: 1, shards: 2 };

/** The certificate with only the nodes that it needs. */
export function withPart(certificate: Certificate): Certificate {
  const { roster, cadre, job, plan } = certificate;
  if (roster.kind === 'part') return certificate;
  const positions = new Set<number>();
  const view = new DataView(certificate.results.workers.slice().buffer);
  for (let at = 0; at < view.byteLength; at += 2) positions.add(view.getUint16(at));
  return {
    ...certificate,
    roster: partOfRoster({
      package: {
        job,
        plan,
        roster: roster.adverts,
        skipped: [],
        cadre,
        requesterAddresses: [],
      },
      shards: [{ digests: [], workers: [...positions] }],
    }),
  };
}

/** Two empty blocks over the result block; bend the chain with `edit`. */
function withHeaders(recipe: Recipe, edit: Partial<Parameters<typeof headerChain>[0]> = {}) {
  let plan: Certificate['plan'] | undefined;
  let headers: ReturnType<typeof headerChain> = [];
  return makeCertificate({
    ...recipe,
    bend: {
      plan: (drafted) => {
        plan = drafted;
        return drafted;
      },
      commit: (commit) => {
        headers = headerChain(
          {
            planId: planIdOf(plan!),
            resultsRoot: commit.resultsRoot,
            height: commit.height + 3,
            blocks: 3,
            ...edit,
          },
          blockId,
        );
        return { ...commit, height: commit.height + 3, blockId: blockId(headers[0]!) };
      },
      certificate: (certificate) => ({ ...certificate, headers }),
    },
  });
}

export function goodVectors(): GoodVector[] {
  const matrix = {
    data: Float32Array.from({ length: 12 }, (_, i) => i / 4),
    shape: [3, 4],
  };
  const other = { data: Float32Array.from({ length: 20 }, (_, i) => 5 - i), shape: [4, 5] };
  const part = makeCertificate({ ...WIDE, label: 'part' });
  const partCertificate = withPart(part.certificate);
  return [
    { name: 'one seat, one replica', made: makeCertificate(SMALL) },
    { name: 'four seats, three replicas', made: makeCertificate({ label: 'good' }) },
    { name: 'quorum of votes only', made: makeCertificate({ ...FULL, votes: [0, 2, 3] }) },
    { name: 'receipts left out', made: makeCertificate({ ...FULL, receipts: false }) },
    { name: 'skipped ranks', made: makeCertificate({ ...WIDE, cadre: 3, skipped: [0, 2] }) },
    { name: 'cadre and workers apart', made: makeCertificate(WIDE) },
    { name: 'headers', made: withHeaders(SMALL) },
    {
      name: 'matrix product',
      made: makeCertificate({
        ...FULL,
        label: 'gemm',
        kernel: 'gemm.f32@1',
        inputs: { a: matrix, b: other },
      }),
    },
    {
      name: 'part of the roster',
      made: { ...part, certificate: partCertificate, bytes: encodeCertificate(partCertificate) },
    },
  ];
}

const bad = (name: string, reason: string, recipe: Recipe, bend: Bends): BadVector => ({
  name,
  reason,
  bytes: makeCertificate({ ...recipe, bend }).bytes,
});

const edited = (
  name: string,
  reason: string,
  recipe: Recipe,
  certificate: (good: Certificate) => unknown,
): BadVector => ({
  name,
  reason,
  bytes: encodeCanonical(certificate(makeCertificate(recipe).certificate)),
});

export function badVectors(): BadVector[] {
  return [
    ...formatVectors(),
    ...specVectors(),
    ...rosterVectors(),
    ...cadreVectors(),
    ...commitVectors(),
    ...regionVectors(),
    ...workerVectors(),
    ...receiptVectors(),
  ];
}

function formatVectors(): BadVector[] {
  const { bytes, certificate } = makeCertificate(SMALL);
  const version = bytes.findIndex((_, i) => bytes[i] === 0x61 && bytes[i + 1] === 0x76) + 2;
  const longOne = [bytes.subarray(0, version), Uint8Array.of(0x18, 1), bytes.subarray(version + 1)];
  const raw = (name: string, reason: string, content: Uint8Array): BadVector => ({
    name,
    reason,
    bytes: content,
  });
  return [
    raw('empty file', 'TRUNCATED', new Uint8Array(0)),
    raw('garbage', 'MALFORMED', Uint8Array.of(0xff, ...utf8('no certificate'))),
    raw('last byte cut off', 'TRUNCATED', bytes.subarray(0, -1)),
    raw('one byte more', 'TRAILING_BYTES', concatBytes([bytes, Uint8Array.of(0)])),
    raw('lists in lists', 'TOO_DEEP', new Uint8Array(64).fill(0x81)),
    raw('version spelled long', 'MALFORMED', concatBytes(longOne)),
    raw('fields in another order', 'NOT_CANONICAL', reversedFields(certificate)),
    edited('version 2', 'WRONG_VERSION', SMALL, (good) => ({ ...good, v: 2 })),
    edited('a round', 'WRONG_KIND', SMALL, (good) => ({ ...good, kind: 'round' })),
    edited('unknown field', 'WRONG_SHAPE', SMALL, (good) => ({ ...good, note: 'hello' })),
    edited('missing field', 'WRONG_SHAPE', SMALL, ({ headers: _, ...rest }) => rest),
    edited('an epoch', 'WRONG_SHAPE', SMALL, (good) => ({ ...good, epochs: [0] })),
    edited('no seats', 'WRONG_SHAPE', SMALL, (good) => ({ ...good, cadre: [] })),
  ];
}

/** The same map with its keys in descending order. */
function reversedFields(certificate: Certificate): Uint8Array {
  const entries = Object.entries(certificate).sort(
    ([a], [b]) => b.length - a.length || (a < b ? 1 : -1),
  );
  const parts = entries.flatMap(([key, value]) => [encodeCanonical(key), encodeCanonical(value)]);
  return concatBytes([Uint8Array.of(0xa0 + entries.length), ...parts]);
}

function specVectors(): BadVector[] {
  const policy = (name: string, reason: string, change: object) =>
    bad(name, reason, SMALL, {
      spec: (spec) => ({ ...spec, policy: { ...spec.policy, ...change } }),
    });
  return [
    policy('quorum above replicas', 'BAD_POLICY', { quorum: 2 }),
    policy('cadre off', 'NO_CADRE', { cadre: 0 }),
    bad('requester without a key', 'BAD_REQUESTER', SMALL, {
      spec: (spec) => ({ ...spec, requester: new Uint8Array(38) }),
    }),
    bad('plan of another job', 'WRONG_JOB_ID', SMALL, {
      plan: (plan) => ({ ...plan, jobId: plan.rosterRoot }),
    }),
    bad('beacon', 'UNSUPPORTED_SEED_SOURCE', SMALL, {
      plan: (plan) => ({
        ...plan,
        seedSource: { source: 'beacon', round: 1, proof: new Uint8Array(0) },
      }),
    }),
    bad('known kernel, other digest', 'WRONG_KERNEL_DIGEST', SMALL, {
      spec: (spec) => ({
        ...spec,
        kernelDigest: ZERO_DIGEST,
      }),
    }),
    bad('unknown parameter', 'BAD_KERNEL_ARGUMENTS', SMALL, {
      spec: (spec) => ({ ...spec, parameters: { ...spec.parameters, extra: 1 } }),
    }),
    bad('default left out', 'BAD_KERNEL_ARGUMENTS', SMALL, {
      spec: (spec) => ({ ...spec, parameters: {} }),
    }),
    bad('more shards than the kernel cuts', 'TOO_MANY_SHARDS', SMALL, {
      spec: (spec) => ({ ...spec, parameters: { items: 1 } }),
    }),
    edited('spec signed by someone else', 'BAD_JOB_SIGNATURE', SMALL, (good) => ({
      ...good,
      job: { ...good.job, signature: outsider.sign(encodeCanonical(good.job.spec)) },
    })),
  ];
}

function rosterVectors(): BadVector[] {
  const adverts = (
    name: string,
    reason: string,
    edit: (adverts: readonly unknown[]) => readonly unknown[],
  ) =>
    edited(name, reason, SMALL, (good) =>
      good.roster.kind === 'whole'
        ? { ...good, roster: { ...good.roster, adverts: edit(good.roster.adverts) } }
        : good,
    );
  return [
    bad('another roster root', 'WRONG_ROSTER_ROOT', SMALL, {
      plan: (plan) => ({ ...plan, rosterRoot: plan.jobId }),
    }),
    adverts('an advert left out', 'WRONG_ROSTER_ROOT', (all) => all.slice(1)),
    adverts('adverts out of order', 'UNSORTED_ROSTER', (all) => [...all].reverse()),
    adverts('an advert twice', 'DUPLICATE_NODE', (all) => [all[0]!, ...all]),
    bad('advert of another network', 'ADVERT_OF_OTHER_NETWORK', SMALL, {
      advert: (advert, index) => (index === 0 ? { ...advert, network: 'elsewhere' } : advert),
    }),
    bad(
      'advert of no node',
      'BAD_NODE_ID',
      { ...SMALL, nodes: 3 },
      {
        advert: (advert, index) =>
          index === 2 ? { ...advert, node: new Uint8Array(38), roles: [] } : advert,
      },
    ),
    bad('advert signed by another node', 'BAD_ADVERT_SIGNATURE', SMALL, {
      signedAdvert: (signed, index) =>
        index === 0
          ? { ...signed, signature: outsider.sign(encodeCanonical(signed.advert)) }
          : signed,
    }),
    ...partVectors(),
  ];
}

function partVectors(): BadVector[] {
  const made = makeCertificate({ ...WIDE, label: 'part' });
  const { roster: whole } = made.certificate;
  const good = withPart(made.certificate);
  const { roster } = good;
  if (roster.kind !== 'part' || whole.kind !== 'whole') return [];
  const { members } = roster;
  const unused = whole.adverts.findIndex((_, i) => !members.some((each) => each.index === i));
  const [path] = rosterPaths(whole.adverts, [unused]);
  const extra = { index: unused, advert: whole.adverts[unused]!, path: concatBytes(path!) };
  const vector = (name: string, reason: string, change: Partial<typeof roster>): BadVector => ({
    name,
    reason,
    bytes: encodeCertificate({ ...good, roster: { ...roster, ...change } }),
  });
  const first = members[0]!;
  return [
    vector('members in exchanged places', 'BAD_INCLUSION_PATH', {
      members: members.map((member, i) => ({ ...member, path: members.at(-1 - i)!.path })),
    }),
    vector('path one hash too long', 'BAD_INCLUSION_PATH', {
      members: [
        { ...first, path: concatBytes([first.path, new Uint8Array(32)]) },
        ...members.slice(1),
      ],
    }),
    vector('roster of another size', 'BAD_INCLUSION_PATH', { count: roster.count + 1 }),
    vector('member beyond the roster', 'BAD_MEMBER_POSITION', {
      members: [...members.slice(0, -1), { ...members.at(-1)!, index: roster.count }],
    }),
    vector('member that nothing needs', 'UNUSED_ADVERT', {
      members: [...members, extra].sort((a, b) => a.index - b.index),
    }),
    vector('seat not shown', 'SEAT_NOT_IN_ROSTER', {
      members: members.filter(
        (member) => !good.cadre.some((entry) => sameBytes(entry.node, member.advert.advert.node)),
      ),
    }),
  ];
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

function cadreVectors(): BadVector[] {
  const smallOrder = Uint8Array.of(1, ...new Uint8Array(31));
  return [
    edited('a seat too few', 'WRONG_SEAT_COUNT', FULL, (good) => ({
      ...good,
      cadre: good.cadre.slice(1),
    })),
    bad('a seat number twice', 'WRONG_SEAT_NUMBER', FULL, {
      entry: (entry) => (entry.seat === 3 ? { ...entry, seat: 2 } : entry),
    }),
    duplicateNode(),
    bad('two seats with one key', 'DUPLICATE_SEAT_KEY', FULL, {
      entry: (entry) => ({ ...entry, key: namedSigner('one key').publicKey }),
    }),
    bad('seat of an outsider', 'SEAT_NOT_IN_ROSTER', FULL, {
      entry: (entry) => (entry.seat === 1 ? { ...entry, node: outsider.nodeId } : entry),
    }),
    bad('seat without the role', 'SEAT_NOT_CAPABLE', { ...FULL, cadre: 1 }, workerInSeat()),
    bad(
      'three ranks skipped for four seats',
      'SEAT_OUTSIDE_WINDOW',
      {
        ...FULL,
        nodes: 9,
        skipped: [0, 1, 2],
      },
      {},
    ),
    bad('entry signed for another seat', 'BAD_CADRE_SIGNATURE', FULL, {
      signedEntry: (entry) =>
        entry.seat === 0 ? { ...entry, signature: outsider.sign(entry.key) } : entry,
    }),
    bad(
      'key of small order',
      'INADMISSIBLE_KEY',
      { ...FULL, votes: [0, 1, 2] },
      {
        entry: (entry) => (entry.seat === 3 ? { ...entry, key: smallOrder } : entry),
      },
    ),
  ];
}

/** Seat 1 is given to the node that already has seat 0. */
function duplicateNode(): BadVector {
  let first: Uint8Array | undefined;
  return bad('two seats of one node', 'DUPLICATE_SEAT_NODE', FULL, {
    entry: (entry) => {
      first ??= entry.node;
      return entry.seat === 1 ? { ...entry, node: first } : entry;
    },
  });
}

/** The last node offers no seat, and is given one. */
function workerInSeat(): Bends {
  let node: Uint8Array | undefined;
  return {
    advert: (advert, index) => {
      if (index !== 5) return advert;
      node = advert.node;
      return { ...advert, roles: ['worker'] };
    },
    entry: (entry) => ({ ...entry, node: node! }),
  };
}

function commitVectors(): BadVector[] {
  const commit = (
    name: string,
    reason: string,
    edit: (commit: Certificate['commit']) => Partial<Certificate['commit']>,
  ) =>
    edited(name, reason, FULL, (good) => ({
      ...good,
      commit: { ...good.commit, ...edit(good.commit) },
    }));
  const chain = (name: string, reason: string, edit: Parameters<typeof withHeaders>[1]) => ({
    name,
    reason,
    bytes: withHeaders(SMALL, edit).bytes,
  });
  const linked = withHeaders(SMALL).certificate;
  return [
    bad('another epoch', 'WRONG_EPOCH', FULL, { commit: (body) => ({ ...body, epoch: 1 }) }),
    bad('a commit over no result', 'NO_RESULT', FULL, {
      commit: (body) => ({ ...body, resultsRoot: ZERO_DIGEST }),
    }),
    commit('a vote of seat 4 of 4', 'BAD_SIGNER_BITMAP', () => ({ signers: Uint8Array.of(0x1f) })),
    commit('bitmap too long', 'BAD_SIGNER_BITMAP', () => ({ signers: Uint8Array.of(0x0f, 0) })),
    commit('a signature too few', 'WRONG_SIGNATURE_COUNT', ({ sigs }) => ({
      sigs: sigs.subarray(64),
    })),
    bad('two votes of four', 'TOO_FEW_SIGNERS', { ...FULL, votes: [1, 3] }, {}),
    commit('one vote twice', 'BAD_COMMIT_SIGNATURE', ({ sigs }) => ({
      sigs: concatBytes([sigs.subarray(0, 64), sigs.subarray(0, 192)]),
    })),
    commit('votes in another order', 'BAD_COMMIT_SIGNATURE', ({ sigs }) => ({
      sigs: concatBytes([sigs.subarray(64), sigs.subarray(0, 64)]),
    })),
    commit('votes for another state', 'BAD_COMMIT_SIGNATURE', ({ blockId: id }) => ({
      stateRoot: id,
    })),
    commit('votes of another plan', 'BAD_COMMIT_SIGNATURE', () => ({
      sigs: makeCertificate({ ...FULL, label: 'other' }).certificate.commit.sigs,
    })),
    edited('headers of another block', 'BROKEN_HEADER_LINK', SMALL, (good) => ({
      ...good,
      headers: linked.headers,
    })),
    {
      name: 'a header left out',
      reason: 'BROKEN_HEADER_LINK',
      bytes: encodeCertificate({
        ...linked,
        headers: [linked.headers[0]!, linked.headers[2]!],
      }),
    },
    chain('headers of another height', 'WRONG_HEADER_HEIGHT', { height: 9 }),
    chain('headers of another plan', 'HEADER_OF_OTHER_PLAN', { planId: ZERO_DIGEST }),
    chain('headers of another result', 'HEADER_OF_OTHER_RESULT', { resultsRoot: ZERO_DIGEST }),
  ];
}

/** A kernel that no build knows: only the structure of its regions can be checked. */
const unknownKernel: Pick<Bends, 'spec'> = {
  spec: (spec) => ({ ...spec, kernel: 'mystery@1', kernelDigest: spec.kernelDigest }),
};

function regionVectors(): BadVector[] {
  const regions = (name: string, reason: string, shape: number[], boxes: Region[]) =>
    bad(name, reason, SMALL, {
      ...unknownKernel,
      outputs: () => [{ name: 'out', dtype: '|u1', shape }],
      leaf: (leaf, shard) => ({ ...leaf, regions: [boxes[shard]!] }),
    });
  const line = (offset: number, extent: number): Region => ({ offset: [offset], shape: [extent] });
  return [
    edited('a leaf too few', 'WRONG_LEAF_COUNT', SMALL, (good) => ({
      ...good,
      results: { ...good.results, counts: good.results.counts.subarray(1) },
    })),
    edited('a digest too many', 'WRONG_COLUMNS', SMALL, (good) => ({
      ...good,
      results: {
        ...good.results,
        digests: concatBytes([good.results.digests, new Uint8Array(32)]),
      },
    })),
    bad('two outputs of one name', 'DUPLICATE_OUTPUT', SMALL, {
      ...unknownKernel,
      outputs: ([out]) => [out!, out!],
      leaf: (leaf) => ({
        ...leaf,
        regions: [...leaf.regions, ...leaf.regions],
        digests: [...leaf.digests, ...leaf.digests],
      }),
    }),
    bad('output renamed', 'WRONG_OUTPUTS', SMALL, {
      outputs: ([out]) => [{ ...out!, name: 'put' }],
    }),
    bad('output of another dtype', 'WRONG_OUTPUTS', SMALL, {
      outputs: ([out]) => [{ ...out!, dtype: '|i1' }],
    }),
    regions(
      'output beyond exact arithmetic',
      'OUTPUT_TOO_LARGE',
      [2 ** 30, 2 ** 30],
      [
        { offset: [0, 0], shape: [2 ** 30, 2 ** 29] },
        { offset: [0, 2 ** 29], shape: [2 ** 30, 2 ** 29] },
      ],
    ),
    regions('region beyond the output', 'REGION_OUTSIDE_OUTPUT', [64], [line(0, 32), line(32, 33)]),
    regions('a gap', 'NOT_A_TILING', [64], [line(0, 32), line(33, 31)]),
    regions('an overlap', 'NOT_A_TILING', [64], [line(0, 33), line(32, 32)]),
    regions(
      'overlap and gap of equal size',
      'NOT_A_TILING',
      [2, 2],
      [
        { offset: [0, 0], shape: [1, 2] },
        { offset: [0, 1], shape: [2, 1] },
      ],
    ),
    regions(
      'no elements, another shape',
      'WRONG_OUTPUT_SHAPE',
      [0, 7],
      [
        { offset: [0, 0], shape: [0, 5] },
        { offset: [0, 5], shape: [0, 1] },
      ],
    ),
    bad('cut otherwise than the kernel cuts', 'WRONG_REGIONS', SMALL, {
      leaf: (leaf, shard) => ({ ...leaf, regions: [shard === 0 ? line(0, 31) : line(31, 33)] }),
    }),
    bad('committed root of other results', 'WRONG_RESULTS_ROOT', SMALL, {
      commit: (body) => ({ ...body, resultsRoot: body.blockId }),
    }),
    edited('a digest exchanged', 'WRONG_RESULTS_ROOT', { ...SMALL, receipts: false }, (good) => ({
      ...good,
      results: { ...good.results, digests: good.results.digests.toReversed() },
    })),
  ];
}

function workerVectors(): BadVector[] {
  const workers = (
    name: string,
    reason: string,
    recipe: Recipe,
    list: number[],
    more: Bends = {},
  ) =>
    bad(
      name,
      reason,
      { ...recipe, receipts: false },
      {
        ...more,
        leaf: (leaf) => ({ ...leaf, workers: list }),
      },
    );
  const seat = makeCertificate(WIDE).certificate;
  const seatPosition =
    seat.roster.kind === 'whole'
      ? seat.roster.adverts.findIndex((each) => sameBytes(each.advert.node, seat.cadre[0]!.node))
      : -1;
  return [
    workers('one worker where two must agree', 'TOO_FEW_WORKERS', FULL, [0]),
    workers('more workers than may run a shard', 'TOO_MANY_WORKERS', FULL, [0, 1, 2, 3, 4, 5]),
    workers('workers out of order', 'WORKERS_NOT_ASCENDING', FULL, [2, 1]),
    workers('one worker twice', 'WORKERS_NOT_ASCENDING', FULL, [1, 1]),
    {
      name: 'worker of no roster',
      reason: 'WORKER_NOT_IN_ROSTER',
      bytes: encodeCanonical(
        ((good: Certificate) => ({
          ...good,
          results: { ...good.results, workers: new Uint8Array(4).fill(9) },
        }))(makeCertificate(SMALL).certificate),
      ),
    },
    bad(
      'worker without the kernel',
      'WORKER_NOT_CAPABLE',
      { ...SMALL, receipts: false },
      {
        advert: (advert) => ({
          ...advert,
          kernels: advert.kernels.map((offer) => ({ ...offer, digest: ZERO_DIGEST })),
        }),
      },
    ),
    workers('seat that works beside a full roster', 'WORKER_HOLDS_SEAT', WIDE, [seatPosition]),
    notEntitled(),
    bad('fewer able nodes than replicas', 'IMPOSSIBLE_PLACEMENT', SMALL, {
      spec: (spec) => ({ ...spec, policy: { ...spec.policy, replicas: 3 } }),
    }),
  ];
}

/** With one replica the first three of a shard's order are entitled; this names the last. */
function notEntitled(): BadVector {
  const { certificate, spec } = makeCertificate(WIDE);
  if (certificate.roster.kind !== 'whole') throw new Error('the roster is small');
  const seat = certificate.cadre[0]!.node;
  const nodes = certificate.roster.adverts.map((signed) => signed.advert.node);
  const positions = [...nodes.keys()].filter((position) => !sameBytes(nodes[position]!, seat));
  const placed = place({
    seed: seedOf(planIdOf(certificate.plan)),
    candidates: positions.map((position) => ({ node: nodes[position]!, weight: 1_000_000 })),
    shardCount: spec.shards,
    replicas: spec.policy.replicas,
  });
  if (!placed.ok) throw new Error(placed.reason);
  const last = positions[placed.value.order(0).at(-1)!]!;
  return bad('worker far down the order', 'WORKER_NOT_ENTITLED', WIDE, {
    leaf: (leaf, shard) => (shard === 0 ? { ...leaf, workers: [last] } : leaf),
  });
}

function receiptVectors(): BadVector[] {
  const receipts = (
    name: string,
    reason: string,
    edit: (receipts: NonNullable<Certificate['receipts']>) => unknown,
  ) => edited(name, reason, FULL, (good) => ({ ...good, receipts: edit(good.receipts!) }));
  return [
    receipts('a receipt missing', 'MISSING_RECEIPT', (all) => all.slice(1)),
    receipts('a receipt twice', 'RECEIPTS_NOT_ASCENDING', (all) => [all[0], ...all]),
    receipts('a result opened twice', 'DUPLICATE_RECEIPT', (all) => [
      all[0],
      { ...all[0], wave: 1 },
      ...all.slice(1),
    ]),
    receipts('receipts out of order', 'RECEIPTS_NOT_ASCENDING', (all) => all.toReversed()),
    receipts('receipt of a worker that did not agree', 'RECEIPT_OF_OTHER_WORKER', (all) => [
      ...all.slice(0, -1),
      { ...all.at(-1)!, worker: 511 },
    ]),
    receipts('a salt too few', 'BAD_RECEIPT', ([first, ...rest]) => [
      { ...first, salts: first!.salts.subarray(16) },
      ...rest,
    ]),
    receipts('a tuple beyond the batch', 'BAD_RECEIPT', ([first, ...rest]) => [
      { ...first, closed: new Uint8Array(32), closedAt: Uint8Array.of(0, 0, 0, 99) },
      ...rest,
    ]),
    receipts('another salt', 'BAD_RECEIPT_SIGNATURE', ([first, ...rest]) => [
      { ...first, salts: first!.salts.toReversed() },
      ...rest,
    ]),
    receipts('another wave', 'BAD_RECEIPT_SIGNATURE', ([first, ...rest]) => [
      { ...first, wave: 1 },
      ...rest,
    ]),
  ];
}
