/** Certificates that must be accepted. */
import { concatBytes, u32 } from '../../../src/base/bytes.ts';
import { type Certificate, encodeCertificate } from '../../../src/certificate/format.ts';
import { signTagged } from '../../../src/crypto/portable/signed.ts';
import { planIdOf } from '../../../src/job/plan.ts';
import { sealBatchRoot, sealBody, sealLeaves } from '../../../src/job/records.ts';
import { unpackShards } from '../../../src/job/shard-list.ts';
import type { Region } from '../../../src/kernel/contract.ts';
import { signInvitation } from '../../../src/swarm/admission.ts';
import { TAGS } from '../../../src/wire/tags.ts';
import { type MadeCertificate, makeCertificate } from '../certificate-factory.ts';
import { unwrap } from '../job-factory.ts';
import { epochRecipes } from './epoch-vectors.ts';
import { authority, labelled, NETWORK, type Recipe } from './recipe.ts';
import { FULL, type GoodVector, SMALL, WIDE, withHeaders, withPart } from './vector.ts';

/** Only with the nodes that it needs. */
function inPart(recipe: Recipe): MadeCertificate {
  const made = makeCertificate(recipe);
  const certificate = withPart(made.certificate);
  return { ...made, certificate, bytes: encodeCertificate(certificate) };
}

export function goodVectors(): GoodVector[] {
  const matrix = {
    data: Float32Array.from({ length: 12 }, (_, i) => i / 4),
    shape: [3, 4],
  };
  const other = { data: Float32Array.from({ length: 20 }, (_, i) => 5 - i), shape: [4, 5] };
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
    { name: 'part of the roster', made: inPart({ ...WIDE, label: 'part' }) },
    { name: 'a seat given to a stand-in', made: makeCertificate(epochRecipes.CHANGED) },
    { name: 'two seats given away, part of the roster', made: inPart(epochRecipes.TWICE) },
    {
      name: 'unknown kernel, cut in columns',
      made: unknownKernel([4, 16], (shard) => ({ offset: [0, 8 * shard], shape: [4, 8] })),
    },
    {
      name: 'an extent over 32 bits',
      made: unknownKernel([2 ** 33, 0], () => ({ offset: [0, 0], shape: [2 ** 33, 0] })),
    },
    ...admittedVectors(),
    {
      name: 'a seat that does not work',
      made: makeCertificate({
        ...SMALL,
        bend: {
          advert: (advert, index) => ({ ...advert, roles: [index === 0 ? 'cadre' : 'worker'] }),
        },
      }),
    },
    { name: 'a batch opened in part', made: withClosedTuple() },
  ];
}

/** Whose adverts carry proofs: what they are worth depends on who asks. */
function admittedVectors(): GoodVector[] {
  return [
    {
      name: 'nodes that claim to be admitted',
      made: makeCertificate({
        ...SMALL,
        bend: {
          advert: (advert) => ({
            ...advert,
            admission: { kind: 'open', proof: new Uint8Array(64) },
          }),
        },
      }),
    },
    {
      name: 'invited nodes',
      made: makeCertificate({
        ...SMALL,
        bend: {
          advert: (advert) => {
            const proof = signInvitation(authority, NETWORK, advert.node);
            return { ...advert, admission: { kind: 'invite', proof } };
          },
        },
      }),
    },
  ];
}

/** Two shards of 32 zero bytes each, in regions that only their structure can judge. */
function unknownKernel(shape: readonly number[], region: (shard: number) => Region) {
  return makeCertificate({
    ...SMALL,
    bend: {
      spec: (spec) => ({ ...spec, kernel: 'mystery@1' }),
      outputs: () => [{ name: 'out', dtype: '|u1', shape }],
      leaf: (leaf, shard) => ({ ...leaf, regions: [region(shard)] }),
    },
  });
}

/** The first worker also sealed something that nobody agreed with: its tuple stays closed. */
function withClosedTuple(): MadeCertificate {
  const made = makeCertificate(SMALL);
  const planId = planIdOf(made.certificate.plan);
  const [receipt, ...rest] = made.certificate.receipts!;
  const worker = made.nodes[receipt!.worker]!;
  const { tuples, wave, shards } = made.seals[0]!;
  const closed = labelled('closed');
  const opened = unwrap(unpackShards(shards, made.spec.shards));
  const root = sealBatchRoot(concatBytes([closed, sealLeaves(opened, tuples)]));
  const body = sealBody({ planId, worker: worker.nodeId, wave }, root);
  const signature = signTagged(worker, TAGS.signSeal, body);
  const certificate: Certificate = {
    ...made.certificate,
    receipts: [{ ...receipt!, closed, closedAt: u32(0), signature }, ...rest],
  };
  return { ...made, certificate, bytes: encodeCertificate(certificate) };
}
