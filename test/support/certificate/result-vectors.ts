/** Certificates whose results, workers or receipts are wrong. */
import { concatBytes } from '../../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../../src/base/ids.ts';
import type { Certificate } from '../../../src/certificate/format.ts';
import { planIdOf, seedOf } from '../../../src/job/plan.ts';
import type { Region } from '../../../src/kernel/contract.ts';
import { place } from '../../../src/swarm/placement.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { makeCertificate } from '../certificate-factory.ts';
import type { Bends, Recipe } from './recipe.ts';
import { type BadVector, bad, edited, FULL, SMALL, sameBytes, WIDE } from './vector.ts';

/** A kernel that no build knows: only the structure of its regions can be checked. */
const unknownKernel: Pick<Bends, 'spec'> = {
  spec: (spec) => ({ ...spec, kernel: 'mystery@1', kernelDigest: spec.kernelDigest }),
};

export function regionVectors(): BadVector[] {
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
        digests: concatBytes([leaf.digests, leaf.digests]),
      }),
    }),
    bad('output renamed', 'WRONG_OUTPUTS', SMALL, {
      outputs: ([out]) => [{ ...out!, name: 'put' }],
    }),
    bad('output of another dtype', 'WRONG_OUTPUTS', SMALL, {
      outputs: ([out]) => [{ ...out!, dtype: '|i1' }],
    }),
    bad('cut otherwise than the kernel cuts', 'WRONG_REGIONS', SMALL, {
      leaf: (leaf, shard) => ({
        ...leaf,
        regions: [shard === 0 ? { offset: [0], shape: [31] } : { offset: [31], shape: [33] }],
      }),
    }),
    bad('committed root of other results', 'WRONG_RESULTS_ROOT', SMALL, {
      commit: (body) => ({ ...body, resultsRoot: body.blockId }),
    }),
    edited('a digest exchanged', 'WRONG_RESULTS_ROOT', { ...SMALL, receipts: false }, (good) => ({
      ...good,
      results: { ...good.results, digests: good.results.digests.toReversed() },
    })),
    ...tilingVectors(),
  ];
}

function tilingVectors(): BadVector[] {
  const regions = (name: string, reason: string, shape: number[], boxes: Region[]) =>
    bad(name, reason, SMALL, {
      ...unknownKernel,
      outputs: () => [{ name: 'out', dtype: '|u1', shape }],
      leaf: (leaf, shard) => ({ ...leaf, regions: [boxes[shard]!] }),
    });
  const line = (offset: number, extent: number): Region => ({ offset: [offset], shape: [extent] });
  return [
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
  ];
}

export function workerVectors(): BadVector[] {
  const workers = (name: string, reason: string, recipe: Recipe, list: number[]) =>
    bad(
      name,
      reason,
      { ...recipe, receipts: false },
      {
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

export function receiptVectors(): BadVector[] {
  const receipts = (
    name: string,
    reason: string,
    edit: (receipts: NonNullable<Certificate['receipts']>) => unknown,
  ) => edited(name, reason, FULL, (good) => ({ ...good, receipts: edit(good.receipts!) }));
  return [
    tooManyReceipts(),
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
    receipts('shards out of order', 'BAD_RECEIPT', ([first, ...rest]) => [
      { ...first, shards: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0) },
      ...rest,
    ]),
    receipts('a closed tuple of no position', 'BAD_RECEIPT', ([first, ...rest]) => [
      { ...first, closed: new Uint8Array(32) },
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

/** One (shard, worker) pair more than a file may open: shards without elements, all alike. */
function tooManyReceipts(): BadVector {
  const nothing = { offset: [0], shape: [0] };
  const many: Recipe = { ...SMALL, shards: LIMITS.receiptPairsMax + 1, receipts: false };
  const { receipts } = makeCertificate(SMALL).certificate;
  return bad('more receipts than a file may hold', 'TOO_MANY_RECEIPTS', many, {
    ...unknownKernel,
    outputs: () => [{ name: 'out', dtype: '|u1', shape: [0] }],
    leaf: (leaf) => ({ ...leaf, regions: [nothing], digests: ZERO_DIGEST, workers: [0] }),
    certificate: (certificate) => ({ ...certificate, receipts: receipts! }),
  });
}
