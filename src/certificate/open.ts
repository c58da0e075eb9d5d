/**
 * Opens a certificate: bytes in, every check of docs/protocol/certificate.md section 5 up to step
 * 8, facts out. Cheap bounds come before hashes and hashes before signatures, so that a hostile
 * file cannot burn the processor of whoever looks at it.
 */
import { equalBytes } from '../base/bytes.ts';
import type { Digest, NodeId } from '../base/ids.ts';
import { accept, type Checked, type Refusal, refuse } from '../base/verdict.ts';
import type { CadreEntry } from '../job/plan.ts';
import type { JobSpec } from '../job/spec.ts';
import { workerSpeed } from '../job/worker-speed.ts';
import { type CadreFacts, checkCadre } from './check-cadre.ts';
import { checkCommit, checkHeaders } from './check-commit.ts';
import { checkEntitlement, type Entitlement } from './check-entitlement.ts';
import { checkReceiptSignatures, openReceipts } from './check-receipts.ts';
import { checkRegions, checkWorkers, mayCadreWork, rootOfColumns } from './check-results.ts';
import { checkRoster, type RosterView } from './check-roster.ts';
import { checkSignatures } from './check-signatures.ts';
import { checkSpec, type SpecFacts } from './check-spec.ts';
import { type EndedEpoch, followEpochs } from './epochs.ts';
import { type Certificate, decodeCertificate } from './format.ts';
import { ResultColumns } from './result-columns.ts';

/** A certificate that is consistent in itself. */
export interface OpenedCertificate {
  readonly certificate: Certificate;
  readonly spec: JobSpec;
  readonly jobId: Digest;
  readonly planId: Digest;
  /** Of the cadre that the plan began with. */
  readonly cadreRoot: Digest;
  readonly resultsRoot: Digest;
  /**
   * Version of the kernel's numeric contract; undefined when this build does not know the kernel.
   */
  readonly numericContract: number | undefined;
  readonly roster: RosterView;
  /** Those who signed the result, by seat. */
  readonly signers: readonly NodeId[];
  /** Everyone who ever had a seat, those of the first cadre first. */
  readonly seated: readonly NodeId[];
  /** Cadre ranks passed over as unreachable. */
  readonly skipped: readonly number[];
  /** A seat's node could also be given shards: the roster was too small to keep them apart. */
  readonly overlap: boolean;
  readonly entitlement: Entitlement;
  readonly receipts: 'checked' | 'attested';
  readonly results: ResultColumns;
  /** Nodes that agreed on a shard, ascending: where its outputs can be fetched. */
  workersOf(shard: number): readonly NodeId[];
}

/** Reasons: docs/protocol/certificate.md, section 7. Never throws, whatever the bytes. */
export function openCertificate(encoded: Uint8Array): Checked<OpenedCertificate> {
  const decoded = decodeCertificate(encoded);
  if (!decoded.ok) return decoded;
  const certificate = decoded.value;
  const spec = checkSpec(certificate);
  if (!spec.ok) return spec;
  const parties = checkParties(certificate, spec.value);
  if (!parties.ok) return parties;
  const results = checkResults(certificate, spec.value, parties.value);
  if (!results.ok) return results;
  const { roster, cadre, epochs } = parties.value;
  const last = epochs.at(-1)!;
  const { jobId, planId } = spec.value;
  return accept({
    certificate,
    spec: spec.value.spec,
    jobId,
    planId,
    cadreRoot: epochs[0]!.cadreRoot,
    resultsRoot: certificate.commit.resultsRoot,
    numericContract: spec.value.kernel?.numericContract,
    roster,
    signers: last.signers.map((seat) => last.seats[seat]!.node),
    seated: [...certificate.cadre, ...standInsOf(certificate)].map(({ node }) => node),
    skipped: cadre.skipped,
    overlap: hasOverlap(spec.value.spec, parties.value),
    entitlement: results.value.entitlement,
    receipts: certificate.receipts === undefined ? 'attested' : 'checked',
    results: results.value.columns,
    workersOf: (shard) =>
      results.value.columns.workers(shard).map((position) => roster.at(position)!.advert.node),
  });
}

