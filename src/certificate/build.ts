/**
 * Writes a certificate from a finished job: the plan package, the commit certificate and what the
 * ledger accepted (docs/protocol/certificate.md). It writes what it is given; whoever keeps the
 * result runs it through `openCertificate` first.
 */
import { concatBytes, toHex } from '../base/bytes.ts';
import type { Digest } from '../base/ids.ts';
import type { Block, CommitCert } from '../consensus/types.ts';
import { type PlanPackage, planIdOf, seedOf } from '../job/plan.ts';
import type { RevealRecord, SealRecord } from '../job/records.ts';
import type { ResolvedKernel } from '../kernel/contract.ts';
import { cadreOrder } from '../swarm/cadre-order.ts';
import { rosterIndexOf, rosterPaths } from '../swarm/roster.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { buildReceipts } from './build-receipts.ts';
import { type Certificate, type CertificateRoster, encodeCertificate } from './format.ts';
import { packResults, ResultColumns, type ResultLeaf } from './result-columns.ts';

/** What the ledger accepted for one shard. */
export interface AcceptedShard {
  /** Blob root per output. */
  readonly digests: readonly Digest[];
  /** Roster positions of the workers that agreed, ascending. */
  readonly workers: readonly number[];
}

export interface CertificateParts {
  readonly package: PlanPackage;
  readonly kernel: Pick<ResolvedKernel, 'outputs' | 'regions'>;
  readonly commit: CommitCert;
  /** Newest first, from the commit's block back; none are needed. */
  readonly headers?: readonly Block[];
  /** By shard number, all of them. */
  readonly shards: readonly AcceptedShard[];
  /** Committed seals and reveals; without a complete set the receipts are attested only. */
  readonly seals: readonly SealRecord[];
  readonly reveals: readonly RevealRecord[];
}

/** The certificate file's bytes. */
export function buildCertificate(parts: CertificateParts): Uint8Array {
  return encodeCertificate(composeCertificate(parts));
}

/** The certificate before encoding. */
export function composeCertificate(parts: CertificateParts): Certificate {
  const { kernel, shards } = parts;
  const { job, plan, cadre, roster } = parts.package;
  const leaves: ResultLeaf[] = shards.map((accepted, shard) => ({
    regions: kernel.regions(shards.length, shard),
    digests: accepted.digests,
    workers: accepted.workers,
  }));
  const results = packResults(kernel.outputs, leaves);
  const receipts = buildReceipts(new ResultColumns(results), {
    planId: planIdOf(plan),
    seals: parts.seals,
    reveals: parts.reveals,
    positionOf: (node) => rosterIndexOf(roster, node),
  });
  return {
    v: 1,
    kind: 'job',
    job,
    plan,
    roster: chooseRoster(parts),
    cadre,
    epochs: [],
    commit: parts.commit,
    headers: [...(parts.headers ?? [])],
    results,
    ...(receipts === undefined ? {} : { receipts }),
  };
}

/** Whole while it is small, because then placement and cadre order can be proven. */
function chooseRoster(parts: CertificateParts): CertificateRoster {
  const { roster } = parts.package;
  let bytes = 0;
  for (const signed of roster) bytes += encodeCanonical(signed).length;
  return bytes <= LIMITS.certificateRosterBytesMax
    ? { kind: 'whole', adverts: roster }
    : partOfRoster(parts);
}

/** Seats, skipped candidates and agreeing workers, each with its inclusion path. */
export function partOfRoster(
  parts: Pick<CertificateParts, 'package' | 'shards'>,
): CertificateRoster {
  const { roster, cadre, plan } = parts.package;
  const used = new Set(parts.shards.flatMap((shard) => shard.workers));
  const open = new Set(cadre.map((entry) => toHex(entry.node)));
  const capable = [...roster.keys()].filter((i) => roster[i]!.advert.roles.includes('cadre'));
  const order = cadreOrder(
    seedOf(planIdOf(plan)),
    capable.map((position) => roster[position]!.advert),
  );
  for (let rank = 0; rank < order.length && open.size > 0; rank++) {
    const position = capable[order[rank]!]!;
    used.add(position);
    open.delete(toHex(roster[position]!.advert.node));
  }
  const positions = [...used].sort((a, b) => a - b);
  const paths = rosterPaths(roster, positions);
  const members = positions.map((position, i) => ({
    index: position,
    advert: roster[position]!,
    path: concatBytes(paths[i]!),
  }));
  return { kind: 'part', count: roster.length, members };
}
