/**
 * Writes a certificate from a finished job: the plan package, the commit certificate and what the
 * ledger accepted (docs/protocol/certificate.md). It writes what it is given; whoever keeps the
 * result runs it through `openCertificate` first.
 */
import { concatBytes, toHex } from '../base/bytes.ts';
import { assert } from '../base/errors.ts';
import type { Digest } from '../base/ids.ts';
import type { Block, CommitCert } from '../consensus/types.ts';
import type { LedgerState } from '../job/ledger/ledger-state.ts';
import { acceptedDigests, agreeingWorkers } from '../job/ledger/read-ledger.ts';
import type { OpenPlan } from '../job/open-plan.ts';
import { type PlanPackage, planIdOf, seedOf } from '../job/plan.ts';
import type { RevealRecord, SealRecord } from '../job/records.ts';
import type { ArraySpec } from '../kernel/contract.ts';
import { cadreOrder } from '../swarm/cadre-order.ts';
import { rosterIndexOf, rosterPaths } from '../swarm/roster.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import { buildReceipts } from './build-receipts.ts';
import type { EpochLink } from './epochs.ts';
import { type Certificate, type CertificateRoster, encodeCertificate } from './format.ts';
import { type AcceptedShard, packResults, ResultColumns } from './result-columns.ts';

export interface CertificateParts {
  readonly package: PlanPackage;
  readonly outputs: readonly ArraySpec[];
  readonly commit: CommitCert;
  /** How the seats came to whoever signed the commit; none while nobody was replaced. */
  readonly epochs?: readonly EpochLink[];
  /** Newest first, from the commit's block back; none are needed. */
  readonly headers?: readonly Block[];
  /** By shard number, all of them. */
  readonly shards: readonly AcceptedShard[];
  /** Committed seals and reveals; without a complete set the receipts are attested only. */
  readonly seals: readonly { readonly id: Digest; readonly record: SealRecord }[];
  readonly reveals: readonly { readonly record: RevealRecord }[];
}

/** What makes a ledger state final. */
export interface CommitProof {
  /** Of the block that finished the job, or of a later one. */
  readonly commit: CommitCert;
  /** Oldest first. */
  readonly epochs: readonly EpochLink[];
  /** Newest first, from the commit's block back to the one that finished the job; may be empty. */
  readonly headers: readonly Block[];
}

/** The certificate file of a job whose ledger is done. */
export function certifyLedger(plan: OpenPlan, state: LedgerState, proof: CommitProof): Uint8Array {
  assert(state.isDone, 'only a finished job has a certificate');
  const shards = Array.from({ length: plan.spec.shards }, (_, shard) => ({
    regions: plan.kernel.regions(plan.spec.shards, shard),
    digests: acceptedDigests(plan, state, shard)!,
    workers: agreeingWorkers(plan, state, shard),
  }));
  return buildCertificate({
    package: plan.package,
    outputs: plan.kernel.outputs,
    shards,
    seals: state.seals,
    reveals: state.reveals,
    ...proof,
  });
}

/** The certificate file's bytes. */
export function buildCertificate(parts: CertificateParts): Uint8Array {
  return encodeCertificate(composeCertificate(parts));
}

/** The certificate before encoding. */
export function composeCertificate(parts: CertificateParts): Certificate {
  const { job, plan, cadre, roster } = parts.package;
  const results = packResults(parts.outputs, parts.shards);
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
    epochs: parts.epochs ?? [],
    commit: parts.commit,
    headers: chooseHeaders(parts.headers ?? []),
    results,
    ...(receipts === undefined ? {} : { receipts }),
  };
}

/** The commit's body alone proves the results root: a chain beyond the limit is left out. */
function chooseHeaders(headers: readonly Block[]): readonly Block[] {
  return headers.length <= LIMITS.certificateHeadersMax ? headers : [];
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
  parts: Pick<CertificateParts, 'package' | 'epochs'> & {
    readonly shards: readonly Pick<AcceptedShard, 'workers'>[];
  },
): CertificateRoster {
  const { roster, cadre, plan } = parts.package;
  const used = new Set<number>();
  for (const { workers } of parts.shards) for (const worker of workers) used.add(worker);
  const standIns = (parts.epochs ?? []).map(({ entry }) => entry);
  const open = new Set([...cadre, ...standIns].map((entry) => toHex(entry.node)));
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