/** Workers are kept apart from the first cadre only: who would stand in was nobody's to know. */
function hasOverlap(spec: JobSpec, { roster, cadre }: Parties): boolean {
  const { positions, standInPositions } = cadre;
  const mixed = [...(mayCadreWork(spec, roster.count) ? positions : []), ...standInPositions];
  return mixed.some((position) => workerSpeed(roster.at(position)!.advert, spec) !== undefined);
}

function standInsOf({ epochs }: Certificate): CadreEntry[] {
  return epochs.map(({ entry }) => entry);
}

interface Parties {
  readonly roster: RosterView;
  readonly cadre: CadreFacts;
  /** Whose votes ended each epoch, the last one with the result. */
  readonly epochs: readonly EndedEpoch[];
}

/** Steps 3 to 5: who was there, who had a seat, who signed; no signature is checked yet. */
function checkParties(certificate: Certificate, facts: SpecFacts): Checked<Parties> {
  const { plan, commit } = certificate;
  const roster = checkRoster(certificate.roster, {
    rosterRoot: plan.rosterRoot,
    network: facts.spec.network,
  });
  if (!roster.ok) return roster;
  const seatCount = facts.spec.policy.cadre;
  const entries = { first: certificate.cadre, standIns: standInsOf(certificate) };
  const cadre = checkCadre(entries, seatCount, facts.seed, roster.value);
  if (!cadre.ok) return cadre;
  const chain = followEpochs(certificate.cadre, certificate.epochs);
  if (!chain.ok) return chain;
  const { ended, last } = chain.value;
  const signers = checkCommit(commit, seatCount, last.epoch);
  if (!signers.ok) return signers;
  const problem = checkHeaders(certificate.headers, commit, facts.planId);
  if (problem !== undefined) return problem;
  const epochs = [...ended, { ...last, commit, signers: signers.value }];
  return accept({ roster: roster.value, cadre: cadre.value, epochs });
}

/** Steps 6 to 8. */
function checkResults(
  certificate: Certificate,
  facts: SpecFacts,
  parties: Parties,
): Checked<{ columns: ResultColumns; entitlement: Entitlement }> {
  const { spec, seed, planId, kernel } = facts;
  const { roster, cadre, epochs } = parties;
  const opened = ResultColumns.open(certificate.results, spec.shards);
  if (!opened.ok) return opened;
  const columns = opened.value;
  const problem =
    checkRegions(columns, kernel?.resolved) ??
    checkWorkers(columns, spec, roster, cadre.positions) ??
    checkUnused(columns, roster, cadre);
  if (problem !== undefined) return problem;
  const receipts =
    certificate.receipts === undefined ? accept([]) : openReceipts(certificate.receipts, columns);
  if (!receipts.ok) return receipts;
  const unsigned = checkSignatures({ certificate, planId, epochs, roster });
  if (unsigned !== undefined) return unsigned;
  const seatPositions = cadre.positions;
  const entitlement = checkEntitlement(columns, { spec, seed, roster, seatPositions });
  if (!entitlement.ok) return entitlement;
  if (!equalBytes(rootOfColumns(columns, roster), certificate.commit.resultsRoot)) {
    return refuse('wrong-results-root');
  }
  const unsealed = checkReceiptSignatures(receipts.value, { planId, columns, roster });
  return unsealed ?? accept({ columns, entitlement: entitlement.value });
}

/** In a part of a roster nobody stands without a reason. Reason: `unused-advert`. */
function checkUnused(
  columns: ResultColumns,
  roster: RosterView,
  cadre: CadreFacts,
): Refusal | undefined {
  if (roster.kind === 'whole') return undefined;
  const { positions, standInPositions, skippedPositions } = cadre;
  const used = new Set([...positions, ...standInPositions, ...skippedPositions]);
  for (let shard = 0; shard < columns.shardCount; shard++) {
    for (const position of columns.workers(shard)) used.add(position);
  }
  return used.size === roster.positions.length ? undefined : refuse('unused-advert');
}
